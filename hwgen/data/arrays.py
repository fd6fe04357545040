"""Arrays of images as people have them: integers, or real numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import DataError


def as_bytes(given: NDArray[Any], x_max: int, where: str, *, whose: str = "") -> NDArray[np.uint8]:
    """Integers 0..`x_max` as they are; real numbers 0..1 scaled to that, and rounded.

    where: opens messages. whose: of the range, as in ", as the network takes,". Raises `DataError`
    on other types, values out of range, and images without a pixel.
    """
    is_real = given.dtype.kind == "f"
    if given.dtype.kind not in "uif" or (len(given) and not given.size):
        raise DataError(
            f"{where}: images are {given.dtype} {list(given.shape)}, expected integers 0 to "
            f"{x_max}, or reals 0 to 1"
        )
    if given.size and not (given.min() >= 0 and given.max() <= (1 if is_real else x_max)):
        wanted = "0 to 1" if is_real else f"0 to {x_max}{whose}"
        raise DataError(
            f"{where}: images hold {given.min()} to {given.max()}, expected {wanted} of "
            f"{given.dtype}; " + ("divide them first" if is_real else "scale them first")
        )
    values = np.rint(given * x_max) if is_real else given
    pixels: NDArray[np.uint8] = values.astype(np.uint8, copy=False)
    return pixels
