"""Layers of neurons that may fire in each step of a sample (`docs/contract.md`, section 4).

The leaky integrate-and-fire neuron of TT-LBPTT (Guo et al., Front. Neurosci. 17:1047008, 2023), in
integers: its leak is an arithmetic shift. Spikes are uint8 [n, n_steps, n_neurons], 0 or 1.
"""

import numpy as np
from numpy.typing import NDArray

from hwgen.golden.layers.conv2d import Conv
from hwgen.golden.layers.dense import Dense
from hwgen.golden.layers.trace import SpikesTrace
from hwgen.network.layers.kinds import WeightedSpec
from hwgen.network.layers.neurons import Lif


class LeakyNeurons:
    """A dense or convolutional layer. With reset "never", a neuron fires once, as in `Neurons`."""

    def __init__(
        self, layer: WeightedSpec, connection: Dense | Conv, thresholds: NDArray[np.int32]
    ) -> None:
        """Shapes as in `hwgen.network.spec`; the neurons of a filter share its threshold.

        thresholds: int32 [n_thresholds].
        """
        self._layer = layer
        self._connection = connection
        self._thresholds = np.tile(thresholds, layer.n_post // layer.n_thresholds)

    def run(self, inputs: NDArray[np.uint8]) -> SpikesTrace:
        """Spikes uint8 [n, n_steps, n_pre] -> what this layer does in these steps.

        Points 1 to 5 of the contract's section 4, in this order in each step. Potentials are int32
        [n, n_post] at the end of the last step.
        """
        n, n_steps, _ = inputs.shape
        layer, neuron, thresholds = self._layer, self._layer.neuron, self._thresholds
        potential = np.zeros((n, layer.n_post), np.int32)
        fired = np.zeros((n, layer.n_post), np.bool_)
        spikes = np.zeros((n, n_steps, layer.n_post), np.uint8)
        for step in range(n_steps):
            events = inputs[:, step].astype(np.int8)
            potential = potential + self._connection.current(events)
            fires = potential > thresholds
            if not isinstance(neuron, Lif):
                fires &= ~fired
                fired |= fires
            elif neuron.reset == "zero":
                potential[fires] = 0
            else:
                potential -= np.where(fires, thresholds, 0).astype(np.int32)
            if isinstance(neuron, Lif) and neuron.leak_shift:
                potential -= potential >> neuron.leak_shift  # of negative numbers, too, the floor
            spikes[:, step] = fires
        n_events = inputs.sum(axis=1, dtype=np.int64)
        return SpikesTrace(spikes, potential, n_events @ self._connection.fan_out)


def spike_count(spikes: NDArray[np.uint8], potential: NDArray[np.int32]) -> NDArray[np.int64]:
    """Most spikes; then larger potential at the end; then lower index: int64 [n].

    spikes: 0 or 1, [n, n_steps, n_classes]; potential: [n, n_classes] (contract, section 6).
    """
    counts = spikes.sum(axis=1, dtype=np.int64)
    most = counts == counts.max(axis=1, keepdims=True)
    ranked = np.where(most, potential, np.iinfo(np.int32).min)
    decisions: NDArray[np.int64] = ranked.argmax(axis=1)
    return decisions
