"""Pooling, of spike times and of spikes step by step (`docs/contract.md`, section 4)."""

import numpy as np
from numpy.typing import NDArray

from hwgen.golden.layers.trace import LayerTrace, SpikesTrace
from hwgen.network.layers.pool2d import PoolSpec


class Pool:
    """Pooling: a neuron fires when the first of its window does."""

    def __init__(self, layer: PoolSpec) -> None:
        """layer: sizes of feature map and window."""
        self._layer = layer

    def run(self, inputs: NDArray[np.uint8], n_steps: int) -> LayerTrace:
        """Spike times uint8 [n, n_pre] -> the least of each window.

        Never is `n_steps`, the largest value of all, so a window without spikes gives never.

        Returns times uint8 [n, n_post]; potentials are [n, 0] (contract, section 5).
        """
        n, layer, size = len(inputs), self._layer, self._layer.size
        height, width, channels = layer.post
        feature_map = inputs.reshape(n, *layer.pre)[:, : height * size, : width * size]
        windows = feature_map.reshape(n, height, size, width, size, channels)
        times = windows.min(axis=(2, 4)).reshape(n, layer.n_post)
        nothing = np.zeros((n, 0), np.int32)
        return LayerTrace(times, nothing, nothing, np.zeros(n, np.int64))


class StepPool:
    """Pooling: a neuron fires in each step in which one of its window does."""

    def __init__(self, layer: PoolSpec) -> None:
        """layer: sizes of feature map and window."""
        self._layer = layer

    def run(self, inputs: NDArray[np.uint8], n_steps: int) -> SpikesTrace:
        """Spikes uint8 [n, `n_steps`, n_pre] -> the greatest of each window.

        Returns spikes uint8 [n, n_steps, n_post]; potentials are [n, 0].
        """
        n = len(inputs)
        layer, size = self._layer, self._layer.size
        height, width, channels = layer.post
        feature_map = inputs.reshape(n, n_steps, *layer.pre)[:, :, : height * size, : width * size]
        windows = feature_map.reshape(n, n_steps, height, size, width, size, channels)
        spikes = windows.max(axis=(3, 5)).reshape(n, n_steps, layer.n_post)
        return SpikesTrace(spikes, np.zeros((n, 0), np.int32), np.zeros(n, np.int64))
