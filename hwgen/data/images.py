"""Image files, as of a camera or a scanner, made into what a network takes."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from hwgen.data.decode import BACKGROUND, colour, decode
from hwgen.errors import DataError
from hwgen.files import reason, visible
from hwgen.network.spec import InputSpec
from hwgen.reading import regular

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".pgm", ".tif", ".tiff", ".webp")


def find(places: Sequence[Path], suffixes: tuple[str, ...] = SUFFIXES) -> list[Path]:
    """The image files in folders, sorted, and those that are named. Raises `DataError`.

    In folders, files whose name begins with a dot are no images, but another program's notes.
    """
    found: list[Path] = []
    for place in places:
        if place.is_dir():
            inside = [p for p in visible(place) if p.suffix.lower() in suffixes and p.is_file()]
            if not inside:
                raise DataError(f"{place}: no files in it to run; expected {' '.join(suffixes)}")
            found += inside
        else:
            found.append(place)
    return found


def load(
    paths: Sequence[Path],
    spec: InputSpec,
    *,
    invert: bool = False,
    background: str = "",
) -> NDArray[np.uint8]:
    """Values uint8 0..x_max, scaled to size, bright is ink: [n, height, width], grey, or, if the
    network takes three channels, [n, height, width, 3], in colour.

    `invert`: of dark ink on bright paper. `background`: a colour's name or #rrggbb, behind what is
    transparent; white if it is "". Raises `DataError`.

    Pictures are as a viewer shows them (`hwgen.data.decode`). Scaling averages the pixels that fall
    together.
    """
    if spec.channels not in (1, 3):
        raise DataError(f"the network takes {spec.channels} channels: image files have 1 or 3")
    size = (spec.height, spec.width) + (3,) * (spec.channels == 3)
    images = np.zeros((len(paths), *size), np.uint8)
    for image, shown in zip(images, _shown(paths, spec, background), strict=True):
        values = 255 - shown if invert else shown
        image[:] = (values * spec.x_max + 127) // 255
    return images


def _shown(paths: Sequence[Path], spec: InputSpec, background: str) -> Iterator[NDArray[np.int32]]:
    for path in paths:
        whole = shown(path, in_colour=spec.channels == 3, background=background)
        yield scaled(whole, spec.height, spec.width).astype(np.int32)


def shown(path: Path, *, in_colour: bool, background: str = "") -> Image.Image:
    """A file's picture, as a viewer shows it, in red, green and blue or in grey, 0..255.

    background: as of `load`. Raises `DataError`.
    """
    behind = colour(background or BACKGROUND)
    try:  # a stream: of a name, Pillow 13 maps an uncompressed TIFF, and turns it wrongly
        with regular(path).open("rb") as stream, Image.open(stream) as image:
            return decode(image, "RGB" if in_colour else "L", behind)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: cannot be read as an image: {reason(error)}") from None


def scaled(picture: Image.Image, height: int, width: int) -> NDArray[np.uint8]:
    """uint8 [height, width], or with 3 channels behind; pixels that fall together are averaged."""
    return np.asarray(picture.resize((width, height), Image.Resampling.BOX), np.uint8)
