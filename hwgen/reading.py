"""Reading files that a user names: a file is read to its end, so it must be one that has an end."""

import codecs
import errno
import stat
from pathlib import Path
from typing import IO

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


def open_text(path: Path) -> IO[str]:
    """A text file in UTF-8, with or without a byte order mark, line ends as of any system.

    Raises OSError, ValueError if it is in UTF-16 or UTF-32; reading, UnicodeDecodeError, which is a
    ValueError, too.
    """
    with regular(path).open("rb") as file:
        start = file.read(4)
    if encoding := _other_encoding(start):
        raise ValueError(f"is text in {encoding}, expected UTF-8; save it as that")
    return path.open(encoding="utf-8-sig")


def read_text(path: Path) -> str:
    """All of a text file; lines end in a line feed. Raises as `open_text`."""
    with open_text(path) as file:
        return file.read()


def _other_encoding(start: bytes) -> str:
    """By its mark; or, as no text has the character 0, by where the zeros are in two letters."""
    if start in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE):
        return "UTF-32"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "UTF-16"
    zeros = [byte == 0 for byte in start]
    if zeros in ([False, True, True, True], [True, True, True, False]):
        return "UTF-32"
    return "UTF-16" if zeros in ([False, True] * 2, [True, False] * 2) else ""
