"""From the output layer's tokens to a decision: `spike_count` of `docs/contract.md`."""

from amaranth.hdl import Array, Module, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen.events import Kind
from hwgen.hdl.stream import STEP_BITS, result_layout, token_stream, vector


class SpikeCount(wiring.Component):
    """Most spikes; ties by larger potential at the end, then lower index. Members as of `Readout`.

    It counts in registers, so that all counts start anew at once, behind a reset, too. `decided`
    stays low: the last step may decide.
    """

    def __init__(self, *, n_classes: int, potential_bits: int) -> None:
        self._n_classes = n_classes
        self._potential_bits = potential_bits
        super().__init__(
            {
                "i": In(token_stream(vector(n_classes), potential_bits)),
                "o": Out(stream.Signature(result_layout(n_classes))),
                "decided": Out(1),
                "finished": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # A register, because the choice among lanes and the comparison are too long for one cycle.
        held, token = Signal(), Signal.like(self.i.payload)
        with m.If(self.i.ready):
            m.d.sync += [held.eq(self.i.valid), token.eq(self.i.payload)]
        counts = Array(Signal(STEP_BITS, name=f"count_{j}") for j in range(self._n_classes))
        candidate, better, take = Signal(), Signal(), Signal()
        count, most = Signal(STEP_BITS), Signal(STEP_BITS)
        label = Signal.like(token.index)
        potential = Signal(signed(self._potential_bits))
        step = Signal(STEP_BITS)
        m.d.comb += [
            self.i.ready.eq(~held | take),
            take.eq(held & ~self.o.valid),
            count.eq(counts[token.index]),
            # Potentials come in ascending index: an equal one is too late.
            better.eq(
                ~candidate | (count > most) | ((count == most) & (token.potential > potential))
            ),
        ]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(take), m.Switch(token.kind):
            with m.Case(Kind.SPIKE):
                m.d.sync += counts[token.index].eq(count + 1)
            with m.Case(Kind.POTENTIAL):
                m.d.sync += candidate.eq(1)
                with m.If(better):
                    m.d.sync += [
                        label.eq(token.index),
                        most.eq(count),
                        potential.eq(token.potential),
                    ]
            with m.Case(Kind.END_OF_STEP):
                m.d.sync += step.eq(step + 1)
            with m.Case(Kind.END_OF_SAMPLE):
                m.d.comb += self.finished.eq(1)
                m.d.sync += [step.eq(0), candidate.eq(0), *(each.eq(0) for each in counts)]
                m.d.sync += [
                    self.o.valid.eq(1),
                    self.o.payload.label.eq(label),
                    self.o.payload.step.eq(step),
                    self.o.payload.by_spike.eq(0),
                ]
        return m
