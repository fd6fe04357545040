"""Data sets by name: their classes and grey values."""

from hwgen.data.caltech import CALTECH

N_CLASSES = {
    "digits": 10,
    "mnist": 10,
    "fashion-mnist": 10,
    CALTECH: 2,
    "n-mnist": 10,
    "cifar10": 10,
}


def x_max(name: str) -> int:
    """Brightest grey value of a data set.

    name: one of `hwgen.data.datasets.NAMES`.
    """
    return 16 if name == "digits" else 255
