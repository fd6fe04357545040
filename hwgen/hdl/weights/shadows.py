"""Weights that can be written: of a layer that learns, shadows, of which the forward path sees the
top bits; of one whose weights are loaded, pieces of memory words, of which it sees all."""

from collections.abc import Sequence

from amaranth.hdl import Array, Cat, ClockSignal, Const, Instance, Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hwgen.hdl.stream import index_bits
from hwgen.protocol.memory import SPRAM_BITS, SPRAM_WORDS

_ROW_BITS = (SPRAM_WORDS - 1).bit_length()


class Shadows(wiring.Component):
    """A memory that the forward path and the learning unit share; never both at once.

    Members: with `read_en`, or while `taught` is high, the word at `read_address`, or at `address`,
    is read: `weights` in the next cycle, and until the next read, for the forward path, `word` for
    the unit, which writes with `write_en`. A word must not be read in the cycle of its writing.
    """

    cycles_per_word = 1  # of reading one and writing another

    def __init__(
        self, image: Sequence[int], *, lanes: int, weight_bits: int, shadow_bits: int
    ) -> None:
        """image: words of `lanes` shadows.

        weight_bits: of the forward path's weight, the top ones of `shadow_bits`; of binary weights
        1, the sign. lanes: shadows a word.
        """
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
        """The memory, the choice of who reads, and the weights as the forward path sees them."""
        m = Module()
        lanes = (self.word.word_select(lane, self._shadow_bits) for lane in range(self.lanes))
        # No arithmetic: a shadow rounded down is its top bits, and the sign of a binary one its top
        # bit. So the forward path pays nothing for learning.
        m.d.comb += self.weights.eq(
            Cat(lane[self._shadow_bits - self._weight_bits :] for lane in lanes)
        )
        address = Mux(self.taught, self.address, self.read_address)
        self._store(m, platform, self.taught | self.read_en, address)
        return m

    def _store(self, m: Module, platform: object, read_en, address) -> None:
        m.submodules.memory = storage = self.memory
        # A port without clock, and a register: yosys merges them, and heeds `no_rw_check` then.
        read, write = storage.read_port(domain="comb"), storage.write_port()
        with m.If(read_en):
            m.d.sync += self.word.eq(read.data)
        m.d.comb += [
            read.addr.eq(address),
            write.en.eq(self.write_en),
            write.addr.eq(self.write_address),
            write.data.eq(self.write_word),
        ]


class SpramShadows(Shadows):
    """As `Shadows`, in the large memories of an iCE40UP5K. They have one port: a write takes place
    in the cycle after its `write_en`, nothing is read then, and `word` is undefined behind it. They
    begin with nothing, too, so they must be filled before the first sample. Words beyond the first
    `SPRAM_WORDS` are in memories of their own.
    """

    cycles_per_word = 2

    def __init__(self, depth: int, *, lanes: int, weight_bits: int, shadow_bits: int) -> None:
        """depth: words. The rest as of `Shadows`."""
        super().__init__([0] * depth, lanes=lanes, weight_bits=weight_bits, shadow_bits=shadow_bits)

    def _store(self, m: Module, platform: object, read_en, address) -> None:
        writes, data = Signal(), Signal.like(self.write_word)
        write_address = Signal.like(self.write_address)
        m.d.sync += [
            writes.eq(self.write_en),
            write_address.eq(self.write_address),
            data.eq(self.write_word),
        ]
        # One port: a write is put off by a cycle, because its address comes together with a read's.
        # The unit takes two cycles a word for that.
        address = Mux(writes, write_address, address)
        # Without a platform: a simulator, or Verilog for anything.
        store = self._twin if platform is None else self._blocks
        store(m, read_en, address, writes, data)

    def _blocks(self, m: Module, read_en, address, writes, data) -> None:
        enable = read_en | writes
        # Rows of memories are chosen by the high bits, and their outputs a cycle later by the same
        # bits, kept.
        row = address[_ROW_BITS:]  # which memory; of one alone, no bits
        row_read = Signal.like(row)
        with m.If(enable):
            m.d.sync += row_read.eq(row)
        for start in range(0, len(data), SPRAM_BITS):
            part = slice(start, start + SPRAM_BITS)
            taken = Array(
                self._block(m, enable & (row == number), address, writes, data[part])
                for number in range(-(-self.depth // SPRAM_WORDS))
            )
            m.d.comb += self.word[part].eq(taken[row_read])

    def _twin(self, m: Module, read_en, address, writes, data) -> None:
        m.submodules.memory = storage = self.memory
        read, write = storage.read_port(), storage.write_port()
        m.d.comb += [
            read.en.eq(read_en & ~writes),
            read.addr.eq(address),
            self.word.eq(read.data),
            write.en.eq(writes),
            write.addr.eq(address),
            write.data.eq(data),
        ]

    def _block(self, m: Module, enable, address, writes, data):
        """One SB_SPRAM256KA; returns what it reads."""
        wide_address, wide_data = Signal(_ROW_BITS), Signal(SPRAM_BITS)
        out = Signal(SPRAM_BITS)
        m.d.comb += [wide_address.eq(address), wide_data.eq(data)]
        m.submodules += Instance(
            "SB_SPRAM256KA",
            i_CLOCK=ClockSignal(),
            i_CHIPSELECT=enable,
            i_WREN=writes,
            i_MASKWREN=Const(0b1111, 4),
            i_ADDRESS=wide_address,
            i_DATAIN=wide_data,
            i_STANDBY=Const(0),
            i_SLEEP=Const(0),
            i_POWEROFF=Const(1),  # active low
            o_DATAOUT=out,
        )
        return out
