"""Writing files so that what is on disk is either the old content or the new, never half."""

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SEAL = "sha256"
_MAX_REASON = 160  # characters


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write to a temporary name in the same folder, flush to disk, then rename over `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
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


def with_checksum(content: Mapping[str, Any]) -> dict[str, Any]:
    """A table of JSON, with a sum of all of it: what `unsealed` takes."""
    return dict(content) | {_SEAL: _sum(content)}


def verify_checksum(table: Any) -> dict[str, Any]:
    """The table that was sealed. Raises ValueError if it is not whole, or was changed."""
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
    lines = (str(error) or type(error).__name__).splitlines()
    text = "".join(c if c.isprintable() else "?" for c in (lines[0] if lines else ""))
    return text if len(text) <= _MAX_REASON else f"{text[: _MAX_REASON - 3]}..."


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
