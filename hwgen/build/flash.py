"""Hands a bitstream to the tool that loads it onto a board."""

import shlex
import subprocess
from pathlib import Path

from hwgen.boards.board import BITSTREAM_SUFFIX, Board
from hwgen.errors import BoardError, ToolError
from hwgen.toolchain import tools


def command(board: Board, bitstream: Path) -> list[str]:
    """What `flash` runs. Raises `BoardError` if the board's file names no loader.

    Program and arguments, with the bitstream's path where the board's file has {}. Also
    `BoardError` of a bitstream that is missing or of another family.
    """
    if not board.flash:
        raise BoardError(f"{board.name}: its file says no `flash`, the command of a loader")
    if not bitstream.is_file():
        raise BoardError(f"{bitstream}: no such bitstream; `hwgen build` makes one")
    if bitstream.suffix != BITSTREAM_SUFFIX[board.family]:
        raise BoardError(
            f"{bitstream}: a bitstream for {board.name} ends in {BITSTREAM_SUFFIX[board.family]}"
        )
    return [str(bitstream) if word == "{}" else word for word in shlex.split(board.flash)]


def flash(board: Board, bitstream: Path) -> None:
    """Load it. The loader speaks for itself, on this terminal. Raises `ToolError`."""
    loader, *arguments = command(board, bitstream)
    found = tools.find(loader)
    status = subprocess.run([found, *arguments], check=False).returncode
    if status:
        raise ToolError(
            f"{loader} failed with status {status}; is {board.title} connected, and may this user "
            "open USB devices?"
        )
