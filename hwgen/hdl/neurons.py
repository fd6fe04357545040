"""Neurons of a layer, `lanes` of them at a time: their state, what changes it, and their spikes.

A layer's front end (`Conv`, `Dense`) turns tokens into slots: each names one word of the state and
what to do with it. Here are the stages behind it, one slot a cycle:

    B  the weight word arrives; address the state and the thresholds
    C  add: weights to sums (ADD), slopes to potentials (COMPARE); or start anew (CLEAR)
    D  write back; fire where the potential has exceeded its threshold (COMPARE)

Three things keep this small and fast.

A potential is stored less its threshold and less 1, so it has exceeded the threshold when it is not
negative: no comparator. So at rest it is not 0, but the complement of the threshold.

What ADD changes (slopes; with the step PSP, which has none, potentials) and what COMPARE changes
(potentials and who has fired) are two memories. So neither adder needs to be told not to add:
its result is not written.

Sum and spike are two stages, because both in one cycle would set the clock. A word that stage B is
to read may then be still on its way through C and D: B waits until it is written. A layer of one
word keeps it in the registers of stage D, and never waits.
"""

from collections.abc import Sequence
from typing import NamedTuple

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, enum, wiring
from amaranth.lib.wiring import In, Out

from hwgen.events import Kind
from hwgen.hdl.bank import StateBank
from hwgen.hdl.serializer import Serializer
from hwgen.hdl.stream import index_bits, is_picture, token_stream
from hwgen.hdl.thresholds import read_thresholds
from hwgen.pack import n_blocks
from hwgen.spec import WeightedSpec


class Op(enum.Enum, shape=2):  # type: ignore[call-arg]
    """What a slot of the pipeline does with its word."""

    ADD = 0  # add the weight word: to the potentials (step PSP), or to the slopes
    COMPARE = 1  # the end of a step: fire where the potential exceeds the threshold
    CLEAR = 2  # back to the state at rest
    PASS = 3  # nothing: the end of a step in which no potential has changed


def slot_layout(n_words: int) -> data.StructLayout:
    """A slot: `last` of those of its token; `closing`, if that passes a token on (reset: none);
    `knee`, if weights count -2 times."""
    return data.StructLayout(
        {"valid": 1, "op": Op, "word": index_bits(n_words), "last": 1, "closing": 1, "knee": 1}
    )


class _State(NamedTuple):
    """A word: what ADD changes; with slopes, potentials less thresholds; who has fired."""

    sums: Value
    potentials: Value
    fired: Value


class Neurons(wiring.Component):
    """Stages B to D. Words of the state are in the order of positions, and, of each, of blocks.

    Members: the slot at `i` has been taken when `take` is high, and its weight word must be at
    `weights` from the next cycle until the next `take`. `o` gives the layer's tokens, in ascending
    index within a step. With `is_output`, tokens carry the potential, and before END_OF_SAMPLE the
    potential of every neuron comes out. `ops` is the number of weights added in this cycle. While
    `probe_strobe` is high, `probe_word` is the state word `probe_block` as it is cleared at the end
    of a sample; per lane, from bit 0: potential, slope (if there is one), fired. It is for test
    benches; unconnected, it costs nothing.
    """

    def __init__(
        self,
        layer: WeightedSpec,
        thresholds: Sequence[int],
        *,
        lanes: int,
        is_output: bool = False,
    ) -> None:
        """thresholds: one a neuron, or, of a convolutional layer, one a filter.

        An output layer must have slopes.
        """
        self._layer = layer
        self._thresholds = thresholds
        self._lanes = lanes
        self._is_output = is_output
        height, width, channels = layer.post
        self._n_blocks = n_blocks(channels, lanes)
        self.n_words = height * width * self._n_blocks
        self._bits = layer.potential_bits + 1  # of a potential less its threshold
        self._has_slope = layer.slope_bits > 0
        self._sum_bits = layer.slope_bits or self._bits
        probe_bits = layer.potential_bits + layer.slope_bits + 1
        super().__init__(
            {
                "i": In(slot_layout(self.n_words)),
                "take": Out(1),
                "weights": In(lanes * layer.weight_bits),
                "o": Out(token_stream(layer.post, layer.potential_bits if is_output else None)),
                "ops": Out(range(lanes + 1)),
                "probe_strobe": Out(1),
                "probe_block": Out(index_bits(self.n_words)),
                "probe_word": Out(lanes * probe_bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        lanes, layout = self._lanes, slot_layout(self.n_words)
        potential_bits = self._layer.potential_bits if self._is_output else None
        m.submodules.serializer = serializer = Serializer(
            self._layer.post, lanes=lanes, potential_bits=potential_bits
        )
        wiring.connect(m, wiring.flipped(self.o), serializer.o)

        b = Signal(layout)
        c = Signal(layout)
        d = Signal(layout)
        advance = Signal()
        hold = Signal()
        m.d.comb += [
            advance.eq(~d.valid | (d.op == Op.ADD) | serializer.empty),
            self.take.eq(advance & ~hold),
        ]
        with m.If(self.take):
            m.d.sync += b.eq(self.i)
        with m.If(advance):
            m.d.sync += [c.eq(b), c.valid.eq(b.valid & ~hold), d.eq(c)]
        if self.n_words > 1:
            self._wait(m, b, c, advance, hold)

        block, final = self._place(m, b, d, advance, serializer)
        rests = read_thresholds(
            m,
            [~threshold for threshold in self._thresholds],
            lanes=lanes,
            bits=self._bits,
            enable=self.take,
            block=block,
        )
        # An ECP5 sets registers to their initial value only: so that is the rest, if constant.
        is_constant = all(isinstance(rest, Const) for rest in rests)
        initial = Const.cast(Cat(rests)).value if is_constant else 0
        if self._has_slope:
            sums = Signal(lanes * self._sum_bits, reset_less=True)
            potentials = Signal(lanes * self._bits, init=initial, reset_less=True)
        else:
            sums = Signal(lanes * self._bits, init=initial, reset_less=True)
            potentials = Signal(0)
        written = _State(sums, potentials, Signal(lanes))
        found = self._store(m, b, d, advance, written) if self.n_words > 1 else written
        reached, held = self._add(m, c, advance, found, written, rests, serializer)
        self._fire(m, d, advance, reached, held, written, final, serializer)
        self._show(m, c, advance, found, rests)
        return m

    def _wait(self, m: Module, b, c, advance, hold) -> None:
        """Stage B holds while C or D has its word. Found out a cycle ahead: addresses are wide."""

        def same(later, earlier):
            both = later.valid & earlier.valid & (later.word == earlier.word)
            return both & (later.op != Op.PASS) & (earlier.op != Op.PASS)

        in_c = Signal()
        in_d = Signal()
        m.d.comb += hold.eq(in_c | in_d)
        with m.If(self.take):
            m.d.sync += [in_c.eq(same(self.i, b)), in_d.eq(same(self.i, c))]
        with m.Elif(advance):
            m.d.sync += [in_c.eq(0), in_d.eq(in_c)]

    def _store(self, m: Module, b, d, advance, written: _State) -> _State:
        """The memories, read from stage B to stage C, written from stage D."""
        after = Cat(written.potentials, written.fired)
        m.submodules.sums = sums = StateBank(n_blocks=self.n_words, width=len(written.sums))
        m.submodules.fired = fired = StateBank(n_blocks=self.n_words, width=len(after))
        for bank, word, op in ((sums, written.sums, Op.ADD), (fired, after, Op.COMPARE)):
            m.d.comb += [
                bank.read_en.eq(self.take & b.valid),
                bank.read_block.eq(b.word),
                bank.write_en.eq(advance & d.valid & ((d.op == op) | (d.op == Op.CLEAR))),
                bank.write_block.eq(d.word),
                bank.write_data.eq(word),
            ]
        n = len(written.potentials)
        return _State(sums.read_data, fired.read_data[:n], fired.read_data[n:])

    def _add(self, m: Module, c, advance, found, written, rests, serializer):
        """Stage C: new sums and potentials, in registers for stage D.

        Returns, for stage D, which lanes have exceeded their threshold, and which had fired before.
        """
        compares = Signal()
        clears = Signal()
        captured = Signal(len(self.weights), reset_less=True)
        reached = Signal(self._lanes, reset_less=True)
        held = Signal(self._lanes)
        m.d.comb += [
            compares.eq(c.valid & (c.op == Op.COMPARE)),
            clears.eq(c.valid & (c.op == Op.CLEAR)),
        ]
        sums, potentials, exceeds = [], [], []
        for lane in range(self._lanes):
            weight = captured.word_select(lane, self._layer.weight_bits)
            before = found.sums.word_select(lane, self._sum_bits).as_signed()
            sums.append(self._plus_weight(before, weight, c.knee))
            potential = before
            if self._has_slope:
                start = found.potentials.word_select(lane, self._bits).as_signed()
                # The output layer shows its potentials when it is cleared, too.
                slope = Mux(compares, before, 0) if self._is_output else before
                potential = Signal(signed(self._bits), name=f"potential_{lane}")
                m.d.comb += potential.eq(start + slope)
            potentials.append(potential)
            exceeds.append(~potential[-1])
        with m.If(advance):
            m.d.sync += [captured.eq(self.weights), reached.eq(Cat(exceeds)), held.eq(found.fired)]
        with m.If(advance & clears):
            m.d.sync += held.eq(0)
        with m.If(advance & clears):
            m.d.sync += written.sums.eq(0 if self._has_slope else Cat(rests))
        with m.Elif(advance & c.valid & (c.op == Op.ADD)):
            m.d.sync += written.sums.eq(Cat(sums))
        if self._has_slope:
            with m.If(advance & clears):
                m.d.sync += written.potentials.eq(Cat(rests))
            with m.Elif(advance & compares):
                m.d.sync += written.potentials.eq(Cat(potentials))
        if self._is_output:
            self._show_output(m, advance, potentials, rests, serializer)
        return reached, held

    def _show_output(self, m: Module, advance, potentials, rests, serializer) -> None:
        """Potentials for the serializer, in stage D, where CLEAR does not write them back."""
        shown = []
        for lane, (potential, rest) in enumerate(zip(potentials, rests, strict=True)):
            above, rest_of_d = Signal.like(potential, name=f"above_{lane}"), rest
            with m.If(advance):
                m.d.sync += above.eq(potential)
            if not isinstance(rest, Const):
                rest_of_d = Signal.like(rest, name=f"rest_{lane}")
                with m.If(advance):
                    m.d.sync += rest_of_d.eq(rest)
            shown.append((above - rest_of_d)[: self._layer.potential_bits])
        m.d.comb += serializer.potentials.eq(Cat(shown))

    def _plus_weight(self, before, field, knee):
        """The sum with a weight, or, at a knee, with -2 times it; as wide as `before`."""
        # A binary weight is stored as its sign: Cat(1, 1) is -1, Cat(1, 0) is +1.
        weight = (Cat(1, field) if self._layer.weight_bits == 1 else field).as_signed()
        if self._layer.psp == "triangle":
            # -2 w is the complement of 2 w, and 1: the carry of one more bit below.
            weight = Mux(knee, ~(weight << 1), weight)
            total = Cat(1, before).as_signed() + Cat(knee, weight).as_signed()
            return total[1 : 1 + len(before)]
        return (before + weight)[: len(before)]

    def _fire(self, m: Module, d, advance, reached, held, written, final, serializer) -> None:
        """Stage D: who fires, and what the serializer gets."""
        lanes = self._lanes
        n_last = self._layer.post.channels - (self._n_blocks - 1) * lanes
        compares = Signal()
        clears = Signal()
        present = Signal(lanes)
        fires = Signal(lanes)
        m.d.comb += [
            compares.eq(d.valid & (d.op == Op.COMPARE)),
            clears.eq(d.op == Op.CLEAR),
            present.eq(Mux(final, 2**n_last - 1, 2**lanes - 1)),  # the last block is padded
            fires.eq(reached & ~held & present & compares.replicate(lanes)),
            written.fired.eq(held | fires),
            self.ops.eq(Mux(advance & d.valid & (d.op == Op.ADD), Mux(final, n_last, lanes), 0)),
        ]
        shown = present & (clears & d.closing & self._is_output).replicate(lanes)
        m.d.comb += [
            serializer.load.eq(advance & d.valid & (d.op != Op.ADD)),
            serializer.mask.eq(fires | shown),
            serializer.is_potential.eq(clears),
            serializer.close.eq(d.closing & d.last),
            serializer.close_kind.eq(Mux(clears, Kind.END_OF_SAMPLE, Kind.END_OF_STEP)),
        ]

    def _show(self, m: Module, c, advance, found, rests) -> None:
        """The probe, in stage C."""
        fields = []
        for lane, rest in enumerate(rests):
            total = found.sums.word_select(lane, self._sum_bits)
            above, slope = total, []
            if self._has_slope:
                above, slope = found.potentials.word_select(lane, self._bits), [total]
            potential = (above.as_signed() - rest)[: self._layer.potential_bits]
            fields += [potential, *slope, found.fired[lane]]
        m.d.comb += [
            self.probe_strobe.eq(advance & c.valid & (c.op == Op.CLEAR) & c.closing),
            self.probe_block.eq(c.word),
            self.probe_word.eq(Cat(fields)),
        ]

    def _place(self, m: Module, b, d, advance, serializer):
        """Where words are, counted, because all tokens take them in their order.

        Returns the block of the word in stage B, and whether that in stage D is a position's last.
        """
        block = Signal(range(self._n_blocks))
        final = Signal()
        if self._n_blocks == 1:
            m.d.comb += final.eq(1)
        else:
            base = Signal.like(serializer.base)
            base_of_c = Signal.like(serializer.base)
            base_of_d = Signal.like(serializer.base)
            ends = Signal()
            ends_in_c = Signal()
            m.d.comb += [
                ends.eq(block == self._n_blocks - 1),
                serializer.base.eq(base_of_d),
            ]
            with m.If(advance):
                m.d.sync += [
                    base_of_c.eq(base),
                    ends_in_c.eq(ends),
                    base_of_d.eq(base_of_c),
                    final.eq(ends_in_c),
                ]
            with m.If(self.take & b.valid & (b.op != Op.PASS)):
                m.d.sync += [
                    block.eq(Mux(ends, 0, block + 1)),
                    base.eq(Mux(ends, 0, base + self._lanes)),
                ]
        if is_picture(self._layer.post):
            self._count_positions(
                m, advance & d.valid & (d.op != Op.ADD), d.last, final, serializer
            )
        return block, final

    def _count_positions(self, m: Module, sweeps, last, final, serializer) -> None:
        """Row and column of the word in stage D. Only a sweep over all words needs them."""
        height, width, _ = self._layer.post
        column = Signal(range(width))
        row = Signal(range(height))
        m.d.comb += [serializer.column.eq(column), serializer.row.eq(row)]
        with m.If(sweeps & final):
            m.d.sync += column.eq(column + 1)
            with m.If(column == width - 1):
                m.d.sync += [column.eq(0), row.eq(row + 1)]
        with m.If(sweeps & last):
            m.d.sync += [column.eq(0), row.eq(0)]
