"""TT-LBPTT for the training loop: the network made from a recipe, and what does not go together."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from hwgen.errors import RecipeError
from hwgen.network.spec import NetworkSpec
from hwgen.recipe import Recipe, TruncatedRecipe
from hwgen.training.learner import Decided, Learnt, SimpleLearner
from hwgen.training.multi_spike import cost, quantisation_error
from hwgen.training.multi_spike.truncated_bptt import TruncatedNetwork
from hwgen.training.multi_spike.widths import with_biases

_MAX_EXACT_BITS = 24  # of integers in float32, without the sign
_SETTLING = 10  # batches, each once for each layer


class TruncatedLearner(SimpleLearner):
    """Multi-spike networks, by TT-LBPTT."""

    takes_rasters = True
    runs_distributed = True

    def __init__(self, network: TruncatedNetwork) -> None:
        """network: initialised, on its device."""
        self._network = network
        self.n_averaged_epochs = network.recipe.average_epochs

    @classmethod
    def new(
        cls, recipe: Recipe, spec: NetworkSpec, few: Tensor, generator: torch.Generator
    ) -> "TruncatedLearner":
        """Initialised by some inputs, as `learn` takes them. Raises `RecipeError`."""
        assert isinstance(recipe.training, TruncatedRecipe)
        if recipe.network.bias:
            spec = replace(spec, layers=with_biases(spec.layers, spec.n_steps))
        widest = max(layer.potential_bits for layer in spec.weighted)
        if widest - 1 > _MAX_EXACT_BITS:
            raise RecipeError(
                f"{recipe.name}: potentials of {widest} bits, expected at most "
                f"{_MAX_EXACT_BITS + 1}: training computes in float32; take fewer weight_bits, "
                "fewer steps or more leak"
            )
        network = TruncatedNetwork(spec, recipe.training).to(few.device)
        network.initialise(few, generator)
        return cls(network)

    @property
    def network(self) -> TruncatedNetwork:
        """The network, on its device."""
        return self._network

    def learn(
        self, spike_times: Tensor, labels: Tensor, epoch: int, step: Callable[[], None]
    ) -> Learnt:
        """spike_times: 0/1 [n, n_steps, n_inputs], or, with the encoding "direct", values
        [n, n_inputs]; this process's share of the batch.

        labels: int64 [n]. `step` is called after each window of each block.
        """
        self.network.train()
        return Learnt(*self.network.learn(spike_times, labels, step))

    def clip(self) -> None:
        """Shadows back into -1..1, thresholds above 0."""
        self.network.clip()

    def settle(self, batches: Iterable[Tensor]) -> None:
        """Spreads of currents anew, from the first few batches."""
        self.network.settle(list(islice(batches, _SETTLING)))

    def decide(self, spike_times: Tensor) -> Decided:
        """All steps are taken: decisions are by counts or potentials at the end."""
        self.network.eval()
        labels, firing = self.network.decide(spike_times)
        return Decided(labels, torch.full_like(labels, self.network.n_steps), firing)

    def lower_output_threshold(self, batches: list[Tensor], labels: Tensor) -> None:
        """Nothing is decided early."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Shadows at the recipe's learning rate, all others at its `neuron_rate`."""
        return self.network.parameter_groups()

    def report(self, recipe: Recipe, inputs: Tensor, labels: Tensor) -> dict[str, Any]:
        """The cost of a batch, and what integers changed."""
        measured = cost.measure(self.network, inputs, labels)
        changes = quantisation_error.changes(self.network, recipe)
        told = [change.to_json() | {"text": str(change)} for change in changes]
        return {"cost": measured.to_json(), "changes": told}
