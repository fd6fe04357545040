"""How many lanes each layer of a design has on a board, if nobody says."""

from collections.abc import Iterator

from hwgen.boards.board import Board, Family
from hwgen.estimate.memories import LINK_BLOCKS, learning_sprams, memory_blocks, spram_layers
from hwgen.network.design import Design
from hwgen.network.layers.kinds import LayerSpec
from hwgen.network.params import Params
from hwgen.protocol.memory import (
    n_blocks,
)

MAX_OUTPUT_LANES = 16  # an output layer up to this size has all its neurons in parallel
# Where to start for a dense layer, and for a convolution, whose filters share each address.
_LANES: dict[Family, tuple[int, int]] = {
    "ice40": (8, 16),
    "ecp5": (32, 64),
    "gowin": (16, 32),
}


def default_lanes(params: Params, board: Board) -> tuple[int, ...]:
    """Neurons updated at once, one number a layer.

    The output layer gets a lane for each neuron if there are at most 16. The others start with
    8 lanes on an iCE40, 16 on a Gowin, 32 on an ECP5; a convolution with twice as many (or one for
    each filter, if there are fewer; a pooling layer has one), a layer that learns with half as
    many. As layers work side by side, each but the slowest then gives back what it does not need to
    be twice as fast as that one; of a layer that learns, lanes are a power of two, unless it has
    one for each neuron. All start lower, half by half, until the estimated block RAMs fit the
    board; if they never do, the first try it is. Where there are SPRAM blocks, the last layer, if
    it alone learns, has as many lanes as they are wide. What fits with no number of lanes, but for
    weights in SPRAM, starts with 16 lanes for a dense layer.

    One number a layer, 1 of a pooling layer. It is a heuristic: any lanes give the same bits.
    """
    dense, conv = _LANES[board.family]
    first = _balanced(params, dense, conv, board)
    lanes = first
    while not _fits(params, lanes, board) or (
        # Lanes of 8 bits would leave half of an SPRAM empty: `_with_spram` has others.
        not params.spec.learning and spram_layers(params, lanes, board)
    ):
        if conv == 1:
            return _with_spram(params, board) or first
        # Fewer lanes make narrower words: blocks that were half used by their width fill up.
        dense, conv = max(1, dense // 2), conv // 2
        lanes = _balanced(params, dense, conv, board)
    return lanes


def _fits(params: Params, lanes: tuple[int, ...], board: Board) -> bool:
    design = Design(params, lanes, spram_layers(params, lanes, board))
    return sum(memory_blocks(design, board)) + LINK_BLOCKS <= board.capacity.bram


def _with_spram(params: Params, board: Board) -> tuple[int, ...] | None:
    """Lanes with weights in SPRAM, as many as it is wide to begin with; None if they do not fit."""
    if params.spec.learning or not board.capacity.spram:
        return None
    most, conv = _LANES[board.family]
    for dense in (2 * most, most, most // 2, most // 4, 1):
        lanes = _balanced(params, dense, min(conv, dense), board)
        if _fits(params, lanes, board):
            return lanes
    return None


def _balanced(params: Params, dense: int, conv: int, board: Board) -> tuple[int, ...]:
    *hidden, output = params.spec.layers
    n_steps, learning = params.spec.n_steps, params.spec.learning_layers
    requested = [dense if layer.takes_vector else conv for layer in hidden]
    # A lane that learns has multipliers and a wide shadow, so it costs more than another.
    requested = [max(1, n // 2) if index in learning else n for index, n in enumerate(requested)]
    most = [min(n, layer.max_lanes) for n, layer in zip(requested, hidden, strict=True)]
    fastest = [_slots(layer, limit, n_steps) for layer, limit in zip(hidden, most, strict=True)]
    # Layers work side by side, and wait for the slowest one. Twice as fast as that is fast enough;
    # more lanes would be idle.
    enough = max(fastest, default=0) / 2
    lanes = [
        next(
            fewer
            for fewer in _choices(limit, layer.max_lanes, learns=index in learning)
            if _slots(layer, fewer, n_steps) <= max(own, enough) or fewer == limit
        )
        for index, (layer, limit, own) in enumerate(zip(hidden, most, fastest, strict=True))
    ]
    last = output.n_post if output.n_post <= MAX_OUTPUT_LANES else min(dense, output.n_post)
    # Lanes as wide as SPRAM leave no memory half empty.
    if len(learning) == 1 and board.capacity.spram:
        fitting = (n for n in (last, 8, 4, 2, 1) if n <= last)
        last = next((n for n in fitting if learning_sprams(params, (*lanes, n), board)), last)
    return (*lanes, last)


def _choices(limit: int, n_post: int, *, learns: bool) -> Iterator[int]:
    """Lanes of a layer, up to a limit."""
    for lanes in range(1, limit + 1):
        if not learns or lanes == n_post or lanes & (lanes - 1) == 0:
            yield lanes


def _slots(layer: LayerSpec, lanes: int, n_steps: int) -> int:
    """Cycles a layer is busy if all its inputs fire: to compare layers by.

    The ends of steps count in two-phase layers only, which have twice as many of them.
    """
    if not layer.has_weights:
        return layer.n_pre
    blocks = n_blocks(layer.n_thresholds, lanes)
    sweep = layer.post.n_positions * blocks
    return layer.n_reached * blocks + (2 * n_steps * sweep if layer.neuron.two_phase else 0)
