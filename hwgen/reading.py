"""Reading files that a user names: a file is read to its end, so it must be one that has an end."""

import errno
import stat
from pathlib import Path

_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def regular(path: Path) -> Path:
    """The path, if nothing but a file, or a folder, is there; links are followed.

    Raises OSError at once, instead of waiting for ever; FileNotFoundError if nothing is there.
    """
    kind = _KINDS.get(stat.S_IFMT(path.stat().st_mode))
    if kind:
        raise OSError(errno.EINVAL, f"is {kind}, expected a regular file")
    return path
