"""The memories of a core, counted before it is built."""

from collections.abc import Iterator, Sequence
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwgen.boards.board import Board
from hwgen.errors import BoardError
from hwgen.estimate.block_rams import chosen, n_brams
from hwgen.network.design import Design
from hwgen.network.layers.kinds import LayerSpec
from hwgen.network.layers.neurons import SingleSpike
from hwgen.network.layers.shape import Shape
from hwgen.network.params import Params
from hwgen.network.spec import NetworkSpec
from hwgen.protocol.memory import (
    QUEUE_DEPTH,
    SPRAM_BITS,
    SPRAM_WORDS,
    TAG_BITS,
    is_queued,
    n_blocks,
    n_sprams,
    tags_per_window,
)

LINK_BLOCKS = 1  # of the serial line


def spram_layers(params: Params, lanes: Sequence[int], board: Board) -> tuple[int, ...]:
    """Layers whose weights are to lie in SPRAM.

    Of a network that learns, those that learn, where there is enough of it. Of any other, none if
    its weights fit the block RAMs; else dense layers, the one with most blocks of weights first,
    until the rest fits.

    lanes: one a layer. Returns numbers of layers, ascending; () where it does not help.
    """
    if not board.capacity.spram:
        return ()
    if params.spec.learning:
        enough = learning_sprams(params, lanes, board) > 0
        return tuple(params.spec.learning_layers) if enough else ()
    counted = _counted(Design(params, tuple(lanes)), board)
    over = sum(map(sum, counted)) + LINK_BLOCKS - board.capacity.bram
    left, chosen = board.capacity.spram, []
    # The largest first: so the fewest layers move, and the fewest words are loaded at power-on.
    for index in sorted(params.spec.dense_layers, key=lambda n: -counted[n][0]):
        layer = params.spec.dense(index)
        taken = n_sprams(layer, lanes[index])
        # A layer without blocks frees none, so it stays.
        if over > 0 and taken <= left and counted[index][0]:
            chosen.append(index)
            left, over = left - taken, over - counted[index][0]
    return tuple(sorted(chosen)) if over <= 0 else ()


def learning_sprams(params: Params, lanes: Sequence[int], board: Board) -> int:
    """Blocks of SPRAM for the weights that learn; 0 if they cannot lie there.

    A memory holds 16384 words of 16 bits. A shadow wider than that has no place there.
    """
    spec, n_taken = params.spec, 0
    if spec.learning is None or spec.learning.shadow_bits > SPRAM_BITS:
        return 0
    for index in spec.learning_layers:
        layer = spec.dense(index)
        if layer.n_pre * n_blocks(layer.n_post, lanes[index]) > SPRAM_WORDS:
            return 0
        n_taken += -(-lanes[index] * spec.learning.shadow_bits // SPRAM_BITS)
    return n_taken if n_taken <= board.capacity.spram else 0


def memory_blocks(design: Design, board: Board) -> list[int]:
    """Estimated block RAMs of each layer (see `hwgen.hdl`), without what lies in SPRAM.

    Counted are weights; state, unless it is one word only, in registers; thresholds and drives,
    unless each lane needs a single one; the list of spikes of a triangle; who fired, of a pooling
    layer; the queue before a layer; and the table that finds the place of an input pixel. Other
    tables are too small for blocks.

    One number a layer. The line's own block (`LINK_BLOCKS`) is not in it.
    """
    return [sum(blocks) for blocks in _counted(design, board)]


def _counted(design: Design, board: Board) -> list[list[int]]:
    """Blocks of each memory of each layer, in the order of `all_memories`."""
    return [
        [n_brams(m.n_words, m.width, board.family, written=m.written) for m in memories]
        for memories in all_memories(design)
    ]


def memory_tables(design: Design, board: Board) -> tuple[int, int]:
    """What memories take of tables: bits of the words of those without blocks, for each 16 words;
    bits selected behind rows of blocks.

    Both in bits. A table of 16 words holds a bit of each.
    """
    columns = selected = 0
    for memories in all_memories(design):
        for m in memories:
            blocks, behind = chosen(m.n_words, m.width, board.family, written=m.written)
            columns += 0 if blocks else m.width * -(-m.n_words // 16)
            selected += behind
    return columns, selected


def all_memories(design: Design) -> Iterator[list["MemorySpec"]]:
    """Of each layer, its weights first, unless they lie in SPRAM."""
    params, lanes = design.params, design.lanes
    spec = params.spec
    for index, layer in enumerate(spec.layers):
        moves = params.biases[index] if layer.n_biases else params.drives[index]
        constants = params.thresholds[index], moves
        memories = _memories(layer, *constants, lanes[index], spec.n_steps)
        if index == 0 and not layer.takes_vector:
            # Of 3 channels each index has a row (`hwgen.hdl.adapters.flatten.Unflatten`).
            whole = layer.pre.channels & (layer.pre.channels - 1)
            pixels = layer.pre if whole else layer.pre._replace(channels=1)
            memories.append(MemorySpec(pixels.n, _place_bits(pixels), written=False))
        if index in spec.learning_layers:
            # The first is that of the weights, which shadows take the place of.
            own = _of_learning(spec, index, lanes[index])
            memories = [*own, *memories[1:]]
        if index in design.loaded_layers:
            memories = memories[1:]
        if index and is_queued(layer, lanes[index]):
            width = 2 + _place_bits(spec.layers[index - 1].post)
            memories.append(MemorySpec(QUEUE_DEPTH, width, written=True))
        yield memories


class MemorySpec(NamedTuple):
    n_words: int
    width: int
    written: bool


def _memories(
    layer: LayerSpec,
    thresholds: NDArray[np.int32],
    moves: NDArray[np.int32],
    lanes: int,
    n_steps: int,
) -> list[MemorySpec]:
    """Those of a layer that may be large. moves: drives or biases."""
    n_positions = layer.post.n_positions
    if not layer.has_weights:
        return [MemorySpec(n_positions * tags_per_window(layer), TAG_BITS, written=True)]
    blocks = n_blocks(layer.n_thresholds, lanes)
    n_words = n_positions * blocks
    memories = [MemorySpec(layer.n_fan_in * blocks, lanes * layer.weight_bits, written=False)]
    potential = layer.potential_bits
    neuron = layer.neuron
    if neuron.fires_again:
        # Of values, the currents that they bring lie apart.
        widths = [potential, *([layer.slope_bits] if layer.slope_bits else [])]
    elif not layer.takes_vector or neuron.has_slope:
        # The state holds potentials less their thresholds (decision 0007): one bit more.
        potential += 1  # less its threshold
        # What a spike changes, and what the end of a step changes, with who has fired.
        widths = [layer.slope_bits, potential + 1] if layer.slope_bits else [potential, 1]
    else:
        widths = [potential + 1]
    # A state of one word is in registers.
    if n_words > 1:
        memories += [MemorySpec(n_words, lanes * width, written=True) for width in widths]
    # A lane with one threshold for all its neurons has it as a constant (`read_constants`).
    if any(len(np.unique(thresholds[lane::lanes])) > 1 for lane in range(lanes)):
        memories.append(MemorySpec(blocks, lanes * potential, written=False))
    if any(len(np.unique(moves[lane::lanes])) > 1 for lane in range(lanes)):
        width = layer.bias_bits if layer.n_biases else layer.slope_bits
        memories.append(MemorySpec(blocks, lanes * width, written=False))
    if isinstance(neuron, SingleSpike) and neuron.has_knee and neuron.tau_steps < n_steps:
        width = 1 + _place_bits(layer.pre)  # the first: a step ends here
        memories.append(MemorySpec(layer.n_pre + n_steps, width, written=True))
    return memories


def _of_learning(spec: NetworkSpec, index: int, lanes: int) -> list[MemorySpec]:
    """Of a layer that learns: first its shadows; the log of its inputs, errors it passes down."""
    assert spec.learning
    layer = spec.dense(index)
    n_words = layer.n_pre * n_blocks(layer.n_post, lanes)
    log = (layer.n_pre - 1).bit_length() + (spec.n_steps - 1).bit_length()
    memories = [
        MemorySpec(n_words, lanes * spec.learning.shadow_bits, written=True),
        MemorySpec(layer.n_pre, log, written=True),
    ]
    if index - 1 in spec.learning_layers:
        # The width is that of `hwgen.hdl.learning.update.passed_bits`.
        width = (layer.n_post * layer.max_weight << spec.learning.error_bits).bit_length() + 1
        memories.append(MemorySpec(layer.n_pre, width, written=True))
    return memories


def _place_bits(shape: Shape) -> int:
    """Bits that name a neuron by row, column and channel; of one channel, that is left out."""
    return sum((n - 1).bit_length() for n in shape)


def check_memory(params: Params, board: Board) -> None:
    """Raise `BoardError` if the weights alone exceed the board's block RAMs.

    A bound that no choice of lanes can get below, so it is said before anything is chosen. Bits are
    counted, not blocks.
    """
    bits = sum(prod(layer.weight_shape) * layer.weight_bits for layer in params.spec.weighted)
    capacity = board.capacity.bram * board.capacity.bram_bits
    if params.spec.learning is None:
        dense = (layer for layer in params.spec.weighted if layer.takes_vector)
        loaded = sum(prod(layer.weight_shape) * layer.weight_bits for layer in dense)
        capacity += min(loaded, board.capacity.spram * SPRAM_BITS * SPRAM_WORDS)
    if bits > capacity:
        raise BoardError(
            f"{board.name}: {params.spec.shape} does not fit: its weights are {bits} bits, "
            f"the block memory of {board.part} holds {capacity}; "
            "use a smaller network, fewer weight bits, or a larger board"
        )
