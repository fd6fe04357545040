"""How much too late each output fired: `hwgen.golden.stdp.output_errors`, one output a cycle."""

from amaranth.hdl import Array, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.hdl.learning.normalise import Normalise
from hwgen.hdl.memory.delay import delay, falls
from hwgen.hdl.stream import index_bits
from hwgen.protocol.tokens import Kind


class OutputErrors(wiring.Component):
    """Watches the output layer's tokens go by: `strobe`, `kind`, `index`.

    With `start`, for the `label`, it looks for the earliest of the others; then, an output a cycle,
    for the largest error; then it gives them: `write_en`, `neuron`, the error, `scaled`, and
    `time`, to which inputs of that output count as earlier. `done` strobes after the last. `any`
    says whether there was any error.
    """

    def __init__(self, *, n_classes: int, n_steps: int, margin: int, bits: int) -> None:
        """bits: of the scaled errors.

        n_classes: outputs. n_steps: of a sample. margin: steps that the label is to be ahead. It is
        SSTDP's eq. 4-6 in the form of `docs/learning.md`, point 1.
        """
        self._n, self._n_steps, self._margin, self._bits = n_classes, n_steps, margin, bits
        super().__init__(
            {
                "strobe": In(1),
                "kind": In(2),
                "index": In(index_bits(n_classes)),
                "label": In(index_bits(n_classes)),
                "start": In(1),
                "write_en": Out(1),
                "neuron": Out(index_bits(n_classes)),
                "scaled": Out(signed(bits + 2)),
                "time": Out(index_bits(n_steps)),
                "done": Out(1),
                "any": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Three passes over the outputs, an output a cycle."""
        m = Module()
        error_bits = self._n_steps.bit_length() + 1
        m.submodules.normalise = normalise = Normalise(width=error_bits, bits=self._bits)
        never = Signal(range(self._n_steps + 1), init=self._n_steps)
        # Registers, not a memory: all forget their times in one cycle when the next sample begins.
        times = Array(Signal.like(never, name=f"time_{k}") for k in range(self._n))
        self._tap(m, times)
        looks = Signal()  # for the earliest of the others
        weighs = Signal()  # for the largest error
        gives = Signal()
        neuron = Signal.like(self.neuron)
        last = Signal()
        m.d.comb += last.eq(neuron == self._n - 1)
        with m.If(self.start):
            m.d.sync += [looks.eq(1), neuron.eq(0)]
        with m.Elif(looks | weighs | gives):
            m.d.sync += neuron.eq(Mux(last, 0, neuron + 1))
            with m.If(last):
                # The passes follow one another; each needs what the one before has found.
                m.d.sync += [looks.eq(0), weighs.eq(looks), gives.eq(weighs)]

        time = Signal.like(never)
        label_time = Signal.like(never)
        earliest = Signal.like(never)
        is_label = Signal()
        m.d.comb += [time.eq(times[neuron]), is_label.eq(neuron == self.label)]
        with m.If(self.start):
            m.d.sync += [earliest.eq(self._n_steps), label_time.eq(times[self.label])]
        with m.If(looks & ~is_label & (time < earliest)):
            m.d.sync += earliest.eq(time)
        error = Signal(signed(error_bits))
        m.d.comb += error.eq(self._error(m, time, is_label, earliest, label_time))
        m.d.comb += [
            normalise.start.eq(self.start),
            normalise.strobe.eq(weighs),
            normalise.seen.eq(error),
            normalise.error.eq(error),
            self.any.eq(normalise.any),
            self.write_en.eq(delay(m, gives, 2)),
            self.neuron.eq(delay(m, neuron, 2)),
            self.scaled.eq(normalise.scaled),
            # A silent output counts as firing in the last step (point 3).
            self.time.eq(delay(m, Mux(time == self._n_steps, self._n_steps - 1, time), 2)),
            self.done.eq(falls(m, self.write_en)),
        ]
        return m

    def _error(self, m: Module, time, is_label, earliest, label_time):
        """Steps too late; none for who is beyond what is wanted."""
        n_steps, margin = self._n_steps, self._margin
        wanted = Signal(range(n_steps + 1))
        with m.If(is_label):
            m.d.comb += wanted.eq(Mux(earliest > margin, earliest - margin, 0))
        with m.Elif(label_time + margin < n_steps):
            m.d.comb += wanted.eq(label_time + margin)
        with m.Else():
            m.d.comb += wanted.eq(n_steps)
        late = time - wanted
        return Mux(is_label == (late > 0), late, 0)

    def _tap(self, m: Module, times) -> None:
        """Spike times of the sample; the first token of the next one forgets them."""
        step = Signal(range(self._n_steps + 1))
        ended = Signal(init=1)
        present = Signal.like(step)
        m.d.comb += present.eq(Mux(ended, 0, step))
        with m.If(self.strobe):
            m.d.sync += [
                ended.eq(self.kind == Kind.END_OF_SAMPLE),
                step.eq(present + (self.kind == Kind.END_OF_STEP)),
            ]
            with m.If(ended):
                m.d.sync += [time.eq(self._n_steps) for time in times]
            with m.If(self.kind == Kind.SPIKE):
                m.d.sync += times[self.index].eq(present)
