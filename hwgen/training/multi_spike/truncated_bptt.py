"""Temporally truncated local backpropagation through time (Guo et al. 2023; see `lif`).

A sample's steps are cut into windows of `truncation_steps`. Potentials and counts go on from one
window to the next, gradients do not; after each window the optimiser makes a step. With one window
and one block this is ordinary backpropagation through time; with windows of one step, it is online.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from hwgen.network.layers.kinds import LayerSpec
from hwgen.network.spec import NetworkSpec, Readout
from hwgen.recipe import TruncatedRecipe
from hwgen.training import distributed
from hwgen.training.learner import Exported
from hwgen.training.multi_spike.blocks import MIN_LEVEL, Head, Spiking, blocks
from hwgen.training.multi_spike.widths import narrowed
from hwgen.training.readout import heard

_CALIBRATION = 128  # samples from which the first thresholds are set
_SHADOW = 0.1  # largest initial shadow weight: small, so that they can change early


class Answer(NamedTuple):
    """counts: spikes of each output; potentials: of outputs, at the end; both float32
    [n, n_classes]. firing: fraction of hidden neurons that fired at least once."""

    counts: Tensor
    potentials: Tensor
    firing: float


class TruncatedNetwork(nn.Module):
    """Layers of multi-spike neurons in blocks. `spec`: what it computes, in integers."""

    def __init__(self, spec: NetworkSpec, recipe: TruncatedRecipe) -> None:
        """spec: a multi-spike network of the contract. recipe: blocks, windows and rates."""
        super().__init__()
        self.spec, self.recipe, self.n_steps = spec, recipe, spec.n_steps
        self.blocks = blocks(spec, recipe)
        self.in_order = nn.ModuleList(self.blocks)
        self.gain = nn.Parameter(torch.zeros(()))  # of the output, in the loss only; a logarithm

    @property
    def specs(self) -> tuple[LayerSpec, ...]:
        """Of all layers, as exported, pooling included."""
        weighted = iter(self.layers)
        return tuple(
            narrowed(next(weighted), self.n_steps) if spec.has_weights else spec
            for spec in self.spec.layers
        )

    @property
    def readout(self) -> Readout:
        """Either "spike_count" or "potential"."""
        return self.spec.readout

    @property
    def layers(self) -> list[Spiking]:
        """All layers that have weights, in order; the output is the last."""
        return [layer for block in self.blocks for layer in block.spiking]

    @property
    def heads(self) -> list[Head]:
        """The auxiliary heads of all blocks but the last."""
        return [block.head for block in self.blocks if block.head]

    @property
    def window_steps(self) -> int:
        """Steps of a window; all steps of a sample if the recipe has 0."""
        return min(self.recipe.truncation_steps or self.n_steps, self.n_steps)

    def windows(self, inputs: Tensor) -> Iterator[Tensor]:
        """0/1 [n, n_steps, n_inputs] -> float32 [window, n, channels, height, width] each.

        With the encoding "direct": values [n, n_inputs], of which each step has the same.
        """
        post, n = self.spec.input.post, len(inputs)
        if self.spec.input.encoding == "direct":
            values = inputs.view(1, n, *post).permute(0, 1, 4, 2, 3).float()
            for first in range(0, self.n_steps, self.window_steps):
                n_steps = min(self.window_steps, self.n_steps - first)
                yield values.expand(n_steps, *values.shape[1:])
            return
        for part in torch.split(inputs, self.window_steps, dim=1):
            feature_maps = part.reshape(n, -1, post.height, post.width, post.channels)
            yield feature_maps.permute(1, 0, 4, 2, 3).float()

    def rest(self, n: int) -> list[list[Tensor]]:
        """Potentials at the start of n samples, by block and layer.

        float32 [n, n_out, ...] each, all 0.
        """
        return [[layer.rest(n) for layer in block.spiking] for block in self.blocks]

    def scores(self, counts: Tensor, potentials: Tensor) -> Tensor:
        """For the loss: what the readout compares, on a scale that suits a softmax.

        counts, potentials: [n, n_classes], so far. Returns float32 of the same shape.
        """
        output = self.layers[-1]
        if self.spec.readout == "potential":
            spread = output.scale.mean() * math.sqrt(self.n_steps)
            return potentials * (self.gain.exp() / spread)
        # A spike counts one, and what is left of the potential decides among equals.
        left = potentials / output.thresholds().detach().clamp(min=1)
        return (counts + left.clamp(-1, 1)) * self.gain.exp()

    def learn(self, inputs: Tensor, labels: Tensor, step: Callable[[], None]) -> tuple[int, float]:
        """One batch; `step` is called after each window of each block, when gradients of that block
        are set, and no others: they are gone before the next block needs memory.

        inputs: this process's share, 0/1 [n, n_steps, n_inputs]; labels: int64 [n]. Returns how
        many are decided wrongly, and the sum over samples of the loss, mean over windows; of this
        share.
        """
        n_batch = int(distributed.summed(torch.tensor(len(labels), device=labels.device)))
        potentials = self.rest(len(labels))
        counts: list[Tensor | float] = [0.0] * len(self.blocks)
        loss_sum, n_windows = torch.zeros((), device=labels.device), 0
        smoothing = self.recipe.label_smoothing
        answer = torch.zeros(0)
        self.zero_grad()
        for spikes in self.windows(inputs):
            for index, block in enumerate(self.blocks):
                spikes = block.run(spikes, potentials[index])[-1]
                fresh = block.head.counted(spikes) if block.head else spikes.sum(dim=0)
                counted = counts[index] + fresh
                if block.head:
                    scores = block.head.scores(counted)
                else:
                    scores = self.scores(counted, potentials[index][-1])
                    answer = rank(self.spec, counted.detach(), potentials[index][-1].detach())
                loss = cross_entropy(scores, labels, reduction="sum", label_smoothing=smoothing)
                (loss / n_batch).backward()  # type: ignore[no-untyped-call]
                # Cut here: the next block, and the next window, see numbers only.
                spikes, counts[index] = spikes.detach(), counted.detach()
                potentials[index] = [potential.detach() for potential in potentials[index]]
                step()
                self.zero_grad()
            loss_sum += loss.detach()  # of the last block: the network's own
            n_windows += 1
        n_wrong = int((answer.argmax(dim=1) != labels).sum())
        return n_wrong, float(loss_sum) / n_windows

    @torch.no_grad()
    def run(self, inputs: Tensor) -> Answer:
        """All steps of samples 0/1 [n, n_steps, n_inputs], window by window.

        No gradients. The running spreads stay as they are in evaluation.
        """
        potentials = self.rest(len(inputs))
        counts = torch.zeros_like(potentials[-1][-1])
        fired: list[Tensor | bool] = [False] * (len(self.layers) - 1)
        for spikes in self.windows(inputs):
            hidden = 0
            for index, block in enumerate(self.blocks):
                outputs = block.run(spikes, potentials[index])
                spikes = outputs[-1]
                for spec, output in zip(block.specs, outputs, strict=True):
                    if spec.has_weights and hidden < len(fired):
                        fired[hidden] = fired[hidden] | (output > 0).any(dim=0)
                        hidden += 1
            counts += spikes.sum(dim=0)
        parts = [float(layer.float().mean()) for layer in fired if isinstance(layer, Tensor)]
        return Answer(counts, potentials[-1][-1], sum(parts) / max(1, len(parts)))

    def decide(self, inputs: Tensor) -> tuple[Tensor, float]:
        """Decisions int64 [n], or `UNDECIDED`, and the fraction of hidden neurons that fire.

        inputs: 0/1 [n, n_steps, n_inputs]. Contract, section 6.
        """
        answer = self.run(inputs)
        ranked = rank(self.spec, answer.counts, answer.potentials)
        decisions = ranked.argmax(dim=1)  # the first of equals
        return heard(decisions, answer.counts > 0, answer.potentials), answer.firing

    def exported(self) -> list[Exported]:
        """Weights, thresholds, and biases, of layers that have them."""
        found = [Exported(layer.weights(), layer.thresholds()) for layer in self.layers]
        biases = [layer.biases() for layer in self.layers]
        return [
            layer if bias is None else layer._replace(biases=bias)
            for layer, bias in zip(found, biases, strict=True)
        ]

    @torch.no_grad()
    def clip(self) -> None:
        """Keep parameters where they can still change what is exported."""
        for layer in self.layers:
            layer.shadow.clamp_(-1, 1)
            layer.level.clamp_(min=MIN_LEVEL)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """For the optimiser; `full_rate` is the learning rate before any schedule."""
        rate, slow = self.recipe.learning_rate, self.recipe.neuron_rate
        heads = [p for head in self.heads for p in head.parameters() if p.requires_grad]
        levels = [layer.level for layer in self.layers]
        offsets = [layer.offset for layer in self.layers if layer.offset is not None]
        return [
            {"params": [layer.shadow for layer in self.layers], "full_rate": rate},
            {"params": [*levels, *offsets, *heads, self.gain], "full_rate": slow},
        ]

    @torch.no_grad()
    def initialise(self, few: Tensor, generator: torch.Generator) -> None:
        """Draw the weights, then set the scale of thresholds from a few samples, 0/1
        [n, n_steps, n_inputs], layer by layer."""
        for layer in self.layers:
            drawn = torch.rand(layer.shadow.shape, generator=generator) * 2 - 1
            layer.shadow.copy_(_SHADOW * drawn)
            layer.level.fill_(self.recipe.level)
        for head in self.heads:
            head.initialise(generator)
        self.settle([few[:_CALIBRATION]])

    @torch.no_grad()
    def settle(self, batches: Sequence[Tensor]) -> None:
        """Set the spreads of currents from some inputs, as `learn` takes them, layer by layer: each
        sees the spikes that those before it give when set."""
        self.eval()
        for layer in self.layers:
            layer.seen = []
            for inputs in batches:
                self.run(inputs)
            layer.scale.copy_(torch.stack(layer.seen).square().mean(dim=0).sqrt())
            layer.seen = None


def rank(spec: NetworkSpec, counts: Tensor, potentials: Tensor) -> Tensor:
    """What the readout maximises, float64 [n, n_classes]; exact: counts are below 2**8, potentials
    below 2**24.

    counts, potentials: [n, n_classes]. The largest is the decision, the first of equals (contract,
    section 6).
    """
    ranked = potentials.double()
    if spec.readout == "spike_count":
        ranked = ranked + counts.double() * 2.0**32
    return ranked
