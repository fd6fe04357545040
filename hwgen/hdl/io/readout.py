"""From the output layer's tokens to a decision: `first_spike` of `docs/contract.md`."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen.hdl.stream import STEP_BITS, result_layout, token_stream, vector
from hwgen.protocol.tokens import Kind


class Readout(wiring.Component):
    """Earliest spike; ties by larger potential, then lower index; else the largest potential.

    Members: `o` gives one result a sample, at the end of the step that decides. `decided` is high
    from then until the sample's end. `finished` strobes at that end. While a result waits to be
    taken, no token is taken. `step` counts END_OF_STEP tokens modulo 256.

    `docs/contract.md`, section 6. A result carries label, step and whether a spike decided.
    """

    def __init__(self, *, n_classes: int, potential_bits: int) -> None:
        """n_classes: outputs. potential_bits: of the signed potentials that tokens carry."""
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
        """One candidate, compared with each token."""
        m = Module()
        token, take = self._next(m)
        candidate, better = Signal(), Signal()
        label = Signal.like(token.index)
        potential = Signal(signed(self._potential_bits))
        step = Signal(STEP_BITS)
        m.d.comb += [
            better.eq(
                ~candidate
                | (token.potential > potential)
                # Of equals the lowest index (contract, section 6). It is compared, so the order of
                # tokens does not matter.
                | ((token.potential == potential) & (token.index < label))
            ),
        ]
        answers = Signal()
        with m.If(take), m.Switch(token.kind):
            with m.Case(Kind.SPIKE, Kind.POTENTIAL):
                m.d.sync += candidate.eq(1)
                with m.If(better):
                    m.d.sync += [label.eq(token.index), potential.eq(token.potential)]
            with m.Case(Kind.END_OF_STEP):
                # Only at the end of the step: a later spike of the same step may have a larger
                # potential.
                m.d.comb += answers.eq(candidate & ~self.decided)
                m.d.sync += [step.eq(step + 1), self.decided.eq(self.decided | candidate)]
            with m.Case(Kind.END_OF_SAMPLE):
                # Nothing fired, so the candidate is the largest potential. Each END_OF_SAMPLE gives
                # one result.
                m.d.comb += [answers.eq(~self.decided), self.finished.eq(1)]
                m.d.sync += [step.eq(0), self.decided.eq(0), candidate.eq(0)]
        with m.If(answers):
            m.d.sync += [
                self.o.valid.eq(1),
                self.o.payload.label.eq(label),
                self.o.payload.step.eq(step),
                self.o.payload.by_spike.eq(token.kind == Kind.END_OF_STEP),
            ]
        return m

    def _next(self, m: Module):
        """The token to be looked at, and whether it is: not while a result waits."""
        # A register, because the choice among lanes and the comparison are too long for one cycle.
        held, token = Signal(), Signal.like(self.i.payload)
        take = Signal()
        with m.If(self.i.ready):
            m.d.sync += [held.eq(self.i.valid), token.eq(self.i.payload)]
        m.d.comb += [self.i.ready.eq(~held | take), take.eq(held & ~self.o.valid)]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        return token, take
