"""The two passes of a two-phase layer: its input's steps, then as many steps to fire in."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.hdl.stream import token_stream
from hwgen.network.layers.shape import Shape
from hwgen.protocol.tokens import Kind


class Phases(wiring.Component):
    """Passes tokens on; before each END_OF_SAMPLE it adds an END_OF_STEP, with `drive` set, for
    each step. Those of the input come without it: in them the layer does not fire.
    """

    def __init__(self, shape: Shape, *, n_steps: int) -> None:
        """shape: of the neurons that feed the layer; n_steps: of a sample."""
        self._n_steps = n_steps
        super().__init__(
            {"i": In(token_stream(shape)), "o": Out(token_stream(shape, marks={"drive": 1}))}
        )

    def elaborate(self, platform: object) -> Module:
        """A count of the steps that are still to be added."""
        m = Module()
        left = Signal(range(self._n_steps + 1), init=self._n_steps)
        is_end = Signal()
        adds = Signal()
        m.d.comb += [
            is_end.eq(self.i.payload.kind == Kind.END_OF_SAMPLE),
            adds.eq(is_end & (left != 0)),
            self.o.valid.eq(self.i.valid),
            # The END_OF_SAMPLE waits at the input while steps are added in front of it; it is not
            # stored.
            self.i.ready.eq(self.o.ready & ~adds),
            self.o.payload.eq(self.i.payload.as_value()),
        ]
        with m.If(adds):
            m.d.comb += [self.o.payload.kind.eq(Kind.END_OF_STEP), self.o.payload.drive.eq(1)]
        with m.If(self.i.valid & self.o.ready & is_end):
            m.d.sync += left.eq(left - 1)
            with m.If(~adds):
                # It passes in this cycle, so the count is full again for the next sample.
                m.d.sync += left.eq(self._n_steps)
        return m
