"""The door of the core: passes tokens on, drops what cannot or need not be processed."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen.hdl.stream import index_bits, token_stream, vector
from hwgen.protocol.tokens import Kind


def tokens_in(
    *,
    n_inputs: int,
    n_labels: int = 0,
    n_layers: int = 0,
    readable: Sequence[int] = (),
    fillable: Sequence[int] = (),
) -> stream.Signature:
    """The stream into a gate, whose indices have room for whatever they can mean: see `Gate`.

    n_inputs: of the network. n_labels: classes, of a core that learns, else 0. n_layers: of the
    network. readable, fillable: numbers of the layers that can be asked for, or loaded.
    """
    # An index must be able to be wrong: one too large for the inputs has to arrive as such, or it
    # would wrap, and be another input's spike.
    n_asked = max([0, *readable, *(n_layers + layer for layer in fillable)]) + 1
    return token_stream(vector(max(n_inputs + 1, n_labels + 1, n_asked)))


class Gate(wiring.Component):
    """A register in the input stream that can swallow tokens.

    Spikes whose index is not below `n_inputs`, and tokens of kind POTENTIAL that ask for nothing,
    are dropped, wherever they are; there is room for an index that is not below `n_inputs`. While
    `decided` says that the sample at the readout has its answer, and that sample is still coming
    in here, `early_exit` drops the rest of it up to its END_OF_SAMPLE, one token a cycle.

    With labels, an END_OF_SAMPLE of index k + 1 says that the sample is to be learnt, with label k.
    Nothing comes in behind it until that is done: `lesson` strobes, for `label`, when the core is
    empty, and `learnt` says that it is done. There is no early exit then. In the same way a
    POTENTIAL between samples asks, by its index, for the weights of one of the layers `readable`:
    `reads` strobes, for the layer `label`. An index greater by `n_layers` says that weights for one
    of the layers `fillable` are to come: `fills` strobes. A core that does not learn may need them;
    while `unloaded` says that some layers wait for theirs, spikes mean nothing.

    Members: `finished` strobes when a sample has left the readout. `event` strobes for each spike
    passed on, `dropped` for each token that means nothing. `asks` says that the token offered asks
    for weights, or says that they come. `busy` is high while a sample is anywhere inside the core.
    """

    def __init__(
        self,
        *,
        n_inputs: int,
        max_in_flight: int,
        n_labels: int = 0,
        n_layers: int = 0,
        readable: Sequence[int] = (),
        fillable: Sequence[int] = (),
    ) -> None:
        """max_in_flight: samples that may be inside at once; more wait at the door.

        n_inputs: of the network, 1 to 16384. n_labels, n_layers, readable, fillable: as of
        `tokens_in`.
        """
        self._n_layers = n_layers
        self._readable, self._fillable = readable, fillable
        self._waits = bool(fillable) and not n_labels
        self._n_inputs = n_inputs
        self._max_in_flight = max_in_flight
        self._n_labels = n_labels
        super().__init__(
            {
                "i": In(
                    tokens_in(
                        n_inputs=n_inputs,
                        n_labels=n_labels,
                        n_layers=n_layers,
                        readable=readable,
                        fillable=fillable,
                    )
                ),
                "o": Out(token_stream(vector(n_inputs))),
                "lesson": Out(1),
                "reads": Out(1),
                "fills": Out(1),
                "label": Out(index_bits(max(n_labels, n_layers, 1))),
                "learnt": In(1),
                "early_exit": In(1),
                "decided": In(1),
                "finished": In(1),
                "event": Out(1),
                "dropped": Out(1),
                "asks": Out(1),
                "busy": Out(1),
            }
            | ({"unloaded": In(1)} if self._waits else {})
        )

    def elaborate(self, platform: object) -> Module:
        """One register, a count of samples inside, and what closes the door."""
        m = Module()
        # Counted, because `decided` is of the sample at the readout. If another has begun to come
        # in behind it, its tokens must not be dropped in its place.
        in_flight = Signal(range(self._max_in_flight + 1))  # samples whose end has gone in
        inside = Signal()  # a sample has begun to go in, but not ended
        token = self.i.payload
        # All four are of the token that is offered now, before the register: what is dropped never
        # enters it.
        is_end, drop, take, leave = Signal(), Signal(), Signal(), Signal()
        means_nothing, asks = Signal(), self.asks
        closed = Signal()  # a sample is being learnt, or is about to be; or weights come
        no_event = token.index >= self._n_inputs
        if self._waits:
            # Memory that was never written would give weights of any kind. With spikes dropped, the
            # sample is one in which nothing fires, and DROPPED says so.
            no_event |= self.unloaded
        m.d.comb += [
            is_end.eq(token.kind == Kind.END_OF_SAMPLE),
            self.i.ready.eq(
                # `ready` does not depend on the token, so no source waits for what it offers
                # itself.
                (~self.o.valid | self.o.ready) & (in_flight != self._max_in_flight) & ~closed
            ),
            take.eq(self.i.valid & self.i.ready),
            means_nothing.eq(
                # Dropped here, and nowhere behind it: no layer has to know a token that means
                # nothing.
                ((token.kind == Kind.POTENTIAL) & ~asks) | ((token.kind == Kind.SPIKE) & no_event)
            ),
            self.dropped.eq(take & means_nothing),
            drop.eq(
                # A question is taken but not passed on, and it is no loss, so it is not counted
                # either. With `in_flight` at 0 the sample at the readout is the one still coming
                # in.
                means_nothing | asks | (self._may_exit & self.decided & (in_flight == 0) & ~is_end)
            ),
            leave.eq(take & is_end),
            # What early exit swallows reaches no neuron, so it is no event.
            self.event.eq(take & ~drop & (token.kind == Kind.SPIKE)),
            self.busy.eq(inside | (in_flight != 0)),
        ]
        # A stray token between samples begins none: else BUSY would stay, and CYCLES count on.
        with m.If(take & ~means_nothing & ~asks):
            m.d.sync += inside.eq(~is_end)
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(take & ~drop):
            m.d.sync += [
                self.o.valid.eq(1),
                self.o.payload.kind.eq(token.kind),
                # The index of the input is wider than that of the layers; it is cut only when it is
                # known to fit, or to be dropped.
                self.o.payload.index.eq(token.index),
            ]
        # One sum for both, because a sample may go in and another leave in the same cycle.
        m.d.sync += in_flight.eq(in_flight + leave - self.finished)
        if self._n_labels or self._fillable:
            self._teach(m, take, ~inside, asks, leave, closed, in_flight == 0)
        return m

    @property
    def _may_exit(self):
        # Learning needs all spikes of its sample, also those after the decision
        # (`docs/learning.md`).
        return self.early_exit & (not self._n_labels)

    def _teach(self, m: Module, take, between, asks, leave, closed, empty) -> None:
        """between: samples. asks: the token would ask for weights, or say that they come."""
        teaching = Signal()
        asked, sent = Signal(), Signal()  # for weights; weights
        token = self.i.payload
        labelled = (token.index != 0) & (token.index <= self._n_labels)
        # Only when the last sample has left the core: then the forward path does not read the
        # weights, and logs and spike times are whole. A token that still stands in `o` is not in
        # the core yet.
        begins = closed & ~teaching & empty & ~self.o.valid
        m.d.comb += [
            self.lesson.eq(begins & ~asked & ~sent),
            self.reads.eq(begins & asked),
            self.fills.eq(begins & sent),
        ]
        with m.If(leave):
            m.d.sync += [
                closed.eq(labelled),
                asked.eq(0),
                sent.eq(0),
                self.label.eq(token.index - 1),
                # Behind the door an END_OF_SAMPLE carries no label: all layers see what a core
                # without a learning unit sees. This later assignment wins over the one of the
                # register.
                self.o.payload.index.eq(0),
            ]
        for flag, other, layers, shift in (
            (asked, sent, self._readable, 0),
            (sent, asked, self._fillable, self._n_layers),
        ):
            # Comparisons with a few constants: layers that learn are mostly two or three.
            is_one = Cat(token.index == layer + shift for layer in layers).any()
            with m.If(between & (token.kind == Kind.POTENTIAL) & is_one):
                m.d.comb += asks.eq(1)
            with m.If(take & asks & is_one):
                # The other question is forgotten, so that of two flags one is set at most: the last
                # question counts.
                m.d.sync += [closed.eq(1), flag.eq(1), other.eq(0)]
                m.d.sync += self.label.eq(token.index - shift)
        with m.If(begins):
            m.d.sync += teaching.eq(1)
        with m.If(self.learnt):
            # The door opens when the last weight has been written, not a cycle earlier: the next
            # spike could read it.
            m.d.sync += [closed.eq(0), teaching.eq(0)]
