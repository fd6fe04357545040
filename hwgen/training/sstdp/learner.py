"""The learner of SSTDP."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from hwgen.errors import RecipeError
from hwgen.network.layers.neurons import SingleSpike
from hwgen.network.spec import NetworkSpec
from hwgen.recipe import Recipe, SstdpRecipe
from hwgen.training.learner import Decided, Learnt, SimpleLearner
from hwgen.training.readout import lowest_threshold
from hwgen.training.sstdp.layers import Dense
from hwgen.training.sstdp.network import SpikingNetwork, decide, initialise, redraw


class SstdpLearner(SimpleLearner):
    """Dense layers, by SSTDP."""

    def __init__(self, network: SpikingNetwork, recipe: SstdpRecipe) -> None:
        """network: initialised, on its device. recipe: of the rule."""
        self._network, self.recipe = network, recipe
        self._forget()

    @classmethod
    def new(
        cls, recipe: Recipe, spec: NetworkSpec, few: Tensor, generator: torch.Generator
    ) -> "SstdpLearner":
        """Initialised by some spike times int64 [n, n_inputs]. Raises `RecipeError`."""
        training = recipe.training
        assert isinstance(training, SstdpRecipe)
        layers = [spec.dense(n) for n in spec.dense_layers]
        if not spec.is_dense or any(layer.neuron != SingleSpike() for layer in layers):
            raise RecipeError(
                f"{recipe.name}: rule 'sstdp' trains dense layers with psp 'step'; "
                "use rule = 'stidi' for others"
            )
        sizes, bits = [layer.n_post for layer in layers], [layer.weight_bits for layer in layers]
        network = SpikingNetwork((spec.input.n_inputs, *sizes), tuple(bits), spec.n_steps)
        initialise(network.to(few.device), training, few, generator)
        return cls(network, training)

    @property
    def network(self) -> SpikingNetwork:
        """The network, on its device."""
        return self._network

    def _forget(self) -> None:
        hidden = self.network.dense[:-1]
        self._n_seen = 0
        self._n_fired = [torch.zeros(x.n_post, device=x.shadow.device) for x in hidden]

    def learn(
        self,
        spike_times: Tensor,
        labels: Tensor,
        epoch: int,
        step: Callable[[], None] = lambda: None,
    ) -> Learnt:
        """One batch: spike times int64 [n, n_inputs], labels int64 [n]; `step` is called once.

        Returns how many samples had an error. SSTDP has no loss, so its sum stays 0.
        """
        traces, error = self.network.set_gradients(spike_times, labels, self.recipe)
        self._n_seen += len(labels)
        for count, trace in zip(self._n_fired, traces, strict=False):
            count += (trace.times < self.network.n_steps).sum(dim=0)
        step()
        return Learnt(int((error != 0).any(dim=1).sum()))

    def clip(self) -> None:
        """Shadows back into -1..1, thresholds to 0 or above."""
        for layer in self.network.dense:
            layer.clip()

    def end_epoch(self, progress: float, generator: torch.Generator) -> int:
        """Re-draw hidden neurons that fired in fewer than the recipe's fraction `rescue` of the
        samples.

        Only in the first half of training (`progress` up to 0.5). Returns how many were drawn.
        """
        n_rescued = 0
        if progress <= 0.5:  # a new neuron needs time to find its place
            for layer, count in zip(self.network.dense, self._n_fired, strict=False):
                # A neuron that hardly ever fires tells the layer above nothing. New weights make
                # better use of its place.
                dead = (count / self._n_seen < self.recipe.rescue).cpu()
                redraw(layer, dead, self.recipe, False, generator)
                n_rescued += int(dead.sum())
        self._forget()
        return n_rescued

    def decide(self, spike_times: Tensor) -> Decided:
        """The hardware's decisions on spike times int64 [n, n_inputs]."""
        traces = self.network(spike_times)
        fired = [(trace.times < self.network.n_steps).float().mean() for trace in traces[:-1]]
        firing = float(sum(fired)) / max(1, len(fired))
        return Decided(decide(traces[-1]), traces[-1].times.min(dim=1).values, firing)

    def lower_output_threshold(self, batches: list[Tensor], labels: Tensor) -> None:
        """Set the lowest output threshold that keeps the accuracy, less the recipe's `early_loss`.

        batches: spike times int64 [n, n_inputs] each, of the validation set; labels: int64 of all.
        """
        output = self.network.dense[-1]
        potentials = torch.cat([self.network(batch)[-1].potentials for batch in batches])
        present = int(output.integer_threshold().max())
        lowest = lowest_threshold(potentials, labels, present, self.recipe.early_loss)
        output.threshold.fill_(float(lowest))

    def parameter_groups(self) -> list[dict[str, Any]]:
        """For the optimiser: each layer's shadows, and its threshold at a rate of its own.

        `full_rate` is the learning rate before any schedule.
        """
        groups = []
        for layer in self.network.dense:
            rate = self.recipe.learning_rate
            groups.append({"params": [layer.shadow], "full_rate": rate})
            scaled = rate * self._threshold_rate(layer)
            groups.append({"params": [layer.threshold], "full_rate": scaled})
        return groups

    def _threshold_rate(self, layer: Dense) -> float:
        """Thresholds count in units of the largest weight, and grow as random sums do."""
        return self.recipe.threshold_rate * layer.max_weight * math.sqrt(layer.n_pre)
