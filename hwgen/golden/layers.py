"""Layers of golden: from spike times to spike times, all steps of a sample at once."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwgen.golden import neuron
from hwgen.golden.connections import Dense, connection
from hwgen.network.layers.kinds import WeightedSpec
from hwgen.network.layers.pool2d import PoolSpec


@dataclass(frozen=True)
class LayerTrace:
    """What n samples did to a layer.

    times: uint8 [n, n_post]; potential, at_spike: int32 [n, n_post], at the end of the sample and
    in the step in which the neuron fired (0: it did not), or [n, 0] without potentials;
    synaptic_ops: int64 [n].
    """

    times: NDArray[np.uint8]
    potential: NDArray[np.int32]
    at_spike: NDArray[np.int32]
    synaptic_ops: NDArray[np.int64]


class Neurons:
    """A dense or convolutional layer of single-spike neurons."""

    def __init__(
        self,
        layer: WeightedSpec,
        weights: NDArray[np.int8],
        thresholds: NDArray[np.int32],
        drives: NDArray[np.int32],
    ) -> None:
        """Shapes as in `hwgen.network.spec`; the neurons of a filter share threshold and drive."""
        self._layer = layer
        self._connection = connection(weights, layer)
        n_sharing = layer.n_post // layer.n_thresholds
        self._thresholds = np.tile(thresholds, n_sharing)
        self._drives = np.tile(drives, n_sharing)

    def set_weights(self, rows: NDArray[np.integer], weights: NDArray[np.int8]) -> None:
        """Other weights of a dense layer, from the inputs `rows`: int8 [n_rows, n_post]."""
        assert isinstance(self._connection, Dense)
        self._connection.set_weights(rows, weights)

    def run(self, inputs: NDArray[np.uint8], n_steps: int) -> LayerTrace:
        """Spike times uint8 [n, n_pre] -> what this layer does in `n_steps` steps."""
        n, layer = len(inputs), self._layer
        times = np.full((n, layer.n_post), n_steps, np.uint8)
        at_spike = np.zeros((n, layer.n_post), np.int32)
        for step, (state, spikes) in enumerate(self._steps(inputs, n_steps)):
            times[spikes] = step
            at_spike[spikes] = state.potential[spikes]
        n_events = neuron.n_kernel_events(inputs, n_steps, layer)
        return LayerTrace(times, state.potential, at_spike, n_events @ self._connection.fan_out)

    def _steps(
        self, inputs: NDArray[np.uint8], n_steps: int
    ) -> Iterator[tuple[neuron.State, NDArray[np.bool_]]]:
        """State and spikes after each step in which the layer can fire."""
        layer = self._layer
        state = neuron.rest(len(inputs), layer.n_post)
        for step in range(n_steps):
            events = neuron.kernel_events(inputs, step, layer)
            state = neuron.integrate(state, self._connection.current(events), layer)
            if not layer.phased:
                state, spikes = neuron.fire(state, self._thresholds)
                yield state, spikes
        if layer.phased:
            for _ in range(n_steps):
                state = state._replace(potential=state.potential + self._drives)
                state, spikes = neuron.fire(state, self._thresholds)
                yield state, spikes


class Pool:
    """Pooling: a neuron fires when the first of its window does."""

    def __init__(self, layer: PoolSpec) -> None:
        self._layer = layer

    def run(self, inputs: NDArray[np.uint8], n_steps: int) -> LayerTrace:
        """Spike times uint8 [n, n_pre] -> the least of each window.

        Never is `n_steps`, the largest value of all, so a window without spikes gives never.
        """
        n, layer, size = len(inputs), self._layer, self._layer.size
        height, width, channels = layer.post
        picture = inputs.reshape(n, *layer.pre)[:, : height * size, : width * size]
        windows = picture.reshape(n, height, size, width, size, channels)
        times = windows.min(axis=(2, 4)).reshape(n, layer.n_post)
        nothing = np.zeros((n, 0), np.int32)
        return LayerTrace(times, nothing, nothing, np.zeros(n, np.int64))
