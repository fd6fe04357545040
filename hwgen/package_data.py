"""Where the data of hwgen are: in the wheel, or beside the package in a checkout; and that the
user's cache can be written."""

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Literal

from hwgen.errors import HwgenError

_PACKAGE = Path(__file__).resolve().parent


def package_data(kind: Literal["sim", "boards", "models", "conformance", "benchmarks"]) -> Path:
    """The folder of that kind. Never looks at the current folder, which is the user's."""
    shipped = _PACKAGE / "_share"
    if shipped.is_dir():
        return shipped / kind
    checkout = _PACKAGE.parent
    if (checkout / "pyproject.toml").is_file():
        return checkout / kind
    raise HwgenError(f"{_PACKAGE}: no _share folder and no checkout around it: reinstall hwgen")


def ensure_cache() -> str:
    """See that the user's cache can be written, by hwgen and by all tools that it starts.

    If it cannot, caches are below the system's folder for temporary files: XDG_CACHE_HOME says so.
    Returns a line that tells it; "" if all is well. Raises OSError if nothing can be written.
    """
    from platformdirs import user_cache_path

    wanted = user_cache_path()
    try:
        _require_writable(wanted)
        return ""
    except OSError as error:
        place = _private()
        _require_writable(place)
        os.environ["XDG_CACHE_HOME"] = str(place)
        return f"{wanted}: cannot be written ({error.strerror}); caches are in {place}"


def _require_writable(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def _private() -> Path:
    """A temporary folder that nobody else can write: code is loaded from there."""
    place = Path(tempfile.gettempdir()) / f"hwgen-{os.getuid()}"
    with suppress(OSError):
        place.mkdir(mode=0o700, exist_ok=True)
        found = place.lstat()
        own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
        if own and not found.st_mode & 0o022:
            return place
    return Path(tempfile.mkdtemp(prefix="hwgen-"))
