"""Weights of a layer that learns: shadows, of which the forward path sees the top bits."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Mux
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hwgen.hdl.stream import index_bits


class Shadows(wiring.Component):
    """A memory that the forward path and the learning unit share; never both at once.

    Members: with `read_en`, or while `taught` is high, the word at `read_address`, or at `address`,
    is read: `weights` in the next cycle, and until the next read, for the forward path, `word` for
    the unit, which writes with `write_en`. A word must not be read in the cycle of its writing.
    """

    def __init__(
        self, image: Sequence[int], *, lanes: int, weight_bits: int, shadow_bits: int
    ) -> None:
        """image: words of `lanes` shadows."""
        self.lanes, self.depth = lanes, len(image)
        self._weight_bits, self._shadow_bits = weight_bits, shadow_bits
        self.memory = memory.Memory(
            shape=lanes * shadow_bits, depth=len(image), init=image, attrs={"no_rw_check": 1}
        )
        address = index_bits(len(image))
        super().__init__(
            {
                "taught": In(1),
                "read_en": In(1),
                "read_address": In(address),
                "weights": Out(lanes * weight_bits),
                "address": In(address),
                "word": Out(lanes * shadow_bits),
                "write_en": In(1),
                "write_address": In(address),
                "write_word": In(lanes * shadow_bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.memory = storage = self.memory
        # A port without clock, and a register: yosys merges them, and heeds `no_rw_check` then.
        read, write = storage.read_port(domain="comb"), storage.write_port()
        with m.If(self.taught | self.read_en):
            m.d.sync += self.word.eq(read.data)
        lanes = (self.word.word_select(lane, self._shadow_bits) for lane in range(self.lanes))
        m.d.comb += [
            read.addr.eq(Mux(self.taught, self.address, self.read_address)),
            self.weights.eq(Cat(lane[self._shadow_bits - self._weight_bits :] for lane in lanes)),
            write.en.eq(self.write_en),
            write.addr.eq(self.write_address),
            write.data.eq(self.write_word),
        ]
        return m
