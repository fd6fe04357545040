"""What dense and convolutional layers share in training: from shadow weights to potentials."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function

from hwgen.network.layers.kinds import WeightedSpec
from hwgen.training.layers.kinds import synapses

# By weight bits: the distance of integers, in standard deviations of a neuron's weights, at which
# rounding a normal distribution loses least (Max, "Quantizing for minimum distortion", 1960).
_STEPS = {2: 1.22, 3: 0.65, 4: 0.357, 5: 0.193, 6: 0.104, 7: 0.0575, 8: 0.0307}


class _Quantized(Function):
    """Centred, scaled, limited, rounded; the gradient passes the rounding (straight-through).

    One function: a chain of autograd's would keep a copy of all weights for each of its links.
    """

    @staticmethod
    def forward(
        ctx: Any, shadow: Tensor, bits: int, limit: int, rounded: bool, reach: float
    ) -> Tensor:
        shape = (-1, *[1] * (shadow.dim() - 1))
        weights = shadow - shadow.flatten(1).mean(dim=1).view(shape)
        scale = None
        if bits > 1:
            spread = weights.flatten(1).square().mean(dim=1).sqrt()
            scale = (_STEPS[bits] * spread + 1e-9).view(shape)
            weights.div_(scale)
        far = reach * limit
        ctx.save_for_backward((weights < -far) | (weights > far), scale)
        weights.clamp_(-limit, limit)
        if not rounded:
            return weights
        if bits > 1:
            return weights.round_()
        is_positive = weights >= 0
        return weights.fill_(-1.0).masked_fill_(is_positive, 1.0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None]:
        is_outside, scale = ctx.saved_tensors
        gradient = gradients[0].masked_fill(is_outside, 0.0)
        if scale is not None:
            gradient.div_(scale)  # which passes for a constant
        mean = gradient.flatten(1).sum(dim=1) / gradient[0].numel()
        return gradient.sub_(mean.view(-1, *[1] * (gradient.dim() - 1))), None, None, None, None


class Weighted(nn.Module):
    """A dense or convolutional layer, and the pooling behind it, if any.

    Pooling takes the largest potential of a window before it is compared: with one threshold a
    channel, the window's earliest crossing is the crossing of its maximum.
    Before shadow weights are rounded, the mean of each neuron's is subtracted, so that a bright
    image does not lift all potentials; and weights of several bits are divided by their spread, so
    that all integers are used, whatever the size of the shadows: thresholds are relative.
    """

    def __init__(self, spec: WeightedSpec, pool: int) -> None:
        """spec: of the layer. pool: size of the windows behind it, 1 for none."""
        super().__init__()
        self.spec, self.pool = spec, pool
        self.synapses = synapses(spec)
        self.shadow = nn.Parameter(torch.zeros(self.synapses.shape))
        self.reach = 1.0  # shadows beyond so many of the largest weight do not learn
        self.rounded = True  # False computes with the shadows: only to measure what rounding costs

    def weights(self) -> Tensor:
        """Integer weights, float32: [n_out, n_pre] or [n_out, channels, size, size].

        Within plus and minus `spec.max_weight`; with `rounded` False they are not rounded.
        Gradients pass the rounding unchanged (straight-through).
        """
        result: Tensor = _Quantized.apply(  # type: ignore[no-untyped-call]
            self.shadow, self.spec.weight_bits, self.spec.max_weight, self.rounded, self.reach
        )
        return result

    def potentials(self, psp: Tensor, *, unit: float = 1.0, bias: Tensor | None = None) -> Tensor:
        """[n_steps, n, ...] -> [n_steps, n, n_out, ...], pooled.

        psp: float32, what each input adds at each point of time, times its weight. Integers in
        value stay exact below 2 ** 24. unit: of a weight, in units of potentials; a power of two.
        bias: float32 [n_thresholds], in units of potentials, added at each point of time.
        """
        weights = self.weights() if unit == 1 else self.weights() * unit
        return self.synapses.potentials(psp, weights, self.pool, bias)
