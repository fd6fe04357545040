"""The learner of rules that torch differentiates."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from hwgen.network.spec import NetworkSpec
from hwgen.recipe import Recipe
from hwgen.training.autograd.phased import PhasedNetwork
from hwgen.training.autograd.stidi import DeepNetwork
from hwgen.training.learner import Decided, Learnt, SimpleLearner
from hwgen.training.readout import lowest_threshold


class _AutogradLearner(SimpleLearner):
    """Any layers, by autograd."""

    network_class: ClassVar[type[Any]]  # which takes the recipe of its own rule

    def __init__(self, network: DeepNetwork | PhasedNetwork) -> None:
        self._network = network

    @classmethod
    def new(
        cls, recipe: Recipe, spec: NetworkSpec, few: Tensor, generator: torch.Generator
    ) -> Self:
        """Initialised at random; `few` says on which device.

        spec: what the network computes. Raises ValueError if pooling follows anything but a
        convolution.
        """
        network = cls.network_class(spec.input, spec.layers, spec.n_steps, recipe.training)
        network.initialise(generator)
        network.to(few.device)
        network.to(memory_format=torch.channels_last)
        return cls(network)

    @property
    def network(self) -> Any:
        return self._network

    def learn(
        self,
        spike_times: Tensor,
        labels: Tensor,
        epoch: int,
        step: Callable[[], None] = lambda: None,
    ) -> Learnt:
        self.network.train()
        n_points = self.network.n_points(epoch)
        n_erring = self.network.set_gradients(spike_times, labels, n_points)
        step()
        return Learnt(n_erring)

    def clip(self) -> None:
        self.network.clip()

    @torch.no_grad()
    def decide(self, spike_times: Tensor) -> Decided:
        self.network.eval()
        labels, steps, firing = self.network.decide(spike_times)
        return Decided(labels, steps, float(firing))

    @torch.no_grad()
    def lower_output_threshold(self, batches: list[Tensor], labels: Tensor) -> None:
        network = self.network.eval()
        potentials = torch.cat(
            [network.run(x, network.n_steps)[0].transpose(0, 1) for x in batches]
        )
        highest = max(0, int(potentials.max()))
        loss = network.recipe.early_loss
        network.output_threshold.fill_(lowest_threshold(potentials, labels, highest, loss))

    def parameter_groups(self) -> list[dict[str, Any]]:
        groups: list[dict[str, Any]] = self.network.parameter_groups()
        return groups


class StidiLearner(_AutogradLearner):
    """STiDi-BP and its variant by surrogate."""

    network_class = DeepNetwork


class PhasedLearner(_AutogradLearner):
    """Two-phase networks."""

    network_class = PhasedNetwork

    def __init__(self, network: DeepNetwork | PhasedNetwork) -> None:
        super().__init__(network)
        self.n_averaged_epochs = self.network.recipe.average_epochs

    def settle(self, batches: Iterable[Tensor]) -> None:
        """Running means anew, as plain means over these inputs."""
        self.network.settle(batches)
