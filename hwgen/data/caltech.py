"""Faces and motorbikes of Caltech-101, two classes."""

import lzma
import struct
import zlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from hwgen.data.locate import find_files
from hwgen.errors import DataError
from hwgen.files import reason
from hwgen.reading import regular

CALTECH = "caltech-face-motorbike"
_CALTECH_FILE = "caltech101_faces_motorbikes.npz"
# What numpy and zipfile say of a file that is none, is cut off, or asks for too much.
_NOT_AN_NPZ = (
    OSError,
    ValueError,
    LookupError,
    EOFError,
    TypeError,
    AttributeError,
    NotImplementedError,
    RuntimeError,
    MemoryError,
    OverflowError,
    SyntaxError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    BadZipFile,
)


def load_caltech(data_dir: Path | None) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Classes Faces_easy (0) and Motorbikes (1), in grey, resized: x uint8 [n, 64, 100], y [n].

    Labels are int64 [n]. Raises `DataError` if the file is nowhere or no such file.
    """
    (path,) = find_files(CALTECH, [_CALTECH_FILE], data_dir)
    try:
        with regular(path).open("rb") as stream, np.load(stream) as file:
            images, labels = file["x"], file["y"]
            if not isinstance(images, np.ndarray) or not isinstance(labels, np.ndarray):
                raise ValueError("x or y is no array")  # numpy gives the bytes of what is none
    except _NOT_AN_NPZ as error:
        raise DataError(f"{path}: not an npz file with x and y: {reason(error)}") from None
    if images.ndim != 3 or images.dtype != np.uint8 or labels.shape != images.shape[:1]:
        raise DataError(
            f"{path}: x is {images.dtype} {list(images.shape)} and y {list(labels.shape)}, "
            "expected uint8 [n, height, width] and [n]"
        )
    if labels.dtype.kind not in "iu":
        raise DataError(f"{path}: y is {labels.dtype}, expected integers")
    return images, labels.astype(np.int64)
