"""Image files, as of a camera or a scanner, made into what a network takes."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from hwgen.errors import DataError
from hwgen.files import reason
from hwgen.network.spec import InputSpec

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".pgm", ".tif", ".tiff", ".webp")


def find(places: Sequence[Path], suffixes: tuple[str, ...] = SUFFIXES) -> list[Path]:
    """The image files in folders, sorted, and those that are named. Raises `DataError`."""
    found: list[Path] = []
    for place in places:
        if place.is_dir():
            inside = sorted(p for p in place.iterdir() if p.suffix.lower() in suffixes)
            if not inside:
                raise DataError(f"{place}: no files in it to run; expected {' '.join(suffixes)}")
            found += inside
        else:
            found.append(place)
    return found


def load(paths: Sequence[Path], spec: InputSpec, *, invert: bool = False) -> NDArray[np.uint8]:
    """Grey values uint8 [n, height, width], 0..x_max: scaled to size, bright is ink.

    `invert`: of dark ink on bright paper. Raises `DataError`.

    Colours are turned to grey. Scaling averages the pixels that fall together.
    """
    images = np.zeros((len(paths), spec.height, spec.width), np.uint8)
    for image, grey in zip(images, _grey(paths, spec), strict=True):
        values = 255 - grey if invert else grey
        image[:] = (values * spec.x_max + 127) // 255
    return images


def _grey(paths: Sequence[Path], spec: InputSpec) -> Iterator[NDArray[np.int32]]:
    for path in paths:
        try:
            with Image.open(path) as image:
                grey = image.convert("L").resize((spec.width, spec.height), Image.Resampling.BOX)
        except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError) as error:
            raise DataError(f"{path}: cannot be read as an image: {reason(error)}") from None
        yield np.asarray(grey, np.int32)
