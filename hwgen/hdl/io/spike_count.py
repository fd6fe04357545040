"""From the output layer's tokens to a decision: `spike_count` of `docs/contract.md`."""

from amaranth.hdl import Array, Module, Signal, signed

from hwgen.hdl.io.readout import Readout
from hwgen.hdl.stream import STEP_BITS
from hwgen.protocol.tokens import Kind


class SpikeCount(Readout):
    """Most spikes; ties by larger potential at the end, then lower index. Members as of `Readout`.

    It counts in registers, so that all counts start anew at once, behind a reset, too. `decided`
    stays low: the last step may decide.
    """

    def elaborate(self, platform: object) -> Module:
        """A count an output, and one candidate while potentials come by."""
        m = Module()
        token, take = self._next(m)
        counts = Array(Signal(STEP_BITS, name=f"count_{j}") for j in range(self._n_classes))
        candidate, better = Signal(), Signal()
        count, most = Signal(STEP_BITS), Signal(STEP_BITS)
        label = Signal.like(token.index)
        potential = Signal(signed(self._potential_bits))
        step = Signal(STEP_BITS)
        m.d.comb += [
            count.eq(counts[token.index]),
            # Potentials come in ascending index: an equal one is too late.
            better.eq(
                ~candidate | (count > most) | ((count == most) & (token.potential > potential))
            ),
        ]
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
