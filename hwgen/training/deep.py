"""Networks of dense, convolutional and pooling layers with any PSP, trained by autograd.

The forward pass computes with the integers of the contract, held exactly in float32. While
training, thresholds are multiples (`level`, learnt) of the spread of a channel's potential over the
batch; elsewhere of its running mean, rounded down: the thresholds that are exported.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.functional import conv2d, cross_entropy, linear, max_pool2d, pad

from hwgen.recipe import StidiRecipe
from hwgen.spec import ConvSpec, InputSpec, LayerSpec, PoolSpec, WeightedSpec
from hwgen.training.firing import Kernel, fire
from hwgen.training.readout import first_crossing, first_spike

_MOMENTUM = 0.05  # of the running spread
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


class Layer(nn.Module):
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
        self.level = nn.Parameter(torch.zeros(n_out))
        self.register_buffer("spread", torch.ones(n_out))
        self.spread: Tensor
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

    def thresholds(self) -> Tensor:
        """As exported: float32 [n_out] of integers."""
        limits = (self.level * self.spread).clamp(min=0)
        return limits.floor() if self.rounded else limits

    def measure(self, potentials: Tensor) -> Tensor:
        """Spread of each channel over the batch at the last step; remembered while training."""
        last = potentials[-1].transpose(0, 1).flatten(1)
        spread = (last.var(dim=1, unbiased=False) + 0.1).sqrt()
        with torch.no_grad():
            self.spread.lerp_(spread, _MOMENTUM)
        return spread


class DeepNetwork(nn.Module):
    """Layers in order; within a step a spike of one layer reaches the next."""

    def __init__(
        self,
        input_spec: InputSpec,
        layers: tuple[LayerSpec, ...],
        n_steps: int,
        recipe: StidiRecipe,
    ) -> None:
        super().__init__()
        self.input, self.specs, self.n_steps, self.recipe = input_spec.post, layers, n_steps, recipe
        pools = [layer.size if isinstance(layer, PoolSpec) else 1 for layer in [*layers[1:], None]]
        pairs = list(zip([None, *layers], layers, strict=False))
        if any(isinstance(b, PoolSpec) and not isinstance(a, ConvSpec) for a, b in pairs):
            raise ValueError("pooling must follow a convolution")
        self.weighted = [
            Layer(layer, pool)
            for layer, pool in zip(layers, pools, strict=True)
            if not isinstance(layer, PoolSpec)
        ]
        self.layers = nn.ModuleList(self.weighted)
        self.gain = nn.Parameter(torch.zeros(()))  # of the output, in the loss only; a logarithm
        # Beyond all potentials while training: then the potential at the end decides.
        self.register_buffer("output_threshold", torch.tensor(2.0**31))
        self.output_threshold: Tensor

    def output_potentials(self, spike_times: Tensor, n_steps: int) -> Tensor:
        """Spike times int64 [n, n_inputs] -> [n_steps, n, n_classes].

        Times are in steps of the network, `self.n_steps` for never. With fewer `n_steps` than the
        network's, each lasts longer: the hidden layers are coarse, the input stays as fine.
        """
        return self._forward(spike_times, n_steps)[0]

    def _forward(self, spike_times: Tensor, n_steps: int) -> tuple[Tensor, Tensor]:
        """Output potentials, and the fraction of hidden neurons that fire (after pooling)."""
        first = self.weighted[0].spec
        pictures = spike_times.view(-1, 1, self.input.height, self.input.width)
        every = self.n_steps / n_steps
        psp = Kernel(first.psp, first.tau_steps, every).at(pictures, n_steps)
        fired, n_hidden = torch.zeros((), device=psp.device), 0
        for layer, after in zip(self.weighted, self.weighted[1:], strict=False):
            potentials = layer.potentials(psp)
            shape = (-1, *[1] * (potentials.dim() - 3))
            if self.training:
                spread, level = layer.measure(potentials), layer.level.clamp(min=0.01)
            else:
                spread, level = torch.ones_like(layer.level), layer.thresholds()
            psp = fire(
                potentials,
                spread.view(shape),
                level.view(shape),
                displacement=self.recipe.gradient == "displacement",
                width=self.recipe.width,
                kernel=Kernel(after.spec.psp, after.spec.tau_steps, every),
            )
            if not self.training:
                fired += (psp.amax(dim=0) > 0).sum()
                n_hidden += psp[0].numel()
        return self.weighted[-1].potentials(psp), fired / max(1, n_hidden)

    def decide(self, spike_times: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Decisions int64 [n], their steps int64 [n], fraction of hidden neurons that fire."""
        potentials, firing = self._forward(spike_times, self.n_steps)
        times, at_spike = first_crossing(potentials.transpose(0, 1), self.output_threshold)
        return first_spike(times, at_spike), times.min(dim=1).values, firing

    def set_gradients(self, spike_times: Tensor, labels: Tensor, n_steps: int) -> int:
        """Forward and backward on one batch; returns how many samples are decided wrongly."""
        potentials = self.output_potentials(spike_times, n_steps)
        last = potentials[-1]
        spread = (last - last.mean(dim=1, keepdim=True)).std().detach() + 1
        scores = potentials * (self.gain.exp() / spread)
        early = self.recipe.early_weight
        loss = (1 - early) * cross_entropy(scores[-1], labels)
        if early:
            before = scores[:-1].flatten(0, 1)
            loss = loss + early * cross_entropy(before, labels.repeat(len(scores) - 1))
        self.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        return int((last.argmax(dim=1) != labels).sum())

    def clip(self) -> None:
        """Keep parameters where they can still change what is exported."""
        with torch.no_grad():
            for layer in self.weighted:
                layer.shadow.clamp_(-1, 1)
                layer.level.clamp_(min=0)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """For the optimiser; `full_rate` is the learning rate before any schedule."""
        rate = self.recipe.learning_rate
        shadows = [layer.shadow for layer in self.weighted]
        others = [layer.level for layer in self.weighted[:-1]]
        return [
            {"params": shadows, "full_rate": rate},
            {"params": [*others, self.gain], "full_rate": rate},
        ]

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Small weights, so that they can change early."""
        for layer in self.weighted:
            drawn = torch.rand(layer.shadow.shape, generator=generator) * 2 - 1
            layer.shadow.copy_(0.1 * drawn)
            layer.level.fill_(self.recipe.level)
        self.gain.fill_(math.log(2))
