"""What the training loop asks of a rule: a network, and how it learns. `rules` has all of them."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from hwgen.network.layers.kinds import LayerSpec
from hwgen.network.spec import NetworkSpec, Readout
from hwgen.recipe import Recipe


class Decided(NamedTuple):
    """labels: int64 [n], `readout.UNDECIDED` where nothing was decided; steps: int64 [n], n_steps
    where nothing fired; hidden_firing: fraction."""

    labels: Tensor
    steps: Tensor
    hidden_firing: float


class Learnt(NamedTuple):
    """From a batch: how many samples had an error; the sum of their losses, 0 if not computed."""

    n_erring: int
    loss_sum: float = 0.0


class Exported(NamedTuple):
    """Of a layer that has weights: float32, integers in value. weights: axes as `SYNAPSES` says;
    thresholds: [1] or [n_thresholds]; drives and biases: [n_thresholds], or [0] for none."""

    weights: Tensor
    thresholds: Tensor
    drives: Tensor = torch.zeros(0)
    biases: Tensor = torch.zeros(0)


class Network(Protocol):
    """What is common to all networks in training; each is an `nn.Module`."""

    n_steps: int

    @property
    def layers(self) -> Any:
        """All layers that have weights, in order."""

    @property
    def specs(self) -> tuple[LayerSpec, ...]:
        """Of all layers, as exported, pooling included."""

    @property
    def readout(self) -> Readout:
        """Of the contract, section 6."""

    def exported(self) -> list[Exported]:
        """What the file holds of `layers`."""

    def state_dict(self) -> dict[str, Tensor]:
        """All tensors that decide what it does, by name."""

    def load_state_dict(self, state: dict[str, Tensor]) -> Any:
        """Take the tensors of `state_dict` back."""

    def parameters(self) -> Iterable[nn.Parameter]:
        """What an optimiser may change."""


class Learner(Protocol):
    """A network with its rule. `network.state_dict()` is all its state between epochs."""

    takes_rasters: ClassVar[bool]  # spikes step by step, not spike times
    runs_distributed: ClassVar[bool]  # whether several processes may share a batch
    n_averaged_epochs: int  # of the mean of the last epochs, a candidate of its own; 0: none

    @property
    def network(self) -> Any:
        """The network (`Network`), on its device."""

    def learn(
        self, spike_times: Tensor, labels: Tensor, epoch: int, step: Callable[[], None]
    ) -> Learnt:
        """Learn a batch of epoch 0, 1, ...; `step` is called when gradients are set, once or more
        often, for a step of the optimiser."""

    def clip(self) -> None:
        """After each step of the optimiser."""

    def end_epoch(self, progress: float, generator: torch.Generator) -> int:
        """Re-draw what is dead, if `progress` (0..1) leaves time; returns how many neurons."""

    def settle(self, batches: Iterable[Tensor]) -> None:
        """Take running statistics anew, of the weights as they are, from some inputs."""

    def decide(self, spike_times: Tensor) -> Decided:
        """The hardware's decisions."""

    def lower_output_threshold(self, batches: list[Tensor], labels: Tensor) -> None:
        """After training: the lowest output threshold that the recipe's `early_loss` allows."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        """For the optimiser; `full_rate` is the learning rate before any schedule."""

    def report(self, recipe: Recipe, inputs: Tensor, labels: Tensor) -> dict[str, Any]:
        """For the provenance, after training: what the rule is judged by, on one batch."""


class Rule(Protocol):
    """A class of learners."""

    takes_rasters: ClassVar[bool]
    runs_distributed: ClassVar[bool]

    @classmethod
    def new(
        cls, recipe: Recipe, spec: NetworkSpec, few: Tensor, generator: torch.Generator
    ) -> Learner:
        """A new network, initialised. `few`: some inputs, as `learn` takes them. Raises
        `RecipeError`, `ParamsError` or ValueError if rule and network do not go together."""


class SimpleLearner:
    """What most rules have in common: nothing special at the ends of epochs and of training."""

    takes_rasters: ClassVar[bool] = False
    runs_distributed: ClassVar[bool] = False
    n_averaged_epochs = 0

    def end_epoch(self, progress: float, generator: torch.Generator) -> int:
        """Nothing is re-drawn: 0."""
        return 0

    def settle(self, batches: Iterable[Tensor]) -> None:
        pass

    def report(self, recipe: Recipe, inputs: Tensor, labels: Tensor) -> dict[str, Any]:
        """Nothing is said: {}."""
        return {}
