"""N-MNIST in its authors' format."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwgen.data.recordings import CHANNELS, Recordings
from hwgen.errors import DataError
from hwgen.files import reason, visible

N_MNIST = "NMNIST"  # name of its folder
N_MNIST_SIZE = 34  # pixels each way
SUFFIX = ".bin"
_EVENT_BYTES = 5


def load(folder: Path) -> tuple[Recordings, NDArray[np.int64]]:
    """N-MNIST's Train or Test, as much as is there, and labels [n]. Raises `DataError`."""
    paths = [path for digit in range(10) for path in visible(folder / str(digit), f"*{SUFFIX}")]
    if not paths:
        raise DataError(f"{folder}: no recordings; expected {folder}/0/*.bin to {folder}/9/*.bin")
    labels = np.array([int(path.parent.name) for path in paths], np.int64)
    return of_files(paths, N_MNIST_SIZE, N_MNIST_SIZE), labels


def of_files(paths: Sequence[Path], height: int, width: int) -> Recordings:
    """One a file, at least one file. Raises `DataError`.

    height, width: of the camera, in pixels.
    """
    parts = [_read(path, height, width) for path in paths]
    addresses, times = (np.concatenate(kind) for kind in zip(*parts, strict=True))
    counts = [len(part[1]) for part in parts]
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Recordings(height, width, addresses, times, offsets)


def _read(path: Path, height: int, width: int) -> tuple[NDArray[np.uint16], NDArray[np.uint32]]:
    """Addresses and times of one recording."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {reason(error)}") from None
    if not content or len(content) % _EVENT_BYTES:
        raise DataError(
            f"{path}: {len(content)} bytes, expected events of {_EVENT_BYTES}; fetch it again"
        )
    column, row, *rest = np.frombuffer(content, np.uint8).reshape(-1, _EVENT_BYTES).T
    outside = (column >= width) | (row >= height)
    if outside.any():
        first = int(outside.argmax())
        raise DataError(
            f"{path}: event {first} is at column {column[first]}, row {row[first]}, expected "
            f"0..{width - 1}, 0..{height - 1}; fetch it again"
        )
    # Five bytes an event: column, row, and 24 bits, of which the highest is the polarity and the
    # others the time in microseconds.
    high, middle, low = (byte.astype(np.uint32) for byte in rest)
    times: NDArray[np.uint32] = ((high & 127) << 16 | middle << 8 | low).astype(np.uint32)
    if (times[1:] < times[:-1]).any():
        first = int((times[1:] < times[:-1]).argmax()) + 1
        raise DataError(
            f"{path}: event {first} is at {times[first]} us, before the one in front of it; "
            "fetch it again"
        )
    pixel = row.astype(np.uint16) * width + column
    return (pixel * CHANNELS + (high >> 7)).astype(np.uint16), times
