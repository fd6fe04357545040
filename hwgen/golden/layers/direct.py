"""Inputs that bring values, and not spikes (`docs/contract.md`, section 3, "direct")."""

import numpy as np
from numpy.typing import NDArray

from hwgen.golden.layers.conv2d import Conv
from hwgen.golden.layers.dense import Dense


def constant_current(planes: NDArray[np.uint8], connection: Dense | Conv) -> NDArray[np.int32]:
    """Bit planes uint8 0/1 [n, n_planes, n_pre] -> sums of weight times value, int32 [n, n_post].

    Plane p is worth 2 ** p. No sum overflows int32, as the layer's slope has at most 31 bits.
    """
    current = np.zeros((len(planes), 1), np.int32)
    for worth in reversed(range(planes.shape[1])):
        current = 2 * current + connection.current(planes[:, worth].astype(np.int8))
    return current
