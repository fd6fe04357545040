"""Thresholds, or drives, of a block of lanes: constants where that is enough, else a memory."""

from collections.abc import Sequence

from amaranth.hdl import Const, Module, signed
from amaranth.lib import memory


def read_constants(
    m: Module, name: str, values: Sequence[int], *, lanes: int, bits: int, enable, block
):
    """One signed value of `bits` bits a lane: those of `block`, in the cycle after `enable`.

    `values` are those of neurons 0, 1, ... (of a feature map: filters), `lanes` of them a block. A
    memory is made, as the module's submodule `name`, only if some lane needs several.

    lanes: of the layer; values beyond the last neuron are 0. Returns one value a lane, each `Const`
    or part of the memory's word.
    """
    # A layer trained by SSTDP has one threshold for all its neurons. As a constant it melts into
    # the comparison.
    columns = [set(values[lane::lanes]) for lane in range(lanes)]
    if all(len(column) == 1 for column in columns):
        return [Const(column.pop(), signed(bits)) for column in columns]
    padded = [*values, *[0] * (-len(values) % lanes)]
    rows = [padded[start : start + lanes] for start in range(0, len(padded), lanes)]
    mask = 2**bits - 1
    words = [sum((value & mask) << bits * lane for lane, value in enumerate(row)) for row in rows]
    m.submodules[name] = storage = memory.Memory(shape=lanes * bits, depth=len(words), init=words)
    read = storage.read_port()
    m.d.comb += [read.en.eq(enable), read.addr.eq(block)]
    return [read.data.word_select(lane, bits).as_signed() for lane in range(lanes)]
