"""CIFAR-10 (Krizhevsky, 2009) in its authors' binary format, in grey."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import DataError
from hwgen.files import reason

FOLDER = "cifar-10-batches-bin"
_RECORD = 1 + 3 * 32 * 32  # label; red, green, blue, each row by row
_GREY = np.array([77, 150, 29], np.int32)  # of 256: luminance, as television weighs colours


def load(folder: Path, *, test: bool) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Grey images uint8 [n, 32, 32] and labels int64 [n]. Raises `DataError`."""
    names = ["test_batch.bin"] if test else [f"data_batch_{i}.bin" for i in range(1, 6)]
    images, labels = zip(*(_read(folder / name) for name in names), strict=True)
    return np.concatenate(images), np.concatenate(labels)


def _read(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {reason(error)}; fetch it again") from None
    if not content or len(content) % _RECORD:
        raise DataError(
            f"{path}: {len(content)} bytes, expected records of {_RECORD}; fetch it again"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, _RECORD)
    colours = records[:, 1:].reshape(-1, 3, 32, 32).astype(np.int32)
    grey = np.einsum("ncyx,c->nyx", colours, _GREY) >> 8
    return grey.astype(np.uint8), records[:, 0].astype(np.int64)
