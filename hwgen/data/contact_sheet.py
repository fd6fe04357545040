"""A picture of some samples of each class, to look at."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hwgen.data.own import Own

_GAP = 2  # pixels between pictures
_LEAST = 32  # pixels of a side: smaller pictures are enlarged by a whole number


def contact_sheet(whole: Own, n_columns: int = 12, seed: int = 0) -> Image.Image:
    """A row a class, in their order: `n_columns` samples of it, drawn by `seed`."""
    rng = np.random.default_rng(seed)
    rows = []
    for label in range(len(whole.classes)):
        alike = np.flatnonzero(whole.labels == label)
        chosen = rng.permutation(alike)[:n_columns]
        row = [_framed(whole.images[index]) for index in chosen]
        empty = np.full_like(row[0], 255)
        rows.append(np.concatenate([*row, *[empty] * (n_columns - len(row))], axis=1))
    return Image.fromarray(np.concatenate(rows))


def _framed(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    times = -(-_LEAST // min(image.shape[:2]))
    large = image.repeat(times, axis=0).repeat(times, axis=1)
    edges = [(_GAP, _GAP), (_GAP, _GAP), (0, 0)][: large.ndim]
    return np.pad(large, edges, constant_values=255)
