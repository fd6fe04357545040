"""Neurons of a layer, `lanes` of them at a time: from slots to spikes.

A layer's front end (`Conv`, `Dense`) turns tokens into slots: each names one word of the state and
what to do with it. Here are the stages behind it, one slot a cycle:

    B  the weight word arrives; address the state and the thresholds
    C  add: weights to sums (ADD), slopes to potentials (COMPARE); or start anew (CLEAR)
    D  write back; fire where the potential exceeds its threshold (COMPARE)

What the words are and how they change is in `State`, or, where neurons are reset when they fire, in
`LeakyState`. Sum and spike are two stages, because both in
one cycle would set the clock. A word that stage B is to read may then be still on its way through C
and D: B waits until it is written. A layer of one word keeps it in the registers of stage D, and
never waits.
"""

from collections.abc import Sequence

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.hdl.neurons.multi_spike import LeakyState
from hwgen.hdl.neurons.serializer import Serializer
from hwgen.hdl.neurons.single_spike import State
from hwgen.hdl.neurons.slot import Op, slot_layout
from hwgen.hdl.stream import index_bits, is_feature_map, token_stream
from hwgen.network.layers.kinds import WeightedSpec
from hwgen.protocol.memory import n_blocks
from hwgen.protocol.tokens import Kind


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
        drives: Sequence[int],
        *,
        lanes: int,
        is_output: bool = False,
    ) -> None:
        """thresholds, and drives, of a two-phase layer, or biases: one a neuron, or, of a
        convolution, one a filter.

        An output layer must have slopes, or a reset.
        """
        self._layer = layer
        self._lanes = lanes
        self._is_output = is_output
        self._n_blocks = n_blocks(layer.post.channels, lanes)
        self._state: State | LeakyState = (
            LeakyState(layer, thresholds, drives, lanes=lanes, is_output=is_output)
            if layer.neuron.fires_again
            else State(layer, thresholds, drives, lanes=lanes, is_output=is_output)
        )
        self.n_words = self._state.n_words
        super().__init__(
            {
                "i": In(slot_layout(layer, self.n_words)),
                "take": Out(1),
                "weights": In(lanes * layer.weight_bits),
                "o": Out(token_stream(layer.post, layer.potential_bits if is_output else None)),
                "ops": Out(range(lanes + 1)),
                "probe_strobe": Out(1),
                "probe_block": Out(index_bits(self.n_words)),
                "probe_word": Out(len(self._state.word)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Stages B, C and D, the state, and the serializer behind them."""
        m = Module()
        m.submodules.state = state = self._state
        m.submodules.serializer = serializer = Serializer(
            self._layer.post,
            lanes=self._lanes,
            potential_bits=self._layer.potential_bits if self._is_output else None,
        )
        wiring.connect(m, wiring.flipped(self.o), serializer.o)

        b = Signal.like(self.i)
        c = Signal.like(self.i)
        d = Signal.like(self.i)
        advance = Signal()
        hold = Signal()
        m.d.comb += [
            # Only D can be held up, by a serializer that is not empty; an ADD gives no token and
            # never is. All stages stop together, so no slot overtakes another.
            advance.eq(~d.valid | (d.op == Op.ADD) | serializer.empty),
            self.take.eq(advance & ~hold),
        ]
        with m.If(self.take):
            # B takes a slot only with `take`: while it waits for a word, `advance` still empties C
            # and D behind it, or it would wait for ever.
            m.d.sync += b.eq(self.i)
        with m.If(advance):
            # A slot that B holds back goes on as an empty one. Only `valid` is withheld; the rest
            # costs no gate.
            m.d.sync += [c.eq(b), c.valid.eq(b.valid & ~hold), d.eq(c)]
        # One word is in registers, which C changes and reads in the same stage: nothing to wait
        # for.
        if self.n_words > 1:
            self._wait(m, b, c, advance, hold)

        block, final = self._place(m, b, d, advance, serializer)
        m.d.comb += [
            state.advance.eq(advance),
            state.take.eq(self.take),
            state.b.eq(b),
            state.c.eq(c),
            state.d.eq(d),
            state.block.eq(block),
            state.weights.eq(self.weights),
            self.probe_strobe.eq(advance & c.valid & (c.op == Op.CLEAR) & c.closing),
            self.probe_block.eq(c.word),
            self.probe_word.eq(state.word),
        ]
        self._fire(m, d, advance, state, final, serializer)
        return m

    def _wait(self, m: Module, b, c, advance, hold) -> None:
        """Stage B holds while C or D has its word. Found out a cycle ahead: addresses are wide."""

        def same(later, earlier):
            both = later.valid & earlier.valid & (later.word == earlier.word)
            # A PASS names a word, but neither reads nor writes it.
            return both & (later.op != Op.PASS) & (earlier.op != Op.PASS)

        in_c = Signal()
        in_d = Signal()
        # Two flip-flops in place of two comparators of addresses: `hold` gates the whole front end,
        # and must be early in the cycle.
        m.d.comb += hold.eq(in_c | in_d)
        with m.If(self.take):
            # What is in B and C now is in C and D when the new slot is in B: so the comparison is a
            # cycle ahead.
            m.d.sync += [in_c.eq(same(self.i, b)), in_d.eq(same(self.i, c))]
        with m.Elif(advance):
            # While B waits, nothing new enters C. The word in D has been written when D moves on,
            # so two cycles are the longest wait.
            m.d.sync += [in_c.eq(0), in_d.eq(in_c)]

    def _fire(self, m: Module, d, advance, state, final, serializer) -> None:
        """Stage D: who fires, and what the serializer gets."""
        lanes = self._lanes
        n_last = self._layer.post.channels - (self._n_blocks - 1) * lanes
        compares = Signal()
        clears = Signal()
        present = Signal(lanes)
        m.d.comb += [
            compares.eq(
                # In the steps of its input a two-phase layer integrates and does not fire
                # (contract, section 4).
                d.valid & (d.op == Op.COMPARE) & (d.drive | (not self._layer.neuron.two_phase))
            ),
            clears.eq(d.op == Op.CLEAR),
            present.eq(Mux(final, 2**n_last - 1, 2**lanes - 1)),  # the last block is padded
            # Lanes of padding hold a potential, too, and could exceed: `present` keeps them silent.
            state.fires.eq(state.exceeds & ~state.fired & present & compares.replicate(lanes)),
            self.ops.eq(Mux(advance & d.valid & (d.op == Op.ADD), Mux(final, n_last, lanes), 0)),
        ]
        shown = present & (clears & d.closing & self._is_output).replicate(lanes)
        m.d.comb += [
            # `load` comes for PASS as well: its END_OF_STEP must come out like any other.
            serializer.load.eq(advance & d.valid & (d.op != Op.ADD)),
            serializer.mask.eq(state.fires | shown),
            serializer.is_potential.eq(clears),
            # The token that closes follows the last word of a sweep, so it comes behind all spikes
            # of the step.
            serializer.close.eq(d.closing & d.last),
            serializer.close_kind.eq(Mux(clears, Kind.END_OF_SAMPLE, Kind.END_OF_STEP)),
        ]
        if self._is_output:
            m.d.comb += serializer.potentials.eq(state.potentials)

    def _place(self, m: Module, b, d, advance, serializer):
        """Where words are, counted, because all tokens take them in their order.

        Returns the block of the word in stage B, and whether that in stage D is a position's last.
        """
        block = Signal(index_bits(self._n_blocks))
        final = Signal()
        if self._n_blocks == 1:
            m.d.comb += final.eq(1)
        else:
            # The index of lane 0 is counted in B and carried along to D. To compute it in D from
            # the word would take a multiplier, or a remainder.
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
            # A slot of ADD visits the blocks of a position in order, too, and all of them, so the
            # count is right without a look at the address.
            with m.If(self.take & b.valid & (b.op != Op.PASS)):
                m.d.sync += [
                    block.eq(Mux(ends, 0, block + 1)),
                    base.eq(Mux(ends, 0, base + self._lanes)),
                ]
        if is_feature_map(self._layer.post):
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
            # Counted, not computed from the word: a division by the width would be needed for it.
            m.d.sync += column.eq(column + 1)
            with m.If(column == width - 1):
                m.d.sync += [column.eq(0), row.eq(row + 1)]
        with m.If(sweeps & last):
            # The width need not be a power of two, so the counters do not come back to 0 by
            # themselves.
            m.d.sync += [column.eq(0), row.eq(0)]
