"""Does it fit? What can be said from the parameters alone, before any tool runs."""

from math import ceil, prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwgen.board import Board, Family
from hwgen.brams import n_brams
from hwgen.errors import BoardError
from hwgen.pack import TAG_BITS, tags_per_window
from hwgen.params import Params
from hwgen.spec import ConvSpec, DenseSpec, LayerSpec, PoolSpec, Shape

MAX_OUTPUT_LANES = 16  # an output layer up to this size has all its neurons in parallel
_LANES: dict[Family, int] = {"ice40": 8, "ecp5": 32}
_FIFO_BLOCKS = 1  # of the serial line


def default_lanes(params: Params, board: Board) -> tuple[int, ...]:
    """Neurons updated at once, one number a layer.

    The output layer gets a lane for each neuron if there are at most 16. The others get 8 lanes on
    an iCE40, 32 on an ECP5 (or one for each filter, if there are fewer; a pooling layer has one),
    halved for all until the estimated memory blocks fit the board; if they never do, the number to
    start with.
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
    last = output.n_post if output.n_post <= MAX_OUTPUT_LANES else min(wish, output.n_post)
    return (*(min(wish, layer.max_lanes) for layer in hidden), last)


def memory_blocks(params: Params, lanes: tuple[int, ...], board: Board) -> list[int]:
    """Estimated memory blocks of each layer (see `hwgen.hdl`).

    Counted are weights; state, unless it is one word only, in registers; thresholds, unless each
    lane needs a single one; the list of spikes of a triangle; who fired, of a pooling layer; and
    the table that finds the place of an input pixel. Other tables are too small for blocks.
    """
    spec, blocks = params.spec, []
    for index, (layer, thresholds) in enumerate(zip(spec.layers, params.thresholds, strict=True)):
        memories = _memories(layer, thresholds, lanes[index], spec.n_steps)
        if index == 0 and not isinstance(layer, DenseSpec):
            memories.append(_Memory(layer.n_pre, _place_bits(layer.pre), written=False))
        blocks.append(
            sum(n_brams(m.n_words, m.width, board.family, written=m.written) for m in memories)
        )
    return blocks


class _Memory(NamedTuple):
    n_words: int
    width: int
    written: bool


def _memories(
    layer: LayerSpec, thresholds: NDArray[np.int32], lanes: int, n_steps: int
) -> list[_Memory]:
    """Those of a layer that may be large."""
    n_positions = layer.post.height * layer.post.width
    if isinstance(layer, PoolSpec):
        return [_Memory(n_positions * tags_per_window(layer), TAG_BITS, written=True)]
    n_blocks = ceil(layer.n_thresholds / lanes)
    n_words = n_positions * n_blocks
    memories = [_Memory(layer.n_fan_in * n_blocks, lanes * layer.weight_bits, written=False)]
    potential = layer.potential_bits
    if isinstance(layer, ConvSpec) or layer.slope_bits:
        potential += 1  # less its threshold
        # What a spike changes, and what the end of a step changes, with who has fired.
        widths = [layer.slope_bits, potential + 1] if layer.slope_bits else [potential, 1]
    else:
        widths = [potential + 1]
    if n_words > 1:
        memories += [_Memory(n_words, lanes * width, written=True) for width in widths]
    if any(len(np.unique(thresholds[lane::lanes])) > 1 for lane in range(lanes)):
        memories.append(_Memory(n_blocks, lanes * potential, written=False))
    if layer.psp == "triangle" and layer.tau_steps < n_steps:
        width = 1 + _place_bits(layer.pre)  # the first: a step ends here
        memories.append(_Memory(layer.n_pre + n_steps, width, written=True))
    return memories


def _place_bits(shape: Shape) -> int:
    """Bits that name a neuron by row, column and channel; of one channel, that is left out."""
    return sum((n - 1).bit_length() for n in shape)


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
