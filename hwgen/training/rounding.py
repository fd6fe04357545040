"""To compute with shadow weights and thresholds as they are: to measure what rounding costs."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def rounding(layers: Iterable[Any], rounded: bool) -> Iterator[None]:
    """Within it, layers compute with the integers (as always) or with the shadows as they are.

    layers: of a network, each with an attribute `rounded`.

    `rounded` is True again at its end, whatever happened within.
    """
    chosen = list(layers)
    try:
        for layer in chosen:
            layer.rounded = rounded
        yield
    finally:
        for layer in chosen:
            layer.rounded = True
