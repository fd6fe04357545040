"""The door of the core: passes tokens on, drops what cannot or need not be processed."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.events import Kind
from hwgen.hdl.stream import token_stream, vector


class Gate(wiring.Component):
    """A register in the input stream that can swallow tokens.

    Spikes whose index is not below `n_inputs`, and tokens of kind POTENTIAL, are dropped. While
    `decided` says that the sample at the readout has its answer, and that sample is still coming
    in here, `early_exit` drops the rest of it up to its END_OF_SAMPLE, one token a cycle.

    Members: `finished` strobes when a sample has left the readout. `event` strobes for each spike
    passed on. `busy` is high while a sample is anywhere inside the core.
    """

    def __init__(self, *, n_inputs: int, max_in_flight: int) -> None:
        """max_in_flight: samples that may be inside at once; more wait at the door."""
        self._n_inputs = n_inputs
        self._max_in_flight = max_in_flight
        super().__init__(
            {
                "i": In(token_stream(vector(n_inputs))),
                "o": Out(token_stream(vector(n_inputs))),
                "early_exit": In(1),
                "decided": In(1),
                "finished": In(1),
                "event": Out(1),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        in_flight = Signal(range(self._max_in_flight + 1))  # samples whose end has gone in
        inside = Signal()  # a sample has begun to go in, but not ended
        token = self.i.payload
        is_end, drop, take, leave = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            is_end.eq(token.kind == Kind.END_OF_SAMPLE),
            self.i.ready.eq((~self.o.valid | self.o.ready) & (in_flight != self._max_in_flight)),
            take.eq(self.i.valid & self.i.ready),
            drop.eq(
                (token.kind == Kind.POTENTIAL)
                | ((token.kind == Kind.SPIKE) & (token.index >= self._n_inputs))
                | (self.early_exit & self.decided & (in_flight == 0) & ~is_end)
            ),
            leave.eq(take & is_end),
            self.event.eq(take & ~drop & (token.kind == Kind.SPIKE)),
            self.busy.eq(inside | (in_flight != 0)),
        ]
        with m.If(take):
            m.d.sync += inside.eq(~is_end)
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(take & ~drop):
            m.d.sync += [self.o.valid.eq(1), self.o.payload.eq(token)]
        m.d.sync += in_flight.eq(in_flight + leave - self.finished)
        return m
