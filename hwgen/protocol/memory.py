"""Weights as memory words: what the core's block RAM holds, and what a host would upload."""

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hwgen.network.layers.dense import DenseSpec
from hwgen.network.layers.kinds import LayerSpec, WeightedSpec
from hwgen.network.layers.pool2d import PoolSpec


def n_blocks(n_post: int, lanes: int) -> int:
    """Words per input: neurons, or filters, in groups of `lanes`, the last one padded.

    n_post: neurons of a dense layer, filters of a convolution. lanes: at least 1.
    """
    return -(-n_post // lanes)


def memory_image(weights: NDArray[np.int8], layer: WeightedSpec, lanes: int) -> list[int]:
    """Words of `lanes * weight_bits` bits, in the order in which a layer reads them.

    Dense: address ``block * n_pre + pre``. conv2d: address
    ``((row * size + column) * n_blocks + block) * channels + channel``, where row and column are
    places in `tap_order`.

    Lane 0 is in the low bits. Binary weights are stored as their sign (1 is -1), others in two's
    complement. Lanes beyond the neurons, or filters, hold zero bits.

    weights: int8, of the layer's shape. Returns non-negative words, as an FPGA's memory is
    initialised with them. Decision 0002 says why blocks are outermost.
    """
    codes = (weights < 0) if layer.weight_bits == 1 else weights
    return words(codes, layer, lanes, layer.weight_bits)


def words(
    codes: NDArray[np.integer | np.bool_], layer: WeightedSpec, lanes: int, bits: int
) -> list[int]:
    """Memory words of a number of `bits` bits for each synapse, of the shape of the weights.

    codes: of the shape of the weights, each within `bits` bits, signed or not. The order is that of
    `memory_image`. Returns non-negative words of `lanes * bits` bits.
    """
    codes = layer.rows(codes)
    blocks = n_blocks(codes.shape[-1], lanes)
    padded = np.zeros((*codes.shape[:2], blocks * lanes), np.int64)
    padded[:, :, : codes.shape[-1]] = codes
    padded &= 2**bits - 1
    by_block = padded.reshape(*codes.shape[:2], blocks, lanes).transpose(0, 2, 1, 3)
    grouped = by_block.reshape(-1, lanes)
    by_bit = (grouped[:, :, None] >> np.arange(bits)) & 1
    rows = np.packbits(by_bit.reshape(len(grouped), -1).astype(np.uint8), axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in rows]


def packed(values: NDArray[np.integer], layer: DenseSpec, lanes: int) -> NDArray[np.int64]:
    """Numbers of the shape of the weights of a dense layer, in the order of memory words, lane 0
    first; 0 in lanes without a neuron.

    values: [n_pre, n_post]. Returns int64 [blocks * n_pre * lanes]: word by word, as `Readback`
    sends shadows and `Fill` takes them.
    """
    blocks = n_blocks(layer.n_post, lanes)
    padded = np.zeros((layer.n_pre, blocks * lanes), np.int64)
    padded[:, : layer.n_post] = values
    return padded.reshape(layer.n_pre, blocks, lanes).transpose(1, 0, 2).reshape(-1)


def unpacked(values: NDArray[np.integer], layer: DenseSpec, lanes: int) -> NDArray[np.int64]:
    """Numbers in the order of memory words, lane 0 first, to the shape of the weights of a dense
    layer: the inverse of `packed`.

    values: [blocks * n_pre * lanes]. Returns int64 [n_pre, n_post]; lanes of padding are left out.
    """
    blocks = n_blocks(layer.n_post, lanes)
    grid = values.astype(np.int64).reshape(blocks, layer.n_pre, lanes).transpose(1, 0, 2)
    return grid.reshape(layer.n_pre, blocks * lanes)[:, : layer.n_post]


QUEUE_DEPTH = 256  # spikes; one block RAM of 16 bits


def is_queued(layer: LayerSpec, lanes: int) -> bool:
    """Whether a queue stands between the layer and the one before: if a spike takes many cycles.

    Spikes come in bursts, at the end of a step; with a queue the layer before can go on.
    """
    if not layer.has_weights:
        return False
    return not layer.takes_vector or n_blocks(layer.n_post, lanes) > 1


TAG_BITS = 4  # of the memory of a pooling layer, a neuron


def tags_per_window(layer: PoolSpec) -> int:
    """Places for the channels of a window in that memory: a power of two, so that addresses add.

    Returns at least 1. The memory of tags is that of `hwgen.hdl.layers.pool`.
    """
    return int(2 ** (layer.channels - 1).bit_length())


SPRAM_BITS, SPRAM_WORDS = 16, 16384  # of a large memory of the iCE40UP5K


def n_sprams(layer: DenseSpec, lanes: int) -> int:
    """Large memories that the weights of a layer take, a memory word beside or behind the other.

    A memory is 16 bits wide and 16384 words deep. lanes: of the layer.
    """
    return _parts(layer, lanes) * -(-layer.n_pre * n_blocks(layer.n_post, lanes) // SPRAM_WORDS)


def loaded_words(weights: NDArray[np.int8], layer: DenseSpec, lanes: int) -> list[int]:
    """Weights as a host loads them into SPRAM: memory words in pieces of 16 bits, low one first.

    weights: int8 [n_pre, n_post]. Returns 0 .. 0xFFFF. A wide word takes several pieces, and a
    narrow one a whole piece.
    """
    shifts = range(0, SPRAM_BITS * _parts(layer, lanes), SPRAM_BITS)
    image = memory_image(weights, layer, lanes)
    return [word >> shift & 0xFFFF for word in image for shift in shifts]


def lanes_sum(lanes: Sequence[int]) -> int:
    """16 bits by which a host sees that a core has other lanes, on which the order depends.

    CRC-32 of the numbers joined by commas, its low 16 bits. Other lanes give the same sum once in
    65 536 times.
    """
    return zlib.crc32(",".join(map(str, lanes)).encode()) & 0xFFFF


def _parts(layer: DenseSpec, lanes: int) -> int:
    """Pieces of a memory word."""
    return -(-lanes * layer.weight_bits // SPRAM_BITS)
