"""N-MNIST in its authors' format."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwgen.data.recordings import CHANNELS, Recordings
from hwgen.errors import DataError
from hwgen.files import reason, visible
from hwgen.reading import regular

_LOG = logging.getLogger(__name__)
N_MNIST = "NMNIST"  # name of its folder
N_MNIST_SIZE = 34  # pixels each way
SUFFIX = ".bin"
_EVENT_BYTES = 5
# Such a row is no pixel: a clock of 13 bits overflowed, here and for all that follows. So does the
# authors' reader count it.
_OVERFLOW_ROW, _OVERFLOW = 240, 2**13
_CLOCK_RANGE = 2**23


def load(folder: Path) -> tuple[Recordings, NDArray[np.int64]]:
    """N-MNIST's Train or Test, as much as is there, and labels [n]. Raises `DataError`."""
    paths = [path for digit in range(10) for path in visible(folder / str(digit), f"*{SUFFIX}")]
    if not paths:
        raise DataError(f"{folder}: no recordings; expected {folder}/0/*.bin to {folder}/9/*.bin")
    labels = np.array([int(path.parent.name) for path in paths], np.int64)
    return of_files(paths, N_MNIST_SIZE, N_MNIST_SIZE), labels


def of_files(paths: Sequence[Path], height: int, width: int) -> Recordings:
    """One a file, at least one file. Raises `DataError`; logs what was put right.

    height, width: of the camera, in pixels.
    """
    parts = [read(path, height, width) for path in paths]
    for path, part in zip(paths, parts, strict=True):
        for note in part.notes:
            _LOG.warning("%s: %s", path, note)
    return joined(parts, height, width)


def joined(parts: Sequence["FileEvents"], height: int, width: int) -> Recordings:
    """Recordings of a camera, one after the other; times in microseconds."""
    offsets = np.concatenate([[0], np.cumsum([len(part.times) for part in parts])])
    return Recordings(
        height,
        width,
        np.concatenate([part.addresses for part in parts]),
        np.concatenate([part.times for part in parts]).astype(np.uint32),
        offsets.astype(np.int64),
    )


@dataclass(frozen=True, kw_only=True)
class FileEvents:
    """What a file holds: addresses uint16 [n_events], as of `Recordings`; times int64 [n_events],
    ascending, in the unit of the file; notes: what was put right."""

    addresses: NDArray[np.uint16]
    times: NDArray[np.int64]
    notes: tuple[str, ...] = ()


def read(path: Path, height: int, width: int) -> FileEvents:
    """The events of one recording. Raises `DataError`.

    height, width: of the camera, in pixels. Overflows of the clock are counted as the authors'
    reader counts them, and events are sorted by time.
    """
    try:
        content = regular(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {reason(error)}") from None
    n_whole, rest = divmod(len(content), _EVENT_BYTES)
    if not content or rest:
        how = f", the file is cut off in the middle of event {n_whole}" if rest else ""
        raise DataError(
            f"{path}: {len(content)} bytes, expected events of {_EVENT_BYTES}{how}; copy or record "
            "it again"
        )
    column, row, *others = np.frombuffer(content, np.uint8).reshape(-1, _EVENT_BYTES).T
    # Five bytes an event: column, row, and 24 bits, of which the highest is the polarity and the
    # others the time in microseconds.
    high, middle, low = (byte.astype(np.int64) for byte in others)
    times = (high & 127) << 16 | middle << 8 | low
    is_mark = (row == _OVERFLOW_ROW) & (height <= _OVERFLOW_ROW)
    outside = ((column >= width) | (row >= height)) & ~is_mark
    if outside.any():
        first = int(outside.argmax())
        raise DataError(
            f"{path}: event {first} is at column {column[first]}, row {row[first]}, expected "
            f"0..{width - 1}, 0..{height - 1}: of another camera, or not in N-MNIST's format"
        )
    pixel = row.astype(np.uint16) * width + column
    addresses = (pixel * CHANNELS + (high >> 7)).astype(np.uint16)
    times = (times + _OVERFLOW * np.cumsum(is_mark))[~is_mark]
    addresses, n_marks = addresses[~is_mark], int(is_mark.sum())
    notes: tuple[str, ...] = ()
    if n_marks:
        notes = (f"{n_marks} overflows of its clock, {_OVERFLOW} us each, in row {_OVERFLOW_ROW}",)
    if not len(times):
        raise DataError(f"{path}: no event but {n_marks} overflows of its clock")
    return _sorted(path, addresses, times, notes)


def _sorted(
    path: Path, addresses: NDArray[np.uint16], times: NDArray[np.int64], notes: tuple[str, ...]
) -> FileEvents:
    """By time. Raises `DataError` if the clock starts anew."""
    back = np.diff(times) < 0
    if not back.any():
        return FileEvents(addresses=addresses, times=times, notes=notes)
    worst = int(np.diff(times).argmin())
    if times[worst] - times[worst + 1] >= _CLOCK_RANGE // 2:
        raise DataError(
            f"{path}: its clock goes back from {times[worst]} to {times[worst + 1]} at event "
            f"{worst + 1}: it ran over, or two recordings are in one file; cut it there"
        )
    order = np.argsort(times, kind="stable")
    note = f"{int(back.sum())} events earlier than the one in front, sorted"
    return FileEvents(addresses=addresses[order], times=times[order], notes=(*notes, note))
