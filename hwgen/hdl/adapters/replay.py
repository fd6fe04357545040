"""The triangle's later kernel events: spikes again, `tau` and twice `tau` steps later.

The postsynaptic potential of a spike rises by 1 a step, from `tau` on falls by 1 a step, and rests
from 2 `tau` on. So its slope changes three times, by +1, -2 and +1 times the weight. The spike
itself is the first of these kernel events. The other two, knee and end, are played from a list:

    append   END_OF_STEP    spikes and END_OF_STEPs as they come, the oldest first
             v
    [ 5 9 | 2 | | 7 1 | ... ]
      ^ end   ^ knee        two read heads, each through one step of the list in one step

An END_OF_STEP goes on when both heads have been through their step. No time is stored. A ramp or a
step needs none of this, nor does a head that would start after the last step.
"""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hwgen.hdl.stream import token_stream
from hwgen.network.layers.shape import Shape
from hwgen.protocol.tokens import Kind


class Replay(wiring.Component):
    """Passes tokens on; before the END_OF_STEP of step t it adds the spikes of step t - tau, with
    `knee` set, and those of step t - 2 tau.

    A spike that comes twice in a sample, or a step too many, may find the list full. It is then
    missing from it; the next sample starts with an empty list.
    """

    def __init__(self, shape: Shape, *, tau_steps: int, n_steps: int) -> None:
        """shape: of the neurons whose spikes these are; n_steps: of a sample."""
        self._shape = shape
        self._delays = [delay for delay in (tau_steps, 2 * tau_steps) if delay < n_steps]
        # Each input fires once at most and each step ends once: a sample of the contract always
        # fits.
        self._depth = shape.n + n_steps
        super().__init__(
            {"i": In(token_stream(shape)), "o": Out(token_stream(shape, marks={"knee": 1}))}
        )

    def elaborate(self, platform: object) -> Module:
        """Wires, and, if some head starts within a sample, the list and its heads."""
        m = Module()
        holds = Signal()  # an END_OF_STEP waits until the heads are through
        m.d.comb += [
            self.o.valid.eq(self.i.valid & ~holds),
            self.i.ready.eq(self.o.ready & ~holds),
            self.o.payload.eq(Cat(self.i.payload, 0)),
        ]
        if self._delays:
            self._play(m, holds)
        return m

    def _play(self, m: Module, holds) -> None:
        kind = self.i.payload.kind
        neuron = self.i.payload.as_value()[len(kind) :]
        passes = Signal()
        is_step = Signal()
        done = Signal()
        tail = Signal(range(self._depth + 1))
        # It counts no further than heads need: all later steps are alike.
        step = Signal(range(max(self._delays) + 1))  # stays at the largest delay
        m.submodules.list = storage = memory.Memory(
            shape=1 + len(neuron), depth=self._depth, init=[], attrs={"no_rw_check": 1}
        )
        write = storage.write_port()
        m.d.comb += [
            passes.eq(self.i.valid & self.i.ready),
            is_step.eq(kind == Kind.END_OF_STEP),
            # Heads move before the end of the step is passed on, because their events are of this
            # step.
            holds.eq(is_step & (step >= self._delays[0]) & ~done),
            # A host that has lost its place may send too much. It must not overwrite what the heads
            # still read.
            write.en.eq(passes & (tail != self._depth)),
            write.addr.eq(tail),
            write.data.eq(Cat(is_step, neuron)),
        ]
        heads = [Signal.like(tail, name=f"head_{delay}") for delay in self._delays]
        active = Signal(range(len(heads)))
        finished = self._read(m, storage, holds, heads, active, tail)
        with m.If(finished):
            if len(heads) == 1:
                m.d.sync += done.eq(1)
            else:
                more = (active == 0) & (step == self._delays[1])
                m.d.sync += [active.eq(more), done.eq(~more)]
        with m.If(passes):
            with m.If(write.en):
                m.d.sync += tail.eq(tail + 1)
            with m.If(is_step):
                m.d.sync += done.eq(0)
                with m.If(step != max(self._delays)):
                    m.d.sync += step.eq(step + 1)
            with m.If(kind == Kind.END_OF_SAMPLE):
                # The list is empty again by its pointers; what stands in the memory is written
                # over.
                m.d.sync += [pointer.eq(0) for pointer in (tail, step, *heads)]

    def _read(self, m: Module, storage, holds, heads, active, tail):
        """The active head through one step: a spike a cycle. Returns a strobe at its end."""
        # A port without clock, and a register: yosys merges them, and heeds `no_rw_check` then.
        read = storage.read_port(domain="comb")
        word = Signal(len(read.data), reset_less=True)
        fetched = Signal()
        fetch = Signal()
        finished = Signal()
        is_end = Signal()
        head = Mux(active, heads[-1], heads[0])
        m.d.comb += [read.addr.eq(head), is_end.eq(head == tail)]
        with m.If(self.i.valid & holds):
            # A word is fetched before it is played: the memory has a register behind it.
            with m.If(~fetched):
                m.d.comb += [fetch.eq(~is_end), finished.eq(is_end)]
            with m.Elif(word[0]):
                m.d.comb += finished.eq(1)
            with m.Else():
                m.d.comb += [
                    self.o.valid.eq(1),
                    self.o.payload.eq(Cat(Const(Kind.SPIKE, 2), word[1:], active == 0)),
                    fetch.eq(self.o.ready & ~is_end),
                ]
        with m.If(fetch):
            m.d.sync += word.eq(read.data)
            for number, pointer in enumerate(heads):
                with m.If(active == number):
                    m.d.sync += pointer.eq(pointer + 1)
        with m.If(fetch):
            m.d.sync += fetched.eq(1)
        with m.Elif(finished | (self.o.valid & self.o.ready)):
            m.d.sync += fetched.eq(0)
        return finished
