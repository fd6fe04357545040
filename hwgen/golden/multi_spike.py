"""Layers of neurons that may fire in each step of a sample (`docs/contract.md`, section 4).

The leaky integrate-and-fire neuron of TT-LBPTT (Guo et al., Front. Neurosci. 17:1047008, 2023), in
integers: its leak is an arithmetic shift. Spikes are uint8 [n, n_steps, n_neurons], 0 or 1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwgen.golden.connections import connection
from hwgen.network.layers.kinds import WeightedSpec
from hwgen.network.layers.pool2d import PoolSpec


@dataclass(frozen=True)
class SpikesTrace:
    """What n samples did to a layer.

    spikes: uint8 [n, n_steps, n_post]; potential: int32 [n, n_post] at the end of the sample ([n,
    0] of a pooling layer); synaptic_ops: int64 [n].
    """

    spikes: NDArray[np.uint8]
    potential: NDArray[np.int32]
    synaptic_ops: NDArray[np.int64]


class LeakyNeurons:
    """A dense or convolutional layer. With reset "never", a neuron fires once, as in `Neurons`."""

    def __init__(
        self, layer: WeightedSpec, weights: NDArray[np.int8], thresholds: NDArray[np.int32]
    ) -> None:
        """Shapes as in `hwgen.network.spec`; the neurons of a filter share its threshold."""
        self._layer = layer
        self._connection = connection(weights, layer)
        self._thresholds = np.tile(thresholds, layer.n_post // layer.n_thresholds)

    def run(self, inputs: NDArray[np.uint8]) -> SpikesTrace:
        """Spikes uint8 [n, n_steps, n_pre] -> what this layer does in these steps."""
        n, n_steps, _ = inputs.shape
        layer, thresholds = self._layer, self._thresholds
        potential = np.zeros((n, layer.n_post), np.int32)
        fired = np.zeros((n, layer.n_post), np.bool_)
        spikes = np.zeros((n, n_steps, layer.n_post), np.uint8)
        for step in range(n_steps):
            events = inputs[:, step].astype(np.int8)
            potential = potential + self._connection.current(events)
            fires = potential > thresholds
            if layer.reset == "never":
                fires &= ~fired
                fired |= fires
            elif layer.reset == "zero":
                potential[fires] = 0
            else:
                potential -= np.where(fires, thresholds, 0).astype(np.int32)
            if layer.leak_shift:
                potential -= potential >> layer.leak_shift  # of negative numbers, too, the floor
            spikes[:, step] = fires
        n_events = inputs.sum(axis=1, dtype=np.int64)
        return SpikesTrace(spikes, potential, n_events @ self._connection.fan_out)


class StepPool:
    """Pooling: a neuron fires in each step in which one of its window does."""

    def __init__(self, layer: PoolSpec) -> None:
        self._layer = layer

    def run(self, inputs: NDArray[np.uint8]) -> SpikesTrace:
        """Spikes uint8 [n, n_steps, n_pre] -> the greatest of each window."""
        n, n_steps, _ = inputs.shape
        layer, size = self._layer, self._layer.size
        height, width, channels = layer.post
        picture = inputs.reshape(n, n_steps, *layer.pre)[:, :, : height * size, : width * size]
        windows = picture.reshape(n, n_steps, height, size, width, size, channels)
        spikes = windows.max(axis=(3, 5)).reshape(n, n_steps, layer.n_post)
        return SpikesTrace(spikes, np.zeros((n, 0), np.int32), np.zeros(n, np.int64))


def spike_count(spikes: NDArray[np.uint8], potential: NDArray[np.int32]) -> NDArray[np.int64]:
    """Most spikes; then larger potential at the end; then lower index: int64 [n]."""
    counts = spikes.sum(axis=1, dtype=np.int64)
    most = counts == counts.max(axis=1, keepdims=True)
    ranked = np.where(most, potential, np.iinfo(np.int32).min)
    decisions: NDArray[np.int64] = ranked.argmax(axis=1)
    return decisions
