"""A picture as a viewer shows it: upright, on a background, each value by its real range."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageOps

from hwgen.errors import DataError

BACKGROUND = "white"  # behind what is transparent
_BITS = 258  # tags of TIFF: bits of a sample
_PHOTOMETRIC = 262  # 0: the lowest value is white
# Of eight bits or fewer, or of a palette: Pillow knows their range.
_BYTES = {"1", "L", "P", "LA", "La", "PA", "RGB", "RGBX", "RGBA", "RGBa"}
_BYTES |= {"CMYK", "YCbCr", "HSV", "LAB"}

Colour = tuple[int, int, int]


def colour(text: str) -> Colour:
    """Red, green and blue, 0..255 each. Raises `DataError`.

    text: a colour's name in CSS, or #rrggbb.
    """
    try:
        rgb = ImageColor.getrgb(text)
        red, green, blue = rgb[:3]
        if len(rgb) > 3:
            raise ValueError("it has alpha")
    except ValueError:
        raise DataError(
            f"--background is {text!r}, expected a colour as white, black or #rrggbb"
        ) from None
    return red, green, blue


def decode(image: Image.Image, mode: Literal["L", "RGB"], background: Colour) -> Image.Image:
    """The picture in grey ("L") or colour ("RGB"), eight bits a value.

    The orientation that EXIF or TIFF names is applied, and what is transparent lies on the
    background. Values of 16 bits and floats of 0..1 are scaled to 0..255. Raises `DataError` for
    modes and values whose range is not known, without the file's name.
    """
    image.load()
    if image.mode not in _BYTES:
        image = _in_bytes(image)
    image = ImageOps.exif_transpose(image)
    if image.mode == "La":
        image = image.convert("LA")
    if image.has_transparency_data:
        behind = Image.new("RGBA", image.size, (*background, 255))
        image = Image.alpha_composite(behind, image.convert("RGBA"))
    # By way of red, green and blue: not each mode goes to grey at once.
    return (image if image.mode in ("1", "L") else image.convert("RGB")).convert(mode)


def _in_bytes(image: Image.Image) -> Image.Image:
    """A picture of more bits as "L", or "LA"; orientation and transparency stay."""
    tags = getattr(image, "tag_v2", {})  # of TIFF only
    values = np.asarray(image)
    if image.mode.startswith("I;16"):
        white = 2 ** max(tags.get(_BITS, (16,))) - 1
    elif image.mode == "I" and image.format in ("PPM", "PNG"):
        white = 65535  # Pillow scales them to that
    elif image.mode == "F":
        white = 1
        if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
            raise DataError(
                f"floats from {values.min():g} to {values.max():g}, expected 0 (black) to 1 "
                "(white); scale them, or save 8 or 16 bits"
            )
    else:
        raise DataError(
            f"pixels of mode {image.mode!r} ({image.format}), whose white is not known; save 8 or "
            "16 bits without sign"
        )
    grey = _scaled(values, white)
    if tags.get(_PHOTOMETRIC) == 0:
        grey = 255 - grey
    made = Image.fromarray(grey)
    hidden = image.info.get("transparency")
    if isinstance(hidden, int):  # a value that is transparent
        made.putalpha(Image.fromarray(np.where(values == hidden, 0, 255).astype(np.uint8)))
    if exif := image.info.get("exif"):
        made.info["exif"] = exif
    return made


def _scaled(values: NDArray[np.generic], white: int) -> NDArray[np.uint8]:
    """0..white to 0..255, to the nearest."""
    return np.rint(values.astype(np.float64) * (255 / white)).clip(0, 255).astype(np.uint8)
