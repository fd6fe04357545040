"""The learner of rules that torch differentiates."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from hwgen.training.autograd.phased import PhasedNetwork
from hwgen.training.autograd.stidi import DeepNetwork
from hwgen.training.learnt import Decided, Learnt
from hwgen.training.readout import lowest_threshold


class DeepLearner:
    """Any layers, by autograd."""

    def __init__(self, network: DeepNetwork | PhasedNetwork) -> None:
        self._network = network

    @property
    def network(self) -> DeepNetwork | PhasedNetwork:
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

    def end_epoch(self, progress: float, generator: torch.Generator) -> int:
        return 0

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
        return self.network.parameter_groups()
