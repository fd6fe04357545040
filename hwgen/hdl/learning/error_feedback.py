"""Errors that a layer passes down: kept, scaled, and put where the layer below finds them."""

from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hwgen.hdl.learning.normalise import Normalise
from hwgen.hdl.memory.delay import delay, falls
from hwgen.hdl.stream import index_bits
from hwgen.protocol.memory import n_blocks


class BackpropagatedErrors(wiring.Component):
    """Members: `restart` begins a new sample; `passed` is the error of entry `passed_at` of the log
    of those who fired, when `passed_en`. With `start`, all blocks are cleared (`clear_en`,
    `block`); then each entry is read again (`at`; `log_neuron` and `log_step` in the next cycle)
    and written: `write_en`, `neuron`, `scaled`, and `time`, that of its spike. `done` strobes after
    the last. `any` says whether there was any error.
    """

    def __init__(self, *, n: int, lanes: int, n_steps: int, width: int, bits: int) -> None:
        """n, lanes: of the layer below; width: of what is passed; bits: of what is made of it.

        n_steps: of a sample.
        """
        self._n, self._width, self._bits = n, width, bits
        self._n_blocks = n_blocks(n, lanes)
        super().__init__(
            {
                "restart": In(1),
                "passed_en": In(1),
                "passed_at": In(index_bits(n)),
                "passed": In(signed(width)),
                "start": In(1),
                "count": In(range(n + 1)),
                "at": Out(index_bits(n)),
                "log_neuron": In(index_bits(n)),
                "log_step": In(index_bits(n_steps)),
                "clear_en": Out(1),
                "block": Out(index_bits(self._n_blocks)),
                "write_en": Out(1),
                "neuron": Out(index_bits(n)),
                "scaled": Out(signed(bits + 2)),
                "time": Out(index_bits(n_steps)),
                "done": Out(1),
                "any": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """A memory of errors in the order of the log, `Normalise`, and two passes over them."""
        m = Module()
        m.submodules.normalise = normalise = Normalise(width=self._width, bits=self._bits)
        m.submodules.kept = kept = memory.Memory(
            shape=signed(self._width), depth=self._n, init=[], attrs={"no_rw_check": 1}
        )
        # A port without clock, and a register: yosys merges them, and heeds `no_rw_check` then.
        read, write = kept.read_port(domain="comb"), kept.write_port()
        error = Signal(signed(self._width), reset_less=True)
        reads = Signal()
        # An entry takes a cycle to be read and two to be scaled; its neuron and step come a cycle
        # after `at`, and wait for two.
        reading = [delay(m, reads, n) for n in range(4)]  # in stage n
        m.d.sync += error.eq(read.data)
        m.d.comb += [
            write.en.eq(self.passed_en),
            write.addr.eq(self.passed_at),
            write.data.eq(self.passed),
            normalise.start.eq(self.restart),
            # The largest magnitude is known only when all have passed: hence the memory, and a
            # second pass.
            normalise.strobe.eq(self.passed_en),
            normalise.seen.eq(self.passed),
            read.addr.eq(self.at),
            normalise.error.eq(error),
            self.any.eq(normalise.any),
            self.write_en.eq(reading[3]),
            self.neuron.eq(delay(m, self.log_neuron, 2)),
            self.time.eq(delay(m, self.log_step, 2)),
            self.scaled.eq(normalise.scaled),
            self.done.eq(falls(m, self.clear_en | Cat(reading).any())),
        ]
        self._go(m, reads)
        return m

    def _go(self, m: Module, reads) -> None:
        """Clear, then read."""
        following = Signal.like(self.count)
        m.d.comb += following.eq(self.at + 1)
        with m.If(self.start):
            # Blocks are cleared before errors are written. Neurons that did not fire have none (eq.
            # 10-11), and would keep that of an earlier sample.
            m.d.sync += [self.clear_en.eq(1), self.block.eq(0), self.at.eq(0)]
        with m.Elif(self.clear_en):
            m.d.sync += self.block.eq(self.block + 1)
            with m.If(self.block == self._n_blocks - 1):
                m.d.sync += [self.clear_en.eq(0), reads.eq(self.count != 0)]
        with m.Elif(reads):
            m.d.sync += [self.at.eq(following), reads.eq(following != self.count)]
