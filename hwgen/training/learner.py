"""What the training loop asks of a network, and the two kinds of network that give it."""

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from hwgen.training.autograd.stack import Stack
from hwgen.training.learnt import Decided, Learnt
from hwgen.training.multi_spike.truncated_bptt import TruncatedNetwork
from hwgen.training.sstdp.network import SpikingNetwork


class Learner(Protocol):
    """A network with its rule. `network.state_dict()` is all its state between epochs."""

    @property
    def network(self) -> SpikingNetwork | Stack | TruncatedNetwork:
        """The network, on its device."""

    def learn(
        self, spike_times: Tensor, labels: Tensor, epoch: int, step: Callable[[], None]
    ) -> Learnt:
        """Learn a batch of epoch 0, 1, ...; `step` is called when gradients are set, once or more
        often, for a step of the optimiser."""

    def clip(self) -> None:
        """After each step of the optimiser."""

    def end_epoch(self, progress: float, generator: torch.Generator) -> int:
        """Re-draw what is dead, if `progress` (0..1) leaves time; returns how many neurons."""

    def decide(self, spike_times: Tensor) -> Decided:
        """The hardware's decisions."""

    def lower_output_threshold(self, batches: list[Tensor], labels: Tensor) -> None:
        """After training: the lowest output threshold that the recipe's `early_loss` allows."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        """For the optimiser; `full_rate` is the learning rate before any schedule."""
