"""Networks of two-phase layers: each takes in a whole sample, then fires. `docs/phased.md`.

When a two-phase layer fires, its potentials rise by their drive, a constant a channel. So a spike
that comes s steps before the last possible one says how far the potential was above a limit, in
drives: its **activation**, 0 (never) to n_steps. dt/dV = -1 / drive is exact, and
STiDi-BP's displacement of spike times is the gradient itself. With the ramp as PSP a spike counts
its activation times its weight at the end of the sample, so training computes with activations,
once a layer, and not with steps.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function

from hwgen.network.layers.kinds import LayerSpec, WeightedSpec
from hwgen.network.spec import InputSpec
from hwgen.recipe import PhasedRecipe
from hwgen.training.autograd.firing import Kernel
from hwgen.training.autograd.stack import Stack, pools
from hwgen.training.learner import Exported
from hwgen.training.quantised import Weighted

_MOMENTUM = 0.05  # of the running mean and variance
_GRACE = 0.5  # a neuron that missed its last step by as many drives still learns


class _Moments(Function):
    """Mean and variance of each channel: [n, n_out, ...] -> [n_out] both.

    torch.var_mean takes six times as long where channels are last in memory.
    """

    @staticmethod
    def forward(ctx: Any, potentials: Tensor) -> tuple[Tensor, Tensor]:
        others = _all_but_channels(potentials)
        n = potentials.numel() // potentials.shape[1]
        mean = potentials.sum(dim=others, keepdim=True) / n
        variance = (potentials - mean).square_().sum(dim=others) / n
        ctx.save_for_backward(potentials, mean)
        return mean.flatten(), variance

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        potentials, mean = ctx.saved_tensors
        n = potentials.numel() // potentials.shape[1]
        by_mean, by_variance = (gradient.view_as(mean) / n for gradient in gradients)
        slope = 2 * by_variance
        return torch.addcmul(by_mean - slope * mean, potentials, slope)


class _RoundUp(Function):
    """Grades of potentials; the gradient passes where a spike can move (straight-through)."""

    @staticmethod
    def forward(ctx: Any, potentials: Tensor, limit: Tensor, drive: Tensor, n_steps: int) -> Tensor:
        excess = (potentials - limit).div_(drive)
        ctx.n_steps = n_steps
        ctx.save_for_backward(excess, drive)
        return excess.ceil().clamp_(0, n_steps)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        excess, drive = ctx.saved_tensors
        # The gradient where -_GRACE < excess < n_steps, else 0: in one pass.
        moving = torch.ops.aten.hardtanh_backward(gradients[0], excess, -_GRACE, ctx.n_steps)
        by_potential = moving.div_(drive)
        others = _all_but_channels(excess)
        by_limit = -by_potential.sum(dim=others, keepdim=True)
        by_drive = -(by_potential * excess).sum(dim=others, keepdim=True)
        return by_potential, by_limit, by_drive, None


class PhasedLayer(Weighted):
    """A hidden layer: limit and drive from mean and spread of its potentials over the batch.

    In units of the spread of a channel's potential, `gain` is the number of steps a unit takes, and
    `offset` the activation of the mean.
    """

    def __init__(self, spec: WeightedSpec, pool: int, n_steps: int) -> None:
        """spec: of the layer. pool: window size behind it, 1: none. n_steps: of a phase."""
        super().__init__(spec, pool)
        n, self.n_steps = spec.n_thresholds, n_steps
        self.momentum = _MOMENTUM
        self.gain = nn.Parameter(torch.ones(n))
        self.offset = nn.Parameter(torch.zeros(n))
        self.register_buffer("mean", torch.zeros(n))
        self.register_buffer("variance", torch.ones(n))
        self.mean: Tensor
        self.variance: Tensor

    def activations(self, potentials: Tensor) -> Tensor:
        """[n, n_out, ...] at the end of the sample -> activations of the same shape.

        Integers in value, 0 (never) .. n_steps. While training, mean and spread are the batch's;
        elsewhere the running ones.
        """
        mean, variance = self.mean, self.variance
        if self.training:
            mean, variance = _Moments.apply(potentials)  # type: ignore[no-untyped-call]
            with torch.no_grad():
                self.mean.lerp_(mean, self.momentum)
                self.variance.lerp_(variance, self.momentum)
        limit, drive = self._firing(mean, variance)
        shape = (1, -1, *[1] * (potentials.dim() - 2))
        result: Tensor = _RoundUp.apply(  # type: ignore[no-untyped-call]
            potentials, limit.view(shape), drive.view(shape), self.n_steps
        )
        return result

    def _firing(self, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        """Limit and drive, float32 [n_out] of integers; a potential above the limit fires."""
        drive = (variance + 0.1).sqrt() / self.gain
        limit = mean - self.offset * drive
        if self.rounded:
            # Rounded in training, too: then export changes nothing, and golden's potentials are
            # these.
            drive = _straight(drive, drive.round().clamp(1, self.spec.max_slope))
            limit = _straight(limit, limit.floor())
        # Thresholds, which are limits as seen after all drives, must not be negative.
        return torch.maximum(limit, -self.n_steps * drive), drive

    def exported(self) -> Exported:
        """Weights, thresholds and drives."""
        limit, drive = self._firing(self.mean, self.variance)
        return Exported(self.weights(), limit + self.n_steps * drive, drive)


def _all_but_channels(maps: Tensor) -> list[int]:
    """Axes of [n, channels, ...]."""
    return [axis for axis in range(maps.dim()) if axis != 1]


def _straight(value: Tensor, rounded: Tensor) -> Tensor:
    """`rounded`, with the gradient of `value`."""
    return value + (rounded - value).detach()


class PhasedNetwork(Stack):
    """Two-phase layers in order, and an output that fires as it integrates."""

    def __init__(
        self,
        input_spec: InputSpec,
        layers: tuple[LayerSpec, ...],
        n_steps: int,
        recipe: PhasedRecipe,
    ) -> None:
        """layers: all but the last are phased, or pool. Raises ValueError as `stack.pools` does."""
        super().__init__(input_spec, layers, n_steps, label_smoothing=recipe.label_smoothing)
        self.recipe = recipe
        self._hidden = [
            PhasedLayer(layer, pool, n_steps)  # type: ignore[arg-type]  # none is of pooling
            for layer, pool in pools(layers)
        ]
        self.hidden = nn.ModuleList(self._hidden)
        for layer in self.layers:
            layer.reach = recipe.weight_reach

    @property
    def layers(self) -> list[Weighted]:
        """All layers that have weights; the output is the last."""
        return [*self._hidden, self.output]

    def n_points(self, epoch: int) -> int:
        """1 in any epoch: only the end of the sample is computed."""
        return 1  # the end of the sample

    def run(self, spike_times: Tensor, n_points: int) -> tuple[Tensor, Tensor]:
        """Output potentials [n_points, n, n_classes] and the fraction that fires; see `Stack.run`.

        Hidden layers are computed once, with activations in place of steps (`docs/phased.md`).
        """
        activations = (self.n_steps - self.feature_maps(spike_times)).float()
        fired, n_hidden = torch.zeros((), device=activations.device), 0
        narrow = torch.autocast(
            activations.device.type, torch.bfloat16, enabled=self.training and self.recipe.bfloat16
        )
        for layer in self._hidden:
            with narrow:
                potentials = layer.potentials(activations[None]).squeeze(0)
            activations = layer.activations(potentials.float())
            if not self.training:
                fired += (activations > 0).sum()
                n_hidden += activations.numel()
        every = self.n_steps / n_points
        psp = Kernel("ramp", every=every).at(self.n_steps - activations, n_points)
        with narrow:
            potentials = self.output.potentials(psp)
        return potentials.float(), fired / max(1, n_hidden)

    @torch.no_grad()
    def settle(self, batches: Iterable[Tensor]) -> None:
        """Running means of weights that were set, not learnt: plain means over these batches.

        batches: spike times int64 [n, n_inputs] each.
        """
        self.train()
        for index, spike_times in enumerate(batches):
            for layer in self._hidden:
                # A running mean with this momentum is the plain mean of all batches so far.
                layer.momentum = 1 / (index + 1)
            self.run(spike_times, 1)
        for layer in self._hidden:
            layer.momentum = _MOMENTUM

    def exported(self) -> list[Exported]:
        """Weights, thresholds and drives of `layers`; the output has no drives."""
        output = Exported(self.output.weights(), self.output_threshold.reshape(1))
        return [*(layer.exported() for layer in self._hidden), output]

    @torch.no_grad()
    def clip(self) -> None:
        """Binary shadows back into -1..1; gains stay above 0."""
        for layer in self.layers:
            if layer.spec.weight_bits == 1:  # others are divided by their spread
                layer.shadow.clamp_(-1, 1)
        for layer in self._hidden:
            layer.gain.clamp_(min=0.1)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Shadows at the recipe's learning rate, gains and offsets at its `neuron_rate`."""
        gains = [layer.gain for layer in self._hidden]
        offsets = [layer.offset for layer in self._hidden]
        shadows = [layer.shadow for layer in self.layers]
        return [
            {"params": shadows, "full_rate": self.recipe.learning_rate},
            {"params": [*gains, *offsets, self.gain], "full_rate": self.recipe.neuron_rate},
        ]

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Draw the weights, and let potentials span `range_spreads` of their spreads."""
        self.draw(generator, 1.0)
        for layer in self._hidden:
            layer.gain.fill_(self.n_steps / self.recipe.range_spreads)
