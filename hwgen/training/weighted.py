"""What dense and convolutional layers share in training: from shadow weights to potentials."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.functional import conv2d, linear, max_pool2d, pad

from hwgen.spec import ConvSpec, WeightedSpec

# By weight bits: the distance of integers, in standard deviations of a neuron's weights, at which
# rounding a normal distribution loses least (Max, "Quantizing for minimum distortion", 1960).
_STEPS = {2: 1.22, 3: 0.65, 4: 0.357, 5: 0.193, 6: 0.104, 7: 0.0575, 8: 0.0307}


class _Round(Function):
    """To integers, or signs; the gradient passes unchanged (straight-through)."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, binary: bool) -> Tensor:
        return torch.where(weights >= 0, 1.0, -1.0) if binary else weights.round()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


class Weighted(nn.Module):
    """A dense or convolutional layer, and the pooling behind it, if any.

    Pooling takes the largest potential of a window before it is compared: with one threshold a
    channel, the window's earliest crossing is the crossing of its maximum.
    Before shadow weights are rounded, the mean of each neuron's is subtracted, so that a bright
    image does not lift all potentials; and weights of several bits are divided by their spread, so
    that all integers are used, whatever the size of the shadows: thresholds are relative.
    """

    def __init__(self, spec: WeightedSpec, pool: int) -> None:
        super().__init__()
        self.spec, self.pool = spec, pool
        n_out = spec.n_thresholds
        shape: tuple[int, ...] = (n_out, spec.n_pre)
        if isinstance(spec, ConvSpec):
            shape = (n_out, spec.channels, spec.size, spec.size)
        self.shadow = nn.Parameter(torch.zeros(shape))
        self.rounded = True  # False computes with the shadows: only to measure what rounding costs

    def weights(self) -> Tensor:
        """Integer weights, float32: [n_out, n_pre] or [n_out, channels, size, size]."""
        mean = self.shadow.flatten(1).mean(dim=1)
        axes = [1] * (self.shadow.dim() - 1)
        weights = self.shadow - mean.view(-1, *axes)
        bits, limit = self.spec.weight_bits, self.spec.max_weight
        if bits > 1:
            spread = weights.detach().flatten(1).square().mean(dim=1).sqrt()
            weights = weights / (_STEPS[bits] * spread + 1e-9).view(-1, *axes)
        weights = weights.clamp(-limit, limit)
        if not self.rounded:
            return weights
        result: Tensor = _Round.apply(weights, bits == 1)  # type: ignore[no-untyped-call]
        return result

    def potentials(self, psp: Tensor) -> Tensor:
        """[n_steps, n, ...] -> [n_steps, n, n_out, ...], pooled."""
        n_steps, n = psp.shape[:2]
        if not isinstance(self.spec, ConvSpec):
            if psp.dim() == 5:  # neurons of a picture are numbered channels last
                psp = psp.permute(0, 1, 3, 4, 2)
            return linear(psp.flatten(2), self.weights())
        maps = self._convolve(psp.flatten(0, 1))
        if self.pool > 1:
            maps = max_pool2d(maps, self.pool)
        return maps.view(n_steps, n, *maps.shape[1:])

    def _convolve(self, maps: Tensor) -> Tensor:
        """[n, channels, height, width] -> [n, n_out, ...]; channels last in memory."""
        spec, weights = self.spec, self.weights()
        assert isinstance(spec, ConvSpec)
        if spec.channels == 1:
            # An empty second channel: with one, conv2d gives a layout that slows all that follows.
            maps, weights = (pad(x, [0, 0, 0, 0, 0, 1]) for x in (maps, weights))
            maps = maps.contiguous(memory_format=torch.channels_last)
        return conv2d(maps, weights, stride=spec.stride, padding=spec.padding)
