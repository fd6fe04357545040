"""Dense connections: every input reaches every neuron (`docs/contract.md`, section 4)."""

import numpy as np
from numpy.typing import NDArray

from hwgen.golden.layers.exact import for_blas
from hwgen.network.layers.dense import DenseSpec


class Dense:
    """Full connection: current[j] = sum of events[i] * weights[i, j] over the inputs i."""

    def __init__(self, weights: NDArray[np.int8], layer: DenseSpec) -> None:
        """weights: int8 [n_pre, n_post].

        layer: its sizes.
        """
        self._weights = for_blas(weights)
        self.fan_out = np.full(layer.n_pre, layer.n_post, np.int64)  # synapses of each input

    def set_weights(self, rows: NDArray[np.integer], weights: NDArray[np.int8]) -> None:
        """Other weights from the inputs `rows`: int8 [n_rows, n_post]; sums of any stay exact."""
        self._weights[rows] = weights

    def current(self, events: NDArray[np.int8]) -> NDArray[np.int32]:
        """Kernel events int8 [n, n_pre] -> current int32 [n, n_post].

        Sums are exact, whatever their order.
        """
        # Columns of inputs that are silent in all samples are left out: most, in most steps.
        active = np.flatnonzero(events.any(axis=0))
        sums = events[:, active].astype(self._weights.dtype) @ self._weights[active]
        current: NDArray[np.int32] = sums.astype(np.int32)
        return current
