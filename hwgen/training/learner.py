"""What the training loop asks of a network, and the two kinds of network that give it."""

import math
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from hwgen.errors import ParamsError, RecipeError
from hwgen.network import notation
from hwgen.network.check import check_spec
from hwgen.network.layers.dense import DenseSpec
from hwgen.network.spec import InputSpec, NetworkSpec
from hwgen.recipe import PhasedRecipe, Recipe, SstdpRecipe, TruncatedRecipe
from hwgen.training.deep import DeepNetwork
from hwgen.training.layers import Dense
from hwgen.training.learnt import Decided, Learnt
from hwgen.training.network import SpikingNetwork, decide, initialise, redraw
from hwgen.training.phased import PhasedNetwork
from hwgen.training.readout import lowest_threshold
from hwgen.training.stack import Stack
from hwgen.training.truncated import TruncatedNetwork
from hwgen.training.truncated_learner import TruncatedLearner, leak_shift


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


def make(
    recipe: Recipe,
    input_spec: InputSpec,
    n_classes: int,
    few: Tensor,
    generator: torch.Generator,
) -> Learner:
    """A new network, initialised. few: some input spike times, int64 [n, n_inputs].

    Raises `RecipeError` if rule and network do not go together.
    """
    network, where = recipe.network, f"{recipe.name}: network: hidden"
    training = recipe.trained
    try:
        layers = notation.layers(
            network.hidden,
            input_spec.post,
            n_classes,
            n_steps=network.n_steps,
            weight_bits=network.weight_bits,
            psp=network.psp,
            tau_steps=network.tau_steps,
            phased=isinstance(training, PhasedRecipe),
            reset=network.reset,
            leak_shift=leak_shift(recipe),
            readout=network.readout,
        )
        spec = NetworkSpec(
            n_steps=network.n_steps, input=input_spec, layers=layers, readout=network.readout
        )
        check_spec(spec, where)
        if isinstance(training, TruncatedRecipe):
            return TruncatedLearner.new(spec, recipe, few, generator)
        if not isinstance(training, SstdpRecipe):
            deep: DeepNetwork | PhasedNetwork
            if isinstance(training, PhasedRecipe):
                deep = PhasedNetwork(input_spec, layers, network.n_steps, training)
            else:
                deep = DeepNetwork(input_spec, layers, network.n_steps, training)
            deep.initialise(generator)
            deep.to(few.device)
            deep.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            return DeepLearner(deep)
    except ParamsError as error:
        raise RecipeError(str(error)) from None
    except ValueError as error:
        raise RecipeError(f"{where}: {error}") from None
    sizes = [layer.n_post for layer in layers if isinstance(layer, DenseSpec)]
    if len(sizes) < len(layers) or network.psp != "step":
        raise RecipeError(
            f"{recipe.name}: rule 'sstdp' trains dense layers with psp 'step'; "
            "use rule = 'stidi' for others"
        )
    bits = (network.weight_bits,) * len(sizes)
    made = SpikingNetwork((input_spec.n_inputs, *sizes), bits, network.n_steps).to(few.device)
    initialise(made, training, few, generator)
    return SstdpLearner(made, training)


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


class SstdpLearner:
    """Dense layers, by SSTDP."""

    def __init__(self, network: SpikingNetwork, recipe: SstdpRecipe) -> None:
        self._network, self.recipe = network, recipe
        self._forget()

    @property
    def network(self) -> SpikingNetwork:
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
        traces, error = self.network.set_gradients(spike_times, labels, self.recipe)
        self._n_seen += len(labels)
        for count, trace in zip(self._n_fired, traces, strict=False):
            count += (trace.times < self.network.n_steps).sum(dim=0)
        step()
        return Learnt(int((error != 0).any(dim=1).sum()))

    def clip(self) -> None:
        for layer in self.network.dense:
            layer.clip()

    def end_epoch(self, progress: float, generator: torch.Generator) -> int:
        n_rescued = 0
        if progress <= 0.5:  # a new neuron needs time to find its place
            for layer, count in zip(self.network.dense, self._n_fired, strict=False):
                dead = (count / self._n_seen < self.recipe.rescue).cpu()
                redraw(layer, dead, self.recipe, False, generator)
                n_rescued += int(dead.sum())
        self._forget()
        return n_rescued

    def decide(self, spike_times: Tensor) -> Decided:
        traces = self.network(spike_times)
        fired = [(trace.times < self.network.n_steps).float().mean() for trace in traces[:-1]]
        firing = float(sum(fired)) / max(1, len(fired))
        return Decided(decide(traces[-1]), traces[-1].times.min(dim=1).values, firing)

    def lower_output_threshold(self, batches: list[Tensor], labels: Tensor) -> None:
        output = self.network.dense[-1]
        potentials = torch.cat([self.network(batch)[-1].potentials for batch in batches])
        present = int(output.integer_threshold().max())
        lowest = lowest_threshold(potentials, labels, present, self.recipe.early_loss)
        output.threshold.fill_(float(lowest))

    def parameter_groups(self) -> list[dict[str, Any]]:
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
