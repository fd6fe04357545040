"""What networks of dense, convolutional and pooling layers share, trained by autograd."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from hwgen.network.layers.kinds import LayerSpec
from hwgen.network.spec import InputSpec, Readout
from hwgen.training.layers.kinds import SYNAPSES
from hwgen.training.learner import Exported
from hwgen.training.quantised import Weighted
from hwgen.training.readout import first_crossing, first_spike, heard


class Stack(nn.Module, ABC):
    """Layers in order, and the loss behind them: a cross-entropy of the output's potentials."""

    def __init__(
        self,
        input_spec: InputSpec,
        layers: tuple[LayerSpec, ...],
        n_steps: int,
        early_weight: float = 0.0,
        label_smoothing: float = 0.0,
    ) -> None:
        """early_weight: of the points of time before the last, in the loss; label_smoothing: of
        what is wanted there, the part spread over all classes.

        input_spec, layers: as of `NetworkSpec`; the last layer is dense. n_steps: of a sample.
        """
        super().__init__()
        self.input, self.specs, self.n_steps = input_spec.post, layers, n_steps
        self._early_weight, self._smoothing = early_weight, label_smoothing
        self.output = Weighted(layers[-1], 1)  # type: ignore[arg-type]  # dense: `check_spec`
        self.gain = nn.Parameter(torch.zeros(()))  # of the output, in the loss only; a logarithm
        # Beyond all potentials while training: then the potential at the end decides.
        self.register_buffer("output_threshold", torch.tensor(2.0**31))
        self.output_threshold: Tensor

    @property
    @abstractmethod
    def layers(self) -> Sequence[Weighted]:
        """All layers that have weights, in order; the output is the last."""

    @abstractmethod
    def n_points(self, epoch: int) -> int:
        """Points of time to compute in training epoch 0, 1, ..."""

    @abstractmethod
    def run(self, spike_times: Tensor, n_points: int) -> tuple[Tensor, Tensor]:
        """Output potentials [n_points, n, n_classes], and the fraction of hidden neurons that fire
        (after pooling; only in evaluation). spike_times: int64 [n, n_inputs], in steps of the
        network, `n_steps` for never.
        """

    @abstractmethod
    def exported(self) -> list[Exported]:
        """What the file holds of `layers`; weights as in `Weighted.weights`."""

    @property
    def readout(self) -> Readout:
        """ "first_spike": these rules train no other."""
        return "first_spike"

    def feature_maps(self, spike_times: Tensor) -> Tensor:
        """[n, n_inputs] -> [n, channels, height, width], channels last in memory.

        Neurons of the contract are numbered channels last, so this copies nothing.
        """
        return spike_times.view(-1, *self.input).permute(0, 3, 1, 2)

    def decide(self, spike_times: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Decisions int64 [n] (or `UNDECIDED`), steps int64 [n], fraction of hidden that fire.

        spike_times: int64 [n, n_inputs]. Contract, section 6.
        """
        potentials, firing = self.run(spike_times, self.n_steps)
        times, at_spike = first_crossing(potentials.transpose(0, 1), self.output_threshold)
        decisions = heard(first_spike(times, at_spike), times < self.n_steps, at_spike)
        return decisions, times.min(dim=1).values, firing

    def set_gradients(self, spike_times: Tensor, labels: Tensor, n_points: int) -> int:
        """Forward and backward on one batch; returns how many samples are decided wrongly.

        spike_times: int64 [n, n_inputs]; labels: int64 [n]. The loss is a cross-entropy, at the
        last point of time and, with `early_weight`, at those before.
        """
        potentials, _ = self.run(spike_times, n_points)
        last = potentials[-1]
        # Potentials grow with the network's width; a softmax of them as they are would be all or
        # nothing. The gain, which is learnt, sets what is left.
        spread = (last - last.mean(dim=1, keepdim=True)).std().detach() + 1
        scores = potentials * (self.gain.exp() / spread)
        early = self._early_weight
        smoothing = self._smoothing
        loss = (1 - early) * cross_entropy(scores[-1], labels, label_smoothing=smoothing)
        if early:
            before = scores[:-1].flatten(0, 1)
            again = labels.repeat(len(scores) - 1)
            loss = loss + early * cross_entropy(before, again, label_smoothing=smoothing)
        self.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        return int((last.argmax(dim=1) != labels).sum())

    @abstractmethod
    def clip(self) -> None:
        """Keep parameters where they can still change what is exported."""

    @abstractmethod
    def parameter_groups(self) -> list[dict[str, Any]]:
        """For the optimiser; `full_rate` is the learning rate before any schedule."""

    @torch.no_grad()
    def draw(self, generator: torch.Generator, largest: float) -> None:
        """Initial weights, uniform within plus and minus `largest`, and the initial gain.

        generator: on the CPU.
        """
        for layer in self.layers:
            drawn = torch.rand(layer.shadow.shape, generator=generator) * 2 - 1
            layer.shadow.copy_(largest * drawn)
        self.gain.fill_(math.log(2))


def pools(layers: tuple[LayerSpec, ...]) -> list[tuple[LayerSpec, int]]:
    """Hidden layers that have weights, each with the size of the pooling behind it (1: none).

    Raises ValueError if pooling follows anything but a convolution.

    The output layer is none of them.
    """
    pairs = list(zip([None, *layers], layers, strict=False))
    if any(not b.has_weights and not (a and _can_be_pooled(a)) for a, b in pairs):
        raise ValueError("pooling must follow a convolution")
    return [
        (layer, 1 if after.has_weights else after.size)
        for layer, after in pairwise(layers)
        if layer.has_weights
    ]


def _can_be_pooled(layer: LayerSpec) -> bool:
    return layer.has_weights and bool(SYNAPSES[type(layer)].can_be_pooled)
