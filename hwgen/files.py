"""Writing files so that what is on disk is either the old content or the new, never half."""

import contextlib
import errno
import fcntl
import hashlib
import io
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from itertools import count
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import HwgenError

_SEAL = "sha256"
_MAX_STEM = 100  # bytes; so two names, and what is put to them, are one
_MAX_REASON = 160  # characters
_LOCK = ".hwgen-lock"
STDOUT = Path("-")  # names standard output, where a file is to be written
_DESCRIPTOR = re.compile(r"/proc/(?:self|thread-self|\d+)/(?:task/\d+/)?fd/(\d+)")
_MAX_LINKS = 40  # in turn, as Linux has it
_PREFIX = ".hwgen-"  # of temporary names; short, as the name of a file may be as long as it can be
_OWN: ContextVar[frozenset[Path]] = ContextVar("own", default=frozenset())  # folders of this run
_CLAIMED: dict[Path, IO[bytes]] = {}  # locks of `free_folder`, until `exclusive` takes them


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write to a temporary name in the same folder, flush to disk, then rename over `path`.

    A link stays: the file behind it is replaced. What is no regular file, as a FIFO, a device, or
    `STDOUT`, is written into. Raises `HwgenError` if it cannot be written; what was there is there
    then.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        target = _behind(path)
        if _is_replaced(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            _replace(target, data)
        else:
            with open_output(path) as file:
                file.write(data)
    except OSError as error:
        raise HwgenError(f"{path}: cannot be written: {reason(error)}") from None


def open_output(path: Path) -> IO[bytes]:
    """To write into what is there, from its beginning; `STDOUT` and descriptors, as /dev/stdout:
    from where they are. Raises OSError."""
    descriptor = _descriptor(_behind(path))
    if descriptor is None:
        return path.open("wb")
    sys.stdout.flush()
    return os.fdopen(os.dup(descriptor), "wb")


def _behind(path: Path) -> Path:
    """Where a link leads to, and links behind it; but not through a descriptor of a process."""
    for _ in range(_MAX_LINKS):
        if not path.is_symlink() or _descriptor(path) is not None:
            return path
        path = path.parent / path.readlink()
    raise OSError(errno.ELOOP, "is a link that leads to itself")


def _descriptor(path: Path) -> int | None:
    """Number of a descriptor that a path names."""
    if path == STDOUT:
        return 1
    found = _DESCRIPTOR.fullmatch(str(path.parent.resolve() / path.name))
    return int(found[1]) if found else None


def _is_replaced(path: Path) -> bool:
    """Whether a file takes the place of what is there: not of a FIFO, nor of a device."""
    if _descriptor(path) is not None:
        return False
    return not path.exists() or path.is_file() or path.is_dir()


def _replace(path: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=_PREFIX)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_umask())  # mkstemp makes it 0600
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def require_writable(path: Path) -> None:
    """Raise `HwgenError` now if a file could not be written there after minutes of work.

    Nothing is made: a file without a name is opened in the folder, or in the one it would be in.
    """
    try:
        target = _behind(path)
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "is a folder, expected the name of a file")
        if not _is_replaced(target):
            return
        folder = target.parent
        while not os.path.lexists(folder):
            folder = folder.parent
        with tempfile.TemporaryFile(dir=folder, prefix=_PREFIX):
            for part in target.relative_to(folder).parts:
                _require_name(folder / part)
    except OSError as error:
        raise HwgenError(f"{path}: cannot be written: {reason(error)}") from None


def _require_name(path: Path) -> None:
    """Raise OSError if no file can have this name, as one that is too long."""
    with contextlib.suppress(FileNotFoundError):
        path.lstat()


@contextlib.contextmanager
def exclusive(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """A folder for this run alone: what is read from it was written by it.

    Makes the folder. If another run has it, of this process or another: waits for it, with `wait`;
    else raises `HwgenError`. The lock ends with the process that holds it, however that ends.
    What is called inside, by the same thread, is of the same run, and may ask for it again.
    """
    place = folder.resolve()
    if place in _OWN.get():
        yield
        return
    with _CLAIMED.pop(place, None) or _lock(folder, wait=wait):
        token = _OWN.set(_OWN.get() | {place})
        try:
            yield
        finally:
            _OWN.reset(token)


def free_folder(folder: Path) -> Path:
    """The folder, or, as long as another run is at work in it, one of a number: FOLDER-2, ...

    It is kept for the next `exclusive` of this process, so nobody takes it in between.
    """
    for number in count(2):
        with contextlib.suppress(_BusyError):
            _CLAIMED[folder.resolve()] = _lock(folder)
            return folder
        folder = folder.with_name(f"{folder.name.removesuffix(f'-{number - 1}')}-{number}")
    raise AssertionError


class _BusyError(HwgenError):
    """Another run has the folder."""


def _lock(folder: Path, *, wait: bool = False) -> IO[bytes]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / _LOCK).open("wb")
    except OSError as error:
        raise HwgenError(
            f"{folder}: no folder to work in: {reason(error)}; name another one"
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise _BusyError(
            f"{folder}: another run of hwgen is at work in this folder; wait for it, or name "
            "another folder"
        ) from None
    return lock


def with_checksum(content: Mapping[str, Any]) -> dict[str, Any]:
    """A table of JSON, with a sum of all of it: what `verify_checksum` takes."""
    return dict(content) | {_SEAL: _sum(content)}


def verify_checksum(table: Any) -> dict[str, Any]:
    """The table without its sum. Raises ValueError if it is not whole, or was changed."""
    if not isinstance(table, Mapping) or _SEAL not in table:
        raise ValueError("its check sum is missing")
    content = {name: value for name, value in table.items() if name != _SEAL}
    if table[_SEAL] != _sum(content):
        raise ValueError("its check sum is wrong")
    return content


def _sum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def save_array(path: Path, array: NDArray[Any]) -> None:
    """An array, in the file format of numpy."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    write_atomic(path, buffer.getvalue())


def reason(error: BaseException) -> str:
    """What an exception of a library says, as a message can show it: a line, not too long."""
    told = isinstance(error, OSError) and error.strerror  # without the number and the file
    lines = (str(told or error) or type(error).__name__).splitlines()
    text = "".join(c if c.isprintable() else "?" for c in (lines[0] if lines else ""))
    return text if len(text) <= _MAX_REASON else f"{text[: _MAX_REASON - 3]}..."


def stem(name: str) -> str:
    """A name of anything as part of a file's name, which has room for 255 bytes.

    As it is; of more than `_MAX_STEM` bytes, its beginning and a sum of all of it.
    """
    data = name.encode()
    if len(data) <= _MAX_STEM:
        return name
    beginning = data[: _MAX_STEM - 9].decode(errors="ignore")  # half a character is left out
    return f"{beginning}-{hashlib.sha256(data).hexdigest()[:8]}"


def visible(folder: Path, pattern: str = "*") -> list[Path]:
    """What a folder holds, sorted, but nothing whose name begins with a dot, as macOS's `._NAME`.

    pattern: as of `Path.glob`; names of folders on the way count, too.
    """
    found = folder.glob(pattern)
    return sorted(
        p for p in found if not any(part.startswith(".") for part in p.relative_to(folder).parts)
    )


def short(path: Path) -> Path:
    """The path as a user in the current folder would write it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
