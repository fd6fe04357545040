"""Connections of golden: which weights reach which neurons. `docs/contract.md`, section 4."""

from typing import TypeVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from hwgen.network.layers.conv2d import ConvSpec
from hwgen.network.layers.kinds import WeightedSpec

_EXACT = 2**24  # below this, float32 holds every integer, so BLAS sums are exact in any order
_MAX_EVENT = 2  # largest magnitude of a kernel event (the knee of a triangle)
_PATCHES = 2**21  # elements of patches at once: few enough to stay near the processor

_Number = TypeVar("_Number", bound=np.generic)


def _for_blas(matrix: NDArray[np.int8]) -> NDArray[np.floating]:
    """Weights [n_fan_in, n_post] as floats in which no sum of events can be rounded."""
    bound = int(np.abs(matrix.astype(np.int64)).sum(axis=0).max()) * _MAX_EVENT
    return matrix.astype(np.float32 if bound < _EXACT else np.float64)


class Dense:
    """Full connection: current[j] = sum of events[i] * weights[i, j] over the inputs i."""

    def __init__(self, weights: NDArray[np.int8]) -> None:
        """weights: int8 [n_pre, n_post]."""
        self._weights = _for_blas(weights)
        n_pre, n_post = weights.shape
        self.fan_out = np.full(n_pre, n_post, np.int64)  # synapses of each input

    def set_weights(self, rows: NDArray[np.integer], weights: NDArray[np.int8]) -> None:
        """Other weights from the inputs `rows`: int8 [n_rows, n_post]; sums of any stay exact."""
        self._weights[rows] = weights

    def current(self, events: NDArray[np.int8]) -> NDArray[np.int32]:
        """Kernel events int8 [n, n_pre] -> current int32 [n, n_post]."""
        active = np.flatnonzero(events.any(axis=0))
        sums = events[:, active].astype(self._weights.dtype) @ self._weights[active]
        current: NDArray[np.int32] = sums.astype(np.int32)
        return current


class Conv:
    """Convolution: each neuron sees a patch of the picture, with the weights of its filter.

    Every patch is laid out as a row (rows, then columns, then channels, as the weights are), so
    that a step is one product of matrices.
    """

    def __init__(self, weights: NDArray[np.int8], layer: ConvSpec) -> None:
        """weights: int8 [size, size, channels, filters]."""
        self._layer = layer
        self._weights = _for_blas(weights.reshape(layer.n_fan_in, layer.filters))
        seen = np.arange(1, layer.n_pre + 1).reshape(1, -1)  # 0 is the padding
        n_patches = np.bincount(self._patches(seen).ravel(), minlength=layer.n_pre + 1)[1:]
        self.fan_out = n_patches.astype(np.int64) * layer.filters  # synapses of each input

    def current(self, events: NDArray[np.int8]) -> NDArray[np.int32]:
        """Kernel events int8 [n, n_pre] -> current int32 [n, n_post]."""
        layer = self._layer
        result = np.zeros((len(events), layer.n_post), np.int32)
        busy = np.flatnonzero(events.any(axis=1))  # samples to which this step brings something
        n_at_once = max(1, _PATCHES // (layer.post.height * layer.post.width * layer.n_fan_in))
        for start in range(0, len(busy), n_at_once):
            some = busy[start : start + n_at_once]
            patches = self._patches(events[some].astype(self._weights.dtype))
            result[some] = (patches @ self._weights).reshape(len(some), -1)
        return result

    def _patches(self, values: NDArray[_Number]) -> NDArray[_Number]:
        """[n, n_pre] -> [n * height * width, n_fan_in], of all output positions, row by row."""
        size, stride, padding = self._layer.size, self._layer.stride, self._layer.padding
        edge = (padding, padding)
        picture = np.pad(values.reshape(-1, *self._layer.pre), ((0, 0), edge, edge, (0, 0)))
        windows = sliding_window_view(picture, (size, size), axis=(1, 2))
        chosen = windows[:, ::stride, ::stride]  # [n, height, width, channels, size, size]
        return chosen.transpose(0, 1, 2, 4, 5, 3).reshape(-1, self._layer.n_fan_in)


def connection(weights: NDArray[np.int8], layer: WeightedSpec) -> Dense | Conv:
    """That of a layer; weights as in `hwgen.network.spec`."""
    return Conv(weights, layer) if isinstance(layer, ConvSpec) else Dense(weights)
