"""Does it fit? What can be said from the parameters alone, before any tool runs."""

from math import ceil, prod

import numpy as np
from numpy.typing import NDArray

from hwgen.board import Board, Family
from hwgen.errors import BoardError
from hwgen.params import Params
from hwgen.spec import LayerSpec, PoolSpec

MAX_OUTPUT_LANES = 16  # an output layer up to this size has all its neurons in parallel
_LANES: dict[Family, int] = {"ice40": 8, "ecp5": 32}
# Shapes (words, bits) of one memory block.
_SHAPES: dict[Family, tuple[tuple[int, int], ...]] = {
    "ice40": ((256, 16), (512, 8), (1024, 4), (2048, 2)),
    "ecp5": ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1)),
}
_FIFO_BLOCKS = 1  # of the serial line
_SMALL_BITS = {"ice40": 0, "ecp5": 16384}  # memories up to this may be built from tables instead


def default_lanes(params: Params, board: Board) -> tuple[int, ...]:
    """Neurons updated at once, one number a layer.

    The output layer gets a lane for each neuron if there are at most 16. The others get 8 lanes on
    an iCE40, 32 on an ECP5, halved for all until the estimated memory blocks fit the board; if they
    never do, the number to start with.
    """
    start = _LANES[board.family]
    wish = start
    while wish >= 1:
        lanes = _with_lanes(params, wish)
        if sum(memory_blocks(params, lanes, board)) + _FIFO_BLOCKS <= board.capacity.bram:
            return lanes
        wish //= 2
    return _with_lanes(params, start)


def _with_lanes(params: Params, wish: int) -> tuple[int, ...]:
    *hidden, output = params.spec.layers
    last = output.n_post if output.n_post <= MAX_OUTPUT_LANES else wish
    return (*(min(wish, layer.max_lanes) for layer in hidden), last)


def memory_blocks(params: Params, lanes: tuple[int, ...], board: Board) -> list[int]:
    """Estimated memory blocks of each layer.

    Weights; state, unless it is one word only, in registers; thresholds, unless each lane needs a
    single one (see `hwgen.hdl`). Of a pooling layer, a bit a neuron.
    """
    return [
        _layer_blocks(layer, thresholds, n_lanes, board.family)
        for layer, thresholds, n_lanes in zip(
            params.spec.layers, params.thresholds, lanes, strict=True
        )
    ]


def _layer_blocks(
    layer: LayerSpec, thresholds: NDArray[np.int32], lanes: int, family: Family
) -> int:
    if isinstance(layer, PoolSpec):
        return _blocks(layer.n_post, 1, family)
    n_positions = layer.n_post // layer.n_thresholds
    n_blocks = ceil(layer.n_thresholds / lanes)
    total = _blocks(layer.n_fan_in * n_blocks, lanes * layer.weight_bits, family)
    if n_positions * n_blocks > 1:
        state_bits = layer.potential_bits + layer.slope_bits + 1
        total += _blocks(n_positions * n_blocks, lanes * state_bits, family)
    if any(len(np.unique(thresholds[lane::lanes])) > 1 for lane in range(lanes)):
        total += _blocks(n_blocks, lanes * layer.potential_bits, family)
    return total


def _blocks(n_words: int, width: int, family: Family) -> int:
    if n_words * width <= _SMALL_BITS[family]:
        return 0
    return min(ceil(n_words / words) * ceil(width / bits) for words, bits in _SHAPES[family])


def check_memory(params: Params, board: Board) -> None:
    """Raise `BoardError` if the weights alone exceed the board's memory blocks."""
    bits = sum(prod(layer.weight_shape) * layer.weight_bits for layer in params.spec.weighted)
    capacity = board.capacity.bram * board.capacity.bram_bits
    if bits > capacity:
        raise BoardError(
            f"{board.name}: {params.spec.shape} does not fit: its weights are {bits} bits, "
            f"the block memory of {board.part} holds {capacity}; "
            "use a smaller network, fewer weight bits, or a larger board"
        )
