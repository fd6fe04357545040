"""The front end of a convolution: which neurons an event reaches, and with which weights.

An event at (row, column, channel) reaches, along each axis, some outputs side by side: those whose
filter covers it. Three short stages find them, and a fourth walks over them:

    T  look up the row and the column: how many outputs they reach, and where the first one is
    S  add the halves: first state word, first weight word
    N  the next token to walk, ready before the present one is done
    A  walk: a slot a cycle, row by row

Weights lie in the order of the walk (`hwgen.protocol.memory`). So within a row of outputs each slot
is one state word and `channels` weight words further than the last, across blocks and columns
alike, and from one row to the next the steps are constants, too: no multiplier, and nothing at the
edges, at padding or at strides is visited in vain. An END_OF_STEP walks over all words.
"""

from amaranth.hdl import Const, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hwgen.hdl.memory.table import rom
from hwgen.hdl.neurons.slot import Op, slot_layout
from hwgen.hdl.stream import index_bits, marks_of, place, token_stream
from hwgen.network.layers.conv2d import ConvSpec, tap_order, taps
from hwgen.protocol.memory import n_blocks
from hwgen.protocol.tokens import Kind


class Walk(wiring.Component):
    """Tokens to slots. `weight` is the address of the weight word of the slot at `o`; both stay
    until `take`.

    After reset it walks over all words once, to clear them, before the first token.

    `lanes` filters of a position are a word, so a layer has height x width x blocks words, and size
    x size x blocks x channels weight words.
    """

    def __init__(self, layer: ConvSpec, *, lanes: int) -> None:
        """layer: conv2d; its `post` is height x width x filters. lanes: filters of a position a
        slot updates."""
        height, width, filters = layer.post
        self._layer = layer
        self._blocks = n_blocks(filters, lanes)
        self._row_words = width * self._blocks  # of the state
        self._row_weights = layer.size * self._blocks * layer.channels
        self._n_weights = layer.size * self._row_weights
        super().__init__(
            {
                "i": In(token_stream(layer.pre, marks=marks_of(layer))),
                "o": Out(slot_layout(layer, height * self._row_words)),
                "weight": Out(index_bits(self._n_weights)),
                "take": In(1),
            }
        )

    @property
    def _span(self) -> data.StructLayout:
        """What there is to walk for a token: rows of runs of words.

        `rows` and `run` are less one, so that 0 ends a count and no field needs a bit more.
        """
        return data.StructLayout(
            {
                "op": Op,
                "word": len(self.o.word),
                "weight": len(self.weight),
                "rows": index_bits(self._layer.post.height),  # less one
                "run": index_bits(self._row_words),  # words of a row, less one
                "closing": 1,
                "knee": 1,
                "drive": 1,
                **self._plane,
            }
        )

    @property
    def _plane(self) -> dict[str, int]:
        """The field of slots and spans that only layers which take values have."""
        return {name: bits for name, bits in marks_of(self._layer).items() if name == "plane"}

    def elaborate(self, platform: object) -> Module:
        """Stages T, S, N and A. N holds a span of its own, so that A goes from one token to the
        next without a cycle between."""
        m = Module()
        n = Signal(self._span)
        n_valid = Signal()
        loads = Signal()
        moves = Signal()
        # T and S move together, when N is empty or is taken in this very cycle. Without the second
        # case a cycle would be lost at each token: as long as the walk of a 1 x 1 filter.
        m.d.comb += moves.eq(~n_valid | loads)
        found, found_valid = self._find(m, moves)
        with m.If(moves):
            m.d.sync += [n.eq(found), n_valid.eq(found_valid)]
        self._walk(m, n, n_valid, loads)
        return m

    def _find(self, m: Module, moves):
        """Stages T and S: from a token to its span, and whether there is one."""
        layer = self._layer
        valid = Signal()
        token = Signal.like(self.i.payload)
        # Rows and columns are looked up apart: height plus width entries, and not a table of their
        # product.
        row, column, _ = place(self.i.payload, layer.pre)
        rows = self._table(layer.height, 1, self._row_words, self._row_weights)
        columns = self._table(
            layer.width, self._blocks, self._blocks, self._blocks * layer.channels
        )
        m.d.comb += self.i.ready.eq(~valid | moves)
        with m.If(self.i.ready):
            m.d.sync += [valid.eq(self.i.valid), token.eq(self.i.payload)]
        # The tables are read in the cycle in which the token is taken, from its own bits: the
        # address of a block RAM comes straight from a stream, and its data meets nothing but the
        # adder of stage S.
        row = rom(m, "rows", rows, enable=self.i.ready, address=row)
        column = rom(m, "columns", columns, enable=self.i.ready, address=column)

        span = Signal(self._span)
        span_valid = Signal()
        # Whether any event has come that moves potentials in a step. If not, the sweep of all words
        # is left out: with few events most steps of a large map are a slot each.
        touched = Signal()
        drive = token.drive if layer.neuron.two_phase else Const(0)
        # A bias moves potentials, and an equal threshold is reached, before any event has come.
        sweeps = Const(1) if layer.neuron.moves_from_rest else drive
        _, _, channel = place(token, layer.pre)
        with m.Switch(token.kind):
            with m.Case(Kind.SPIKE):
                m.d.comb += [
                    # A pixel beyond the last stride reaches no output. It makes no slot, but its
                    # token is used up.
                    span_valid.eq(valid & row.reached & column.reached),
                    span.op.eq(Op.ADD),
                    span.word.eq(row.word + column.word),
                    span.weight.eq(row.weight + column.weight + channel),
                    span.rows.eq(row.more),
                    span.run.eq(column.more),
                ]
                # Only when it moves on: a token that waits is seen in several cycles.
                with m.If(moves & span_valid):
                    m.d.sync += touched.eq(1)
            with m.Case(Kind.END_OF_STEP):
                m.d.comb += span_valid.eq(valid)
                with m.If(touched | sweeps):
                    m.d.comb += [span.op.eq(Op.COMPARE), *self._everything(span)]
                with m.Else():
                    m.d.comb += span.op.eq(Op.PASS)
                # With slopes or a leak a potential moves in each step from the first event on, so
                # `touched` stays until the sample ends.
                if not layer.neuron.moves_by_itself:
                    with m.If(moves & valid):
                        m.d.sync += touched.eq(0)
            with m.Default():
                # END_OF_SAMPLE, and POTENTIAL, which the gate lets in nowhere: whatever comes,
                # state ends at rest.
                m.d.comb += [span_valid.eq(valid), span.op.eq(Op.CLEAR), *self._everything(span)]
                with m.If(moves & valid):
                    m.d.sync += touched.eq(0)
        m.d.comb += [
            span.knee.eq(token.knee if layer.neuron.has_knee else 0),
            span.drive.eq(drive),
            # In the steps of its input a two-phase layer is silent.
            span.closing.eq(
                drive | (token.kind != Kind.END_OF_STEP) | (not layer.neuron.two_phase)
            ),
        ]
        m.d.comb += [span[name].eq(token[name]) for name in self._plane]
        return span, span_valid

    def _everything(self, span):
        return [span.rows.eq(self._layer.post.height - 1), span.run.eq(self._row_words - 1)]

    def _table(self, n: int, slots: int, word_step: int, weight_step: int) -> list[dict[str, int]]:
        """The table of an axis of n inputs: what each reaches, and where the first of it is.

        An output takes `slots`; the steps are those from one output, and one tap, to the next.
        """
        order = tap_order(self._layer.size, self._layer.stride)
        table = []
        for position in range(n):
            reached = taps(self._layer, n, position)
            out, tap = reached[0] if reached else (0, order[0])
            table.append(
                {
                    "reached": bool(reached),
                    # Of a position that reaches nothing the span is never valid; 1 keeps the number
                    # from being negative.
                    "more": max(1, len(reached)) * slots - 1,
                    "word": out * word_step,
                    # The order of taps is that of the walk (`tap_order`), so later taps lie behind
                    # this one.
                    "weight": order.index(tap) * weight_step,
                }
            )
        return table

    def _walk(self, m: Module, n, n_valid, loads) -> None:
        """Stage A: one span, a slot a cycle; then the next. The first one clears, after reset."""
        height = self._layer.post.height
        # The initial value is a span as well: CLEAR over all words, closed by no token. Memories
        # have no reset, so after a reset this sweep is what gives neurons their state at rest.
        slot = Signal.like(self.o, init={"valid": 1, "op": Op.CLEAR, "closing": 0})
        weight_word = Signal.like(self.weight)
        # Where rows begin is kept, because the end of one row does not say where the next begins:
        # the run depends on the column.
        row_word = Signal.like(slot.word)  # where the row of the slot begins
        row_weight = Signal.like(self.weight)
        run = Signal.like(n.run, init=self._row_words - 1)
        run_left = Signal.like(n.run, init=self._row_words - 1)
        rows_left = Signal.like(n.rows, init=height - 1)
        next_word = Signal.like(row_word)
        next_weight = Signal.like(row_weight)
        m.d.comb += [
            self.o.eq(slot),
            self.o.last.eq((run_left == 0) & (rows_left == 0)),
            self.weight.eq(weight_word),
            # `last` counts only with `take`: a slot that waits in front of the pipeline must not be
            # replaced.
            loads.eq(self.take & (~slot.valid | self.o.last)),
            next_word.eq(row_word + self._row_words),
            next_weight.eq(row_weight + self._row_weights),
        ]
        with m.If(loads):
            m.d.sync += [
                slot.valid.eq(n_valid),
                slot.op.eq(n.op),
                # What a span says is copied here, and nothing computed: this is no long path. All
                # sums are in S.
                slot.word.eq(n.word),
                slot.closing.eq(n.closing),
                slot.knee.eq(n.knee),
                slot.drive.eq(n.drive),
                *[slot[name].eq(n[name]) for name in self._plane],
                weight_word.eq(n.weight),
                row_word.eq(n.word),
                row_weight.eq(n.weight),
                run.eq(n.run),
                run_left.eq(n.run),
                rows_left.eq(n.rows),
            ]
        with m.Elif(self.take & (run_left == 0)):
            m.d.sync += [
                slot.word.eq(next_word),
                weight_word.eq(next_weight),
                row_word.eq(next_word),
                row_weight.eq(next_weight),
                run_left.eq(run),
                rows_left.eq(rows_left - 1),
            ]
        with m.Elif(self.take):
            m.d.sync += [
                slot.word.eq(slot.word + 1),
                # The next block's weights, or the next column's: `memory_image` puts channels
                # innermost, so both are the same distance away.
                weight_word.eq(weight_word + self._layer.channels),
                run_left.eq(run_left - 1),
            ]
