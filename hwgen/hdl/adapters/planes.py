"""Values bit by bit, then the steps of the sample: in front of a first layer that takes values."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.hdl.stream import Marks, token_stream
from hwgen.network.layers.shape import Shape
from hwgen.protocol.tokens import Kind


class Planes(wiring.Component):
    """Marks each spike with the bit plane it is of; before each END_OF_SAMPLE it adds the steps.

    An END_OF_STEP of the input ends a plane, and is not passed on. All bits have come when the
    steps begin, so nothing is stored here. Into a two-phase layer comes one step more, the first,
    in which it integrates and does not fire; the others have `drive` set.
    """

    def __init__(self, shape: Shape, *, marks: Marks, n_steps: int) -> None:
        """shape: of the neurons that feed the layer. marks: those of the layer (`marks_of`), with
        `plane`; with `drive` it is a two-phase layer. n_steps: of a sample."""
        self._is_two_phase = "drive" in marks
        self._n_added = n_steps + self._is_two_phase
        super().__init__({"i": In(token_stream(shape)), "o": Out(token_stream(shape, marks=marks))})

    def elaborate(self, platform: object) -> Module:
        """A count of planes, and one of the steps that are still to be added."""
        m = Module()
        kind = self.i.payload.kind
        plane = Signal(len(self.o.payload.plane))
        left = Signal(range(self._n_added + 1), init=self._n_added)
        is_end, ends_plane, adds, passes = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            is_end.eq(kind == Kind.END_OF_SAMPLE),
            ends_plane.eq(kind == Kind.END_OF_STEP),
            adds.eq(is_end & (left != 0)),
            self.o.valid.eq(self.i.valid & ~ends_plane),
            # The END_OF_SAMPLE waits at the input while steps are added in front of it.
            self.i.ready.eq(ends_plane | (self.o.ready & ~adds)),
            self.o.payload.eq(self.i.payload.as_value()),
            self.o.payload.plane.eq(plane),
            passes.eq(self.i.valid & self.i.ready),
        ]
        with m.If(adds):
            m.d.comb += self.o.payload.kind.eq(Kind.END_OF_STEP)
            if self._is_two_phase:
                m.d.comb += self.o.payload.drive.eq(left != self._n_added)
        with m.If(self.i.valid & self.o.ready & adds):
            m.d.sync += left.eq(left - 1)
        with m.If(passes & ends_plane):
            # A host that has lost its place may send more planes than there are: it wraps.
            m.d.sync += plane.eq(plane + 1)
        with m.If(passes & is_end):
            m.d.sync += [plane.eq(0), left.eq(self._n_added)]
        return m
