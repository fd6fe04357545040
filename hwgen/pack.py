"""Weights as memory words: what the core's block RAM holds, and what a host would upload."""

import numpy as np
from numpy.typing import NDArray

from hwgen.spec import LayerSpec


def n_blocks(n_post: int, lanes: int) -> int:
    """Words per input neuron: neurons of a layer in groups of `lanes`, the last one padded."""
    return -(-n_post // lanes)


def memory_image(weights: NDArray[np.int8], layer: LayerSpec, lanes: int) -> list[int]:
    """Words of `lanes * weight_bits` bits, at address ``block * n_pre + pre``.

    Lane 0 is in the low bits. Binary weights are stored as their sign (1 is -1), others in two's
    complement. Lanes beyond `n_post` hold zero bits.
    """
    blocks = n_blocks(layer.n_post, lanes)
    codes = (weights < 0) if layer.weight_bits == 1 else weights.astype(np.int64)
    padded = np.zeros((layer.n_pre, blocks * lanes), np.int64)
    padded[:, : layer.n_post] = codes
    padded &= 2**layer.weight_bits - 1
    grouped = padded.reshape(layer.n_pre, blocks, lanes).transpose(1, 0, 2).reshape(-1, lanes)
    bits = (grouped[:, :, None] >> np.arange(layer.weight_bits)) & 1
    rows = np.packbits(bits.reshape(len(grouped), -1).astype(np.uint8), axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in rows]
