"""State of a layer's neurons: one word of `lanes` neurons a block."""

from amaranth.hdl import Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hwgen.hdl.stream import index_bits


class StateBank(wiring.Component):
    """A memory with one read and one write port, or registers if there is one block only.

    Members: with `read_en`, `read_data` is the word of `read_block` from the next cycle on, until
    the next `read_en`. What a read in the cycle of a write to the *same* block gives is undefined
    (which spares a bypass as wide as the word); the pipeline of `Dense` never does that. If there
    is one block only, `read_data` is always the present state.
    """

    def __init__(self, *, n_blocks: int, width: int) -> None:
        """n_blocks: words. width: of a word, in bits."""
        self.n_blocks = n_blocks
        self.width = width
        super().__init__(
            {
                "read_en": In(1),
                "read_block": In(index_bits(n_blocks)),
                "read_data": Out(self.width),
                "write_en": In(1),
                "write_block": In(index_bits(n_blocks)),
                "write_data": In(self.width),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """A memory, or a register if there is one word."""
        m = Module()
        # A memory of one word would be read in the cycle in which it is written, each time.
        if self.n_blocks == 1:
            state = Signal(self.width)
            with m.If(self.write_en):
                m.d.sync += state.eq(self.write_data)
            m.d.comb += self.read_data.eq(state)
            return m
        m.submodules.memory = storage = memory.Memory(
            shape=self.width, depth=self.n_blocks, init=[], attrs={"no_rw_check": 1}
        )
        # A port without clock, and a register: yosys merges them, and heeds `no_rw_check` then.
        read, write = storage.read_port(domain="comb"), storage.write_port()
        word = Signal(self.width, reset_less=True)
        with m.If(self.read_en):
            m.d.sync += word.eq(read.data)
        m.d.comb += [
            read.addr.eq(self.read_block),
            self.read_data.eq(word),
            write.en.eq(self.write_en),
            write.addr.eq(self.write_block),
            write.data.eq(self.write_data),
        ]
        return m
