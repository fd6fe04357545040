"""The spikes of a sample, in the order in which they came, for the learning unit."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hwgen.hdl.stream import index_bits
from hwgen.protocol.tokens import Kind


class SpikeLog(wiring.Component):
    """Watches tokens go by, and can be read when the sample has ended.

    Members: `strobe` says that the token `kind`, `index` is handed over in this cycle. An
    END_OF_STEP with `drive` is not the end of a step of these neurons. `count` is the number of
    entries. With `read_en`, `neuron` and `step` are those of entry `at` from the next cycle on. The
    first token after an END_OF_SAMPLE begins a new list.
    """

    def __init__(self, *, n: int, n_steps: int) -> None:
        """n: neurons, each of which fires at most once; what comes too much is not kept.

        n_steps: of a sample; later END_OF_STEPs wrap the step.
        """
        self._n = n
        super().__init__(
            {
                "strobe": In(1),
                "kind": In(2),
                "index": In(index_bits(n)),
                "drive": In(1),
                "count": Out(range(n + 1)),
                "read_en": In(1),
                "at": In(index_bits(n)),
                "neuron": Out(index_bits(n)),
                "step": Out(index_bits(n_steps)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """A memory of n entries, and a count."""
        m = Module()
        m.submodules.entries = storage = memory.Memory(
            shape=len(self.index) + len(self.step), depth=self._n, init=[], attrs={"no_rw_check": 1}
        )
        # A port without clock, and a register: yosys merges them, and heeds `no_rw_check` then.
        read, write = storage.read_port(domain="comb"), storage.write_port()
        entry = Signal(len(read.data), reset_less=True)
        step = Signal.like(self.step)
        ended = Signal()
        with m.If(self.read_en):
            m.d.sync += entry.eq(read.data)
        # The first token of a sample: the old list is overwritten.
        present, free = Signal.like(step), Signal.like(self.count)
        # The list is forgotten by the first token of the next sample, and not by the end of its
        # own: it is read in between.
        m.d.comb += [present.eq(Mux(ended, 0, step)), free.eq(Mux(ended, 0, self.count))]
        m.d.comb += [
            read.addr.eq(self.at),
            Cat(self.neuron, self.step).eq(entry),
            write.addr.eq(free),
            write.data.eq(Cat(self.index, present)),
        ]
        with m.If(self.strobe):
            m.d.sync += [
                ended.eq(self.kind == Kind.END_OF_SAMPLE),
                step.eq(present + ((self.kind == Kind.END_OF_STEP) & ~self.drive)),
                # A neuron that fires twice, of a host that has lost its place, must not overwrite
                # an older entry.
                self.count.eq(free + write.en),
            ]
            m.d.comb += write.en.eq((self.kind == Kind.SPIKE) & (free != self._n))
        return m
