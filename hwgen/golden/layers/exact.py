"""Sums by BLAS in which nothing can be rounded."""

import numpy as np
from numpy.typing import NDArray

_EXACT = 2**24  # below this, float32 holds every integer, so BLAS sums are exact in any order
_MAX_EVENT = 2  # largest magnitude of a kernel event (the knee of a triangle)


def for_blas(matrix: NDArray[np.int8]) -> NDArray[np.floating]:
    """Weights [n_fan_in, n_post] as floats in which no sum of events can be rounded.

    matrix: int8. Returns float32 if the largest possible sum stays below 2 ** 24, else float64,
    which holds all integers up to 2 ** 53. BLAS has no fast integers.
    """
    bound = int(np.abs(matrix.astype(np.int64)).sum(axis=0).max()) * _MAX_EVENT
    return matrix.astype(np.float32 if bound < _EXACT else np.float64)
