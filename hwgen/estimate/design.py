"""The design for a board: how many lanes, and which weights lie where."""

from collections.abc import Sequence

from hwgen.boards.board import Board
from hwgen.estimate.lanes import default_lanes
from hwgen.estimate.memories import spram_layers
from hwgen.network.design import Design
from hwgen.network.params import Params


def for_board(params: Params, board: Board, lanes: Sequence[int] | None = None) -> Design:
    """How these params are built for a board; `lanes`, one a layer, if not the board's default.

    Raises ValueError if `lanes` are not one a layer.
    """
    chosen = tuple(lanes) if lanes is not None else default_lanes(params, board)
    return Design(params, chosen, spram_layers(params, chosen, board))
