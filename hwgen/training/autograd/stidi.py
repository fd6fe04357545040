"""Networks with any PSP whose layers fire as they integrate, over all steps at once.

The forward pass computes with the integers of the contract, held exactly in float32. While
training, thresholds are multiples (`level`, learnt) of the spread of a channel's potential over the
batch; elsewhere of its running mean, rounded down: the thresholds that are exported.
"""

from typing import Any

import torch
from torch import Tensor, nn

from hwgen.network.layers.kinds import LayerSpec, WeightedSpec
from hwgen.network.spec import InputSpec
from hwgen.recipe import StidiRecipe
from hwgen.training.autograd.firing import Kernel, fire
from hwgen.training.autograd.stack import Stack, pools
from hwgen.training.learner import Exported
from hwgen.training.quantised import Weighted

_MOMENTUM = 0.05  # of the running spread


class Layer(Weighted):
    """A hidden layer: thresholds relative to the spread of its potentials."""

    def __init__(self, spec: WeightedSpec, pool: int) -> None:
        """spec: of the layer. pool: size of the windows behind it, 1 for none."""
        super().__init__(spec, pool)
        self.level = nn.Parameter(torch.zeros(spec.n_thresholds))
        self.register_buffer("spread", torch.ones(spec.n_thresholds))
        self.spread: Tensor

    def thresholds(self) -> Tensor:
        """As exported: float32 [n_out] of integers."""
        limits = (self.level * self.spread).clamp(min=0)
        return limits.floor() if self.rounded else limits

    def measure(self, potentials: Tensor) -> Tensor:
        """Spread of each channel over the batch at the last step; remembered while training.

        potentials: [n_points, n, n_out, ...]. Returns float32 [n_out].
        """
        last = potentials[-1].transpose(0, 1).flatten(1)
        spread = (last.var(dim=1, unbiased=False) + 0.1).sqrt()
        with torch.no_grad():
            self.spread.lerp_(spread, _MOMENTUM)
        return spread


class DeepNetwork(Stack):
    """Layers in order; within a step a spike of one layer reaches the next."""

    def __init__(
        self,
        input_spec: InputSpec,
        layers: tuple[LayerSpec, ...],
        n_steps: int,
        recipe: StidiRecipe,
    ) -> None:
        """layers: as of `NetworkSpec`. Raises ValueError as `stack.pools` does."""
        super().__init__(input_spec, layers, n_steps, recipe.early_weight)
        self.recipe = recipe
        self._hidden = [
            Layer(layer, pool)  # type: ignore[arg-type]  # `pools` leaves out those of pooling
            for layer, pool in pools(layers)
        ]
        self.hidden = nn.ModuleList(self._hidden)

    @property
    def layers(self) -> list[Weighted]:
        """All layers that have weights; the output is the last."""
        return [*self._hidden, self.output]

    def n_points(self, epoch: int) -> int:
        """The recipe's `coarse_steps` in its first `coarse_epochs`, then all steps."""
        coarse = epoch < self.recipe.coarse_epochs
        return min(self.recipe.coarse_steps, self.n_steps) if coarse else self.n_steps

    def run(self, spike_times: Tensor, n_points: int) -> tuple[Tensor, Tensor]:
        """With fewer points than steps, each lasts longer: hidden layers are coarse, the input
        stays as fine.
        """
        first = self.layers[0].spec
        every = self.n_steps / n_points
        psp = Kernel.of(first.neuron, every).at(self.feature_maps(spike_times), n_points)
        fired, n_hidden = torch.zeros((), device=psp.device), 0
        for layer, after in zip(self._hidden, self.layers[1:], strict=True):
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
                kernel=Kernel.of(after.spec.neuron, every),
            )
            if not self.training:
                fired += (psp.amax(dim=0) > 0).sum()
                n_hidden += psp[0].numel()
        return self.output.potentials(psp), fired / max(1, n_hidden)

    def exported(self) -> list[Exported]:
        """Weights and thresholds of `layers`."""
        tensors = [Exported(layer.weights(), layer.thresholds()) for layer in self._hidden]
        return [*tensors, Exported(self.output.weights(), self.output_threshold.reshape(1))]

    @torch.no_grad()
    def clip(self) -> None:
        """Shadows back into -1..1, levels to 0 or above."""
        for layer in self.layers:
            layer.shadow.clamp_(-1, 1)
        for layer in self._hidden:
            layer.level.clamp_(min=0)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Shadows and levels, both at the recipe's learning rate."""
        rate = self.recipe.learning_rate
        levels = [layer.level for layer in self._hidden]
        return [
            {"params": [layer.shadow for layer in self.layers], "full_rate": rate},
            {"params": [*levels, self.gain], "full_rate": rate},
        ]

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Small weights, so that they can change early."""
        self.draw(generator, 0.1)
        for layer in self._hidden:
            layer.level.fill_(self.recipe.level)
