"""Neurons of a layer, `lanes` of them at a time: their state, what changes it, and their spikes.

A layer's front end (`Conv`, `Dense`) turns tokens into slots: each names one word of the state and
what to do with it. Here are the stages behind it, one slot a cycle:

    B  the weight word arrives; address the state word
    C  new potential and slope: ADD adds weights, COMPARE adds slopes to potentials, CLEAR clears
    D  write the word back; COMPARE: fire where the potential exceeds the threshold

The sum and the comparison are in two stages, because both in one cycle would set the clock. So a
word that stage B reads may still be on its way through C and D: then B waits until it is written.
A layer of one word keeps it in the registers of stage D, and never waits.
"""

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Mux, Signal, signed
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
        """thresholds: one a neuron, or, of a convolutional layer, one a filter."""
        self._layer = layer
        self._thresholds = thresholds
        self._lanes = lanes
        self._is_output = is_output
        height, width, channels = layer.post
        self._n_blocks = n_blocks(channels, lanes)
        self.n_words = height * width * self._n_blocks
        self._lane_bits = layer.potential_bits + layer.slope_bits + 1
        super().__init__(
            {
                "i": In(slot_layout(self.n_words)),
                "take": Out(1),
                "weights": In(lanes * layer.weight_bits),
                "o": Out(token_stream(layer.post, layer.potential_bits if is_output else None)),
                "ops": Out(range(lanes + 1)),
                "probe_strobe": Out(1),
                "probe_block": Out(index_bits(self.n_words)),
                "probe_word": Out(lanes * self._lane_bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        potential_bits = self._layer.potential_bits if self._is_output else None
        m.submodules.serializer = serializer = Serializer(
            self._layer.post, lanes=self._lanes, potential_bits=potential_bits
        )
        wiring.connect(m, wiring.flipped(self.o), serializer.o)

        layout = slot_layout(self.n_words)
        b, c, d = Signal(layout), Signal(layout), Signal(layout)
        advance, hold = Signal(), Signal()
        m.d.comb += [
            advance.eq(~d.valid | (d.op == Op.ADD) | serializer.empty),
            self.take.eq(advance & ~hold),
        ]
        with m.If(self.take):
            m.d.sync += b.eq(self.i)
        with m.If(advance):
            m.d.sync += [c.eq(b), c.valid.eq(b.valid & ~hold), d.eq(c)]

        written = Signal(self._lanes * self._lane_bits)  # what stage D writes back
        current = written
        if self.n_words > 1:
            m.submodules.bank = bank = StateBank(n_blocks=self.n_words, width=len(written))
            m.d.comb += [
                bank.read_en.eq(self.take & b.valid),
                bank.read_block.eq(b.word),
                bank.write_en.eq(advance & d.valid & (d.op != Op.PASS)),
                bank.write_block.eq(d.word),
                bank.write_data.eq(written),
            ]
            current = bank.read_data
            self._wait(m, b, c, advance, hold)
        held = self._integrate(m, c, advance, current, serializer)
        self._fire(m, c, d, advance, held, written, serializer)
        m.d.comb += [
            self.probe_strobe.eq(advance & c.valid & (c.op == Op.CLEAR) & c.closing),
            self.probe_block.eq(c.word),
            self.probe_word.eq(current),
        ]
        return m

    def _wait(self, m: Module, b, c, advance, hold) -> None:
        """Stage B holds while C or D has its word. Found out a cycle ahead: addresses are wide."""

        def same(later, earlier):
            both = later.valid & earlier.valid & (later.word == earlier.word)
            return both & (later.op != Op.PASS) & (earlier.op != Op.PASS)

        in_c, in_d = Signal(), Signal()
        m.d.comb += hold.eq(in_c | in_d)
        with m.If(self.take):
            m.d.sync += [in_c.eq(same(self.i, b)), in_d.eq(same(self.i, c))]
        with m.Elif(advance):
            m.d.sync += [in_c.eq(0), in_d.eq(in_c)]

    def _integrate(self, m: Module, c, advance, current, serializer):
        """Stage C: the new word, but for who fires. Returns it, registered for stage D."""
        layer, lanes = self._layer, self._lanes
        adds, compares, clears = Signal(), Signal(), Signal()
        m.d.comb += [
            adds.eq(c.valid & (c.op == Op.ADD)),
            compares.eq(c.valid & (c.op == Op.COMPARE)),
            clears.eq(c.valid & (c.op == Op.CLEAR)),
        ]
        captured = Signal(len(self.weights), reset_less=True)
        with m.If(advance):
            m.d.sync += captured.eq(self.weights)

        words, potentials = [], []
        for lane in range(lanes):
            word = current.word_select(lane, self._lane_bits)
            potential = word[: layer.potential_bits].as_signed()
            addend = self._addend(captured.word_select(lane, layer.weight_bits), adds, c.knee)
            total = Signal(signed(layer.potential_bits), name=f"total_{lane}")
            if layer.slope_bits:
                slope = word[layer.potential_bits : -1].as_signed()
                risen = Signal(signed(layer.slope_bits), name=f"risen_{lane}")
                # One bit more below: its carry makes the complement of a knee a negative number.
                carried = Cat(1, slope).as_signed() + Cat(c.knee & adds, addend).as_signed()
                m.d.comb += risen.eq(carried >> 1)
                m.d.comb += total.eq(potential + Mux(compares, slope, 0))
                words += [total, risen, word[-1]]
            else:
                m.d.comb += total.eq(potential + addend)
                words += [total, word[-1]]
            potentials.append(total)
        held = Signal(len(current), reset_less=self.n_words > 1)
        with m.If(advance):
            m.d.sync += held.eq(Mux(clears, 0, Cat(words)))
        if self._is_output:
            # Of its own, because what is cleared is still to be shown.
            shown = Signal(len(serializer.potentials), reset_less=True)
            with m.If(advance):
                m.d.sync += shown.eq(Cat(potentials))
            m.d.comb += serializer.potentials.eq(shown)
        return held

    def _addend(self, field, adds, knee):
        """A weight, signed; of a knee, -2 times it less 1; 0 if nothing is added."""
        # A binary weight is stored as its sign: Cat(1, 1) is -1, Cat(1, 0) is +1.
        weight = (Cat(1, field) if self._layer.weight_bits == 1 else field).as_signed()
        if self._layer.psp == "triangle":
            weight = Mux(knee, ~(weight << 1), weight)
        return Mux(adds, weight, 0)

    def _fire(self, m: Module, c, d, advance, held, written, serializer) -> None:
        """Stage D: who fires, what is written back, what the serializer gets."""
        layer, lanes = self._layer, self._lanes
        block, final = self._place(m, c, d, advance, serializer)
        thresholds = read_thresholds(
            m,
            self._thresholds,
            lanes=lanes,
            bits=layer.potential_bits,
            enable=advance,
            block=block,
        )
        n_last = layer.post.channels - (self._n_blocks - 1) * lanes
        compares, clears = Signal(), Signal()
        present, fires = Signal(lanes), Signal(lanes)
        m.d.comb += [
            compares.eq(d.valid & (d.op == Op.COMPARE)),
            clears.eq(d.op == Op.CLEAR),
            present.eq(Mux(final, 2**n_last - 1, 2**lanes - 1)),  # the last block is padded
            self.ops.eq(Mux(advance & d.valid & (d.op == Op.ADD), Mux(final, n_last, lanes), 0)),
        ]
        words = []
        for lane, threshold in enumerate(thresholds):
            word = held.word_select(lane, self._lane_bits)
            potential, fired = word[: layer.potential_bits].as_signed(), word[-1]
            fire = compares & (potential > threshold) & ~fired & present[lane]
            m.d.comb += fires[lane].eq(fire)
            words += [word[:-1], fired | fires[lane]]
        shown = present & (clears & d.closing & self._is_output).replicate(lanes)
        m.d.comb += [
            written.eq(Cat(words)),
            serializer.load.eq(advance & d.valid & (d.op != Op.ADD)),
            serializer.mask.eq(fires | shown),
            serializer.is_potential.eq(clears),
            serializer.close.eq(d.closing & d.last),
            serializer.close_kind.eq(Mux(clears, Kind.END_OF_SAMPLE, Kind.END_OF_STEP)),
        ]

    def _place(self, m: Module, c, d, advance, serializer):
        """Where the word of stage D is, counted, because all tokens take words in their order.

        Returns the block of the word in stage C, and whether that in stage D is a position's last.
        """
        lanes = self._lanes
        block, base = Signal(range(self._n_blocks)), Signal.like(serializer.base)
        ends, final = Signal(), Signal()
        if self._n_blocks == 1:
            m.d.comb += final.eq(1)
        else:
            m.d.comb += ends.eq(base == (self._n_blocks - 1) * lanes)
            base_of_d = Signal.like(base)
            with m.If(advance):
                m.d.sync += [base_of_d.eq(base), final.eq(ends)]
            with m.If(advance & c.valid & (c.op != Op.PASS)):
                m.d.sync += [
                    block.eq(Mux(ends, 0, block + 1)),
                    base.eq(Mux(ends, 0, base + lanes)),
                ]
            m.d.comb += serializer.base.eq(base_of_d)
        height, width, _ = self._layer.post
        if is_picture(self._layer.post):
            column, row = Signal(range(width)), Signal(range(height))
            m.d.comb += [serializer.column.eq(column), serializer.row.eq(row)]
            with m.If(advance & d.valid & (d.op != Op.ADD)):
                with m.If(final):
                    m.d.sync += column.eq(column + 1)
                    with m.If(column == width - 1):
                        m.d.sync += [column.eq(0), row.eq(row + 1)]
                with m.If(d.last):
                    m.d.sync += [column.eq(0), row.eq(0)]
        return block, final
