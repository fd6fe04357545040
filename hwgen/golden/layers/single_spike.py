"""Layers of single-spike neurons: spike times to spike times, all steps of a sample at once."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hwgen.golden import neuron
from hwgen.golden.layers.conv2d import Conv
from hwgen.golden.layers.dense import Dense
from hwgen.golden.layers.direct import constant_current
from hwgen.golden.layers.trace import LayerTrace
from hwgen.network.layers.kinds import WeightedSpec


class Neurons:
    """A dense or convolutional layer of single-spike neurons."""

    def __init__(
        self,
        layer: WeightedSpec,
        connection: Dense | Conv,
        thresholds: NDArray[np.int32],
        drives: NDArray[np.int32],
        biases: NDArray[np.int32] | None = None,
    ) -> None:
        """Shapes as in `hwgen.network.spec`; the neurons of a filter share what is theirs.

        thresholds: int32 [n_thresholds]; drives: the same of a two-phase layer, biases: of a layer
        that has some, or None; else [0].
        """
        self._layer = layer
        self._connection = connection
        n_sharing = layer.n_post // layer.n_thresholds
        self._thresholds = np.tile(thresholds, n_sharing)
        self._drives = np.tile(drives, n_sharing)
        self._biases = np.tile(np.zeros(0, np.int32) if biases is None else biases, n_sharing)

    def set_weights(self, rows: NDArray[np.integer], weights: NDArray[np.int8]) -> None:
        """Other weights of a dense layer, from the inputs `rows`: int8 [n_rows, n_post].

        Sums stay exact, because `for_blas` has chosen the type for weights of the same width.
        """
        assert isinstance(self._connection, Dense)
        self._connection.set_weights(rows, weights)

    def run(self, inputs: NDArray[np.uint8], n_steps: int) -> LayerTrace:
        """Spike times uint8 [n, n_pre], or bit planes of values [n, n_planes, n_pre] -> what this
        layer does in `n_steps` steps.

        All steps at once, because nothing flows back. A two-phase layer takes as many steps of
        its own after those of its input (contract, section 4).
        """
        n, layer = len(inputs), self._layer
        times = np.full((n, layer.n_post), n_steps, np.uint8)
        at_spike = np.zeros((n, layer.n_post), np.int32)
        for step, (state, spikes) in enumerate(self._steps(inputs, n_steps)):
            times[spikes] = step
            at_spike[spikes] = state.potential[spikes]
        n_events = (
            inputs.sum(axis=1, dtype=np.int64)
            if layer.input_bits
            else neuron.n_kernel_events(inputs, n_steps, layer)
        )
        return LayerTrace(times, state.potential, at_spike, n_events @ self._connection.fan_out)

    def _steps(
        self, inputs: NDArray[np.uint8], n_steps: int
    ) -> Iterator[tuple[neuron.State, NDArray[np.bool_]]]:
        """State and spikes after each step in which the layer can fire."""
        layer = self._layer
        state = neuron.rest(len(inputs), layer.n_post)
        if layer.bias_bits:
            state = state._replace(slope=state.slope + self._biases)
        if layer.input_bits:
            # A two-phase layer, which integrates values once.
            state = state._replace(potential=constant_current(inputs, self._connection))
        for step in range(0 if layer.input_bits else n_steps):
            events = neuron.kernel_events(inputs, step, layer)
            state = neuron.integrate(state, self._connection.current(events), layer)
            if not layer.neuron.two_phase:
                state, spikes = neuron.fire(state, self._thresholds)
                yield state, spikes
        if layer.neuron.two_phase:
            for _ in range(n_steps):
                state = state._replace(potential=state.potential + self._drives)
                state, spikes = neuron.fire(state, self._thresholds)
                yield state, spikes
