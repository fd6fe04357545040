"""Layers of golden: from the spikes of a step to the current of a step."""

import numpy as np
from numpy.typing import NDArray

_EXACT = 2**24  # below this, float32 holds every integer, so BLAS sums are exact in any order


class Dense:
    """Full connection: current[j] = sum of weights[i, j] over the inputs i that spike."""

    def __init__(self, weights: NDArray[np.int8]) -> None:
        """weights: int8 [n_pre, n_post]."""
        bound = int(np.abs(weights.astype(np.int64)).sum(axis=0).max())
        if bound >= _EXACT:
            raise ValueError(f"weight sums up to {bound} are not exact in float32")
        self._weights = weights.astype(np.float32)

    def current(self, spikes: NDArray[np.bool_]) -> NDArray[np.int64]:
        """bool [n, n_pre] -> int64 [n, n_post]."""
        active = np.flatnonzero(spikes.any(axis=0))
        result = spikes[:, active].astype(np.float32) @ self._weights[active]
        return result.astype(np.int64)
