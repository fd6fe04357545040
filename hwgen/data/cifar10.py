"""CIFAR-10 (Krizhevsky, 2009) in its authors' binary format, in grey or in colour."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import DataError
from hwgen.files import reason
from hwgen.reading import regular

FOLDER = "cifar-10-batches-bin"
_RECORD = 1 + 3 * 32 * 32  # label; red, green, blue, each row by row
# Integers that add up to 256: the same grey on every machine, and white stays 255.
_GREY = np.array([77, 150, 29], np.int32)  # of 256: luminance, as television weighs colours


def load(
    folder: Path, *, test: bool, colour: bool = False
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images uint8 [n, 32, 32], or [n, 32, 32, 3] in colour: red, green, blue; labels int64 [n].

    Raises `DataError`.

    folder: with the files of the authors' binary version. Grey is the luminance, 0..255.
    """
    names = ["test_batch.bin"] if test else [f"data_batch_{i}.bin" for i in range(1, 6)]
    parts, labels = zip(*(_read(folder / name) for name in names), strict=True)
    images = [part if colour else _grey(part) for part in parts]
    return np.concatenate(images), np.concatenate(labels)


def _grey(colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[n, 32, 32, 3] -> [n, 32, 32]."""
    weighed: NDArray[np.int32] = np.einsum("nyxc,c->nyx", colours.astype(np.int32), _GREY)
    return (weighed >> 8).astype(np.uint8)


def _read(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Colours uint8 [n, 32, 32, 3] and labels int64 [n]."""
    try:
        content = regular(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {reason(error)}") from None
    if not content or len(content) % _RECORD:
        raise DataError(
            f"{path}: {len(content)} bytes, expected records of {_RECORD}; fetch it again"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, _RECORD)
    colours = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(colours), records[:, 0].astype(np.int64)
