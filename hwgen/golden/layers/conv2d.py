"""Convolutional connections: each neuron sees a patch (`docs/contract.md`, section 4)."""

from typing import TypeVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from hwgen.golden.layers.exact import for_blas
from hwgen.network.layers.conv2d import ConvSpec

_PATCHES = 2**21  # elements of patches at once: few enough to stay near the processor

_Number = TypeVar("_Number", bound=np.generic)


class Conv:
    """Convolution: each neuron sees a patch of the feature map, with the weights of its filter.

    Every patch is laid out as a row (rows, then columns, then channels, as the weights are), so
    that a step is one product of matrices.
    """

    def __init__(self, weights: NDArray[np.int8], layer: ConvSpec) -> None:
        """weights: int8 [size, size, channels, filters].

        layer: its sizes. `fan_out` counts the synapses that exist: fewer at the edges.
        """
        self._layer = layer
        self._weights = for_blas(weights.reshape(layer.n_fan_in, layer.filters))
        # Each input laid out like a feature map of its own number: how often it stands in the
        # patches is how many positions it reaches, padding and stride included.
        seen = np.arange(1, layer.n_pre + 1).reshape(1, -1)  # 0 is the padding
        n_patches = np.bincount(self._patches(seen).ravel(), minlength=layer.n_pre + 1)[1:]
        self.fan_out = n_patches.astype(np.int64) * layer.filters  # synapses of each input

    def current(self, events: NDArray[np.int8]) -> NDArray[np.int32]:
        """Kernel events int8 [n, n_pre] -> current int32 [n, n_post].

        Neurons of both are numbered as in the contract, channels last. Sums are exact.
        """
        layer = self._layer
        result = np.zeros((len(events), layer.n_post), np.int32)
        # In most steps of most samples nothing happens, and a patch costs as much when it is empty.
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
        feature_map = np.pad(values.reshape(-1, *self._layer.pre), ((0, 0), edge, edge, (0, 0)))
        windows = sliding_window_view(feature_map, (size, size), axis=(1, 2))
        chosen = windows[:, ::stride, ::stride]  # [n, height, width, channels, size, size]
        return chosen.transpose(0, 1, 2, 4, 5, 3).reshape(-1, self._layer.n_fan_in)
