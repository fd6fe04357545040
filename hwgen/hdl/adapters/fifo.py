"""A queue in block memory."""

from amaranth.hdl import Module, ShapeLike, Signal
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out


class Fifo(wiring.Component):
    """Takes up to `depth` words ahead of the reader; one more waits in the output register.

    Amaranth's own buffered FIFO promises what its memory returns when a word is read while it is
    written, which costs a block memory a register and a multiplexer as wide as the word. Here that
    never happens: an empty queue is not read, a full one not written; so no promise is asked for.
    """

    def __init__(self, shape: ShapeLike, *, depth: int) -> None:
        """shape of a word; depth a power of two, at least 2.

        Raises ValueError on another depth.
        """
        if depth < 2 or depth & (depth - 1):
            raise ValueError(f"depth must be a power of two, at least 2, not {depth!r}")
        self._shape = shape
        self._depth = depth
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform: object) -> Module:
        """A ring in memory with two counts, and a register behind it."""
        m = Module()
        m.submodules.storage = storage = memory.Memory(
            shape=self._shape, depth=self._depth, init=[], attrs={"no_rw_check": 1}
        )
        # A port without clock, and a register: yosys merges them, and heeds `no_rw_check` then.
        read, write = storage.read_port(domain="comb"), storage.write_port()
        word = Signal(self._shape, reset_less=True)
        # One bit more than an address: equal when empty, different in that bit only when full.
        head, tail = Signal(range(2 * self._depth)), Signal(range(2 * self._depth))
        get = Signal()
        m.d.comb += [
            self.i.ready.eq((head ^ tail) != self._depth),
            get.eq((head != tail) & (~self.o.valid | self.o.ready)),
            write.en.eq(self.i.valid & self.i.ready),
            write.addr.eq(tail),
            write.data.eq(self.i.payload),
            read.addr.eq(head),
            self.o.payload.eq(word),
        ]
        with m.If(write.en):
            m.d.sync += tail.eq(tail + 1)
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(get):
            m.d.sync += [head.eq(head + 1), word.eq(read.data), self.o.valid.eq(1)]
        return m
