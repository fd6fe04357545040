"""How many block RAMs a memory takes, as yosys decides it (its pass `memory_libmap`).

A block can be read as few wide words or as many narrow ones. yosys takes the shape that costs
least, and no block at all where tables or flip-flops cost less. All costs here are its own.
"""

from math import ceil
from typing import NamedTuple

from hwgen.boards.board import Family


class _Shape(NamedTuple):
    """One use of a block: `unit`: written words are padded to a multiple of so many bits."""

    n_words: int
    bits: int
    unit: int


_SHAPES_18K = (  # of equal costs the first is taken
    _Shape(1024, 18, 9),
    _Shape(2048, 9, 9),
    _Shape(4096, 4, 4),
    _Shape(8192, 2, 2),
    _Shape(16384, 1, 1),
    _Shape(512, 36, 9),
)
_SHAPES: dict[Family, tuple[_Shape, ...]] = {
    "ice40": (_Shape(256, 16, 1), _Shape(512, 8, 8), _Shape(1024, 4, 4), _Shape(2048, 2, 2)),
    "ecp5": _SHAPES_18K,
    "gowin": _SHAPES_18K,
}
_BLOCK_COST: dict[Family, int] = {"ice40": 64, "ecp5": 128, "gowin": 128}
_BIT_COST = 1.0  # in flip-flops
_CONSTANT_BIT_COST = 1 / 16  # in tables
_TABLE = _Shape(16, 4, 4)  # a small memory of ECP5 and Gowin, built from tables
_TABLE_COST = 4


def n_brams(n_words: int, width: int, family: Family, *, written: bool) -> int:
    """Blocks of a memory of `n_words` words of `width` bits with one port to read.

    `written`: it has one port to write, too; else it is constant.

    Returns 0 if tables or flip-flops cost less.
    """
    return chosen(n_words, width, family, written=written)[0]


def chosen(n_words: int, width: int, family: Family, *, written: bool) -> tuple[int, int]:
    """The same, and how many bits are selected behind the rows of blocks; 0, 0 if it has none.

    Each row of blocks but the first adds a multiplexer of `width` bits behind them.
    """
    # Without a block: flip-flops, or, of constants, tables of 16 bits each. What a block must
    # undercut.
    least, found = n_words * width * (_BIT_COST if written else _CONSTANT_BIT_COST), (0, 0)
    if written and family != "ice40":
        least = min(least, _cost(n_words, width, _TABLE, _TABLE_COST, written)[0])
    # The first of equal costs stays, as in yosys: hence `<`, and the order of shapes above.
    for shape in _SHAPES[family]:
        cost, count = _cost(n_words, width, shape, _BLOCK_COST[family], written)
        if cost < least:
            least, found = cost, (count, (ceil(n_words / shape.n_words) - 1) * width)
    return found


def _cost(n_words: int, width: int, shape: _Shape, cost: int, written: bool) -> tuple[float, int]:
    """Cost and number of blocks in this shape, with what selects among rows of them."""
    n_rows = ceil(n_words / shape.n_words)
    # A written word has write enables for so many bits together; a constant one may end anywhere.
    padded = ceil(width / shape.unit) * shape.unit if written else width
    count = ceil(n_rows * padded / shape.bits)
    # Rows of blocks need a multiplexer for what is read, and a decoder for what is written.
    selects = (n_rows - 1) * width + (n_rows if written and n_rows > 1 else 0)
    return cost * count + selects / 2, count
