"""What a bitstream was made of, in a file beside it: no board is given another model's."""

import hashlib
import json
from pathlib import Path

from hwgen.boards.board import Board
from hwgen.errors import BoardError
from hwgen.files import write_atomic
from hwgen.network.params import Params
from hwgen.reading import regular


def path_of(bitstream: Path) -> Path:
    """The file beside a bitstream: top.bin has top.bin.json."""
    return bitstream.with_name(f"{bitstream.name}.json")


def write(bitstream: Path, params: Params, board: Board) -> None:
    """Say what the bitstream was made of: the digest of the params, the board, its own sum."""
    table = {"digest": params.digest, "board": board.name, "sha256": _sum(bitstream)}
    write_atomic(path_of(bitstream), json.dumps(table, indent=1) + "\n")


def check(bitstream: Path, params: Params, board: Board) -> None:
    """Raise `BoardError` unless the bitstream was made of these params, for this board."""
    path = path_of(bitstream)
    try:
        table = json.loads(regular(path).read_text())
        digest, of_board, checksum = (str(table[x]) for x in ("digest", "board", "sha256"))
    except FileNotFoundError:
        raise BoardError(
            f"{bitstream}: no {path.name} beside it says which model it holds; `hwgen build` "
            "writes both, or load it with --any-bitstream"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise BoardError(f"{path}: damaged; `hwgen build` writes it anew") from None
    again = "; run `hwgen build` again, or load it with --any-bitstream"
    if digest != params.digest:
        raise BoardError(
            f"{bitstream}: holds a model of digest {digest[:16]}, but {params.name} is "
            f"{params.digest[:16]}: another model, or from before it was trained anew{again}"
        )
    if of_board != board.name:
        raise BoardError(f"{bitstream}: made for the board {of_board}, not for {board.name}{again}")
    if checksum != _sum(bitstream):
        raise BoardError(f"{bitstream}: is not the file that {path.name} tells of{again}")


def _sum(bitstream: Path) -> str:
    return hashlib.sha256(bitstream.read_bytes()).hexdigest()
