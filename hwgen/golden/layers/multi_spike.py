"""Layers of neurons that may fire in each step of a sample (`docs/contract.md`, section 4).

The leaky integrate-and-fire neuron of TT-LBPTT (Guo et al., Front. Neurosci. 17:1047008, 2023), in
integers: its leak is an arithmetic shift. Spikes are uint8 [n, n_steps, n_neurons], 0 or 1.
"""

from collections.abc import Iterator
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from hwgen.golden.layers.conv2d import Conv
from hwgen.golden.layers.dense import Dense
from hwgen.golden.layers.direct import constant_current
from hwgen.golden.layers.trace import SpikesTrace
from hwgen.network.layers.kinds import WeightedSpec
from hwgen.network.layers.neurons import Lif


class LeakyNeurons:
    """A dense or convolutional layer. With reset "never", a neuron fires once, as in `Neurons`."""

    def __init__(
        self,
        layer: WeightedSpec,
        connection: Dense | Conv,
        thresholds: NDArray[np.int32],
        biases: NDArray[np.int32],
    ) -> None:
        """Shapes as in `hwgen.network.spec`; the neurons of a filter share threshold and bias.

        thresholds: int32 [n_thresholds]; biases: the same, or [0].
        """
        self._layer = layer
        self._connection = connection
        n_sharing = layer.n_post // layer.n_thresholds
        self._thresholds = np.tile(thresholds, n_sharing)
        self._biases = np.tile(biases, n_sharing) if len(biases) else np.zeros(1, np.int32)

    def run(self, inputs: NDArray[np.uint8], n_steps: int) -> SpikesTrace:
        """Spikes uint8 [n, n_steps, n_pre], or bit planes of values [n, n_planes, n_pre] -> what
        this layer does in `n_steps` steps.

        The points of the contract's section 4, in this order in each step. Potentials are int32
        [n, n_post] at the end of the last step.
        """
        n = len(inputs)
        layer, neuron, thresholds = self._layer, self._layer.neuron, self._thresholds
        potential = np.zeros((n, layer.n_post), np.int32)
        fired = np.zeros((n, layer.n_post), np.bool_)
        spikes = np.zeros((n, n_steps, layer.n_post), np.uint8)
        for step, current in enumerate(self._currents(inputs, n_steps)):
            if isinstance(neuron, Lif):
                potential += (current << neuron.fraction_bits) + self._biases
                potential, fires = self._fire(potential, neuron)
            else:
                potential = potential + current
                fires = (potential > thresholds) & ~fired
                fired |= fires
            spikes[:, step] = fires
        n_events = inputs.sum(axis=1, dtype=np.int64)
        return SpikesTrace(spikes, potential, n_events @ self._connection.fan_out)

    def _currents(self, inputs: NDArray[np.uint8], n_steps: int) -> Iterator[NDArray[np.int32]]:
        """Of each step: the weights of the inputs that fire, or, of values, always the same."""
        if self._layer.input_bits:
            yield from repeat(constant_current(inputs, self._connection), n_steps)
            return
        for step in range(n_steps):
            yield self._connection.current(inputs[:, step].astype(np.int8))

    def _fire(
        self, potential: NDArray[np.int32], neuron: Lif
    ) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Who fires, and what reset and leak leave of potentials [n, n_post]."""
        thresholds = self._thresholds
        fires = potential >= thresholds if neuron.fires == "at" else potential > thresholds
        full = potential
        if neuron.reset == "zero":
            left = np.where(fires, 0, potential)
        else:
            left = potential - np.where(fires, thresholds, 0)
        # Of a reset to zero nothing is left that could leak, in either order.
        leaks = full if neuron.order == "leak, reset" and neuron.reset == "subtract" else left
        if neuron.leak_shift:
            # 31 bits times 15; of negative numbers, too, the floor.
            left = left - (leaks.astype(np.int64) * neuron.leak_times >> neuron.leak_shift)
        return left.astype(np.int32), fires


def spike_count(spikes: NDArray[np.uint8], potential: NDArray[np.int32]) -> NDArray[np.int64]:
    """Most spikes; then larger potential at the end; then lower index: int64 [n].

    spikes: 0 or 1, [n, n_steps, n_classes]; potential: [n, n_classes] (contract, section 6).
    """
    counts = spikes.sum(axis=1, dtype=np.int64)
    most = counts == counts.max(axis=1, keepdims=True)
    ranked = np.where(most, potential, np.iinfo(np.int32).min)
    decisions: NDArray[np.int64] = ranked.argmax(axis=1)
    return decisions
