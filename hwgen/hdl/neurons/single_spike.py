"""The state of a layer's neurons, a word of `lanes` of them at a time, and what changes it.

A potential is stored less its threshold and less 1, so it has exceeded the threshold when it is not
negative: no comparator. So at rest it is not 0, but the complement of the threshold.

What ADD changes (slopes; with the step PSP, which has none, potentials) and what COMPARE changes
(potentials and who has fired) are two memories. So neither adder needs to be told not to add:
its result is not written.
"""

from collections.abc import Sequence
from typing import NamedTuple

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring

from hwgen.hdl.memory.bank import StateBank
from hwgen.hdl.memory.constants import read_constants
from hwgen.hdl.memory.lane_words import signed_weight, times_plane
from hwgen.hdl.neurons.slot import Op, n_state_words, state_members
from hwgen.network.layers.kinds import WeightedSpec


class _Word(NamedTuple):
    """All lanes: what ADD changes; with slopes, potentials less thresholds; who has fired."""

    sums: Value
    potentials: Value
    fired: Value


class State(wiring.Component):
    """Read from stage B to C, changed from C to D, written back from D; see `Neurons`.

    Members: `b`, `c` and `d` are the slots in these stages. The first moves on with `take`, the
    others with `advance`. `block` is that of the word in stage B, among those of its position.
    `weights` are those of stage B. Of the slot in stage D: `exceeds` says which potentials exceed
    their threshold, if it is a COMPARE, `fired` who had fired before, and `fires`, from outside,
    who fires now; `potentials`, only with `is_output`, are those at COMPARE and before CLEAR.
    `word` is what stage C has found; per lane, from bit 0: potential, slope (if any), fired.
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
        """thresholds, and drives, of a two-phase layer, or biases, of one that has some: one a
        neuron, or, of a convolution, one a filter.

        An output layer must have slopes.

        Raises ValueError for an output layer without slopes. lanes: neurons a word; the last word
        of a position may be padded.
        """
        if is_output and not layer.slope_bits:
            raise ValueError("an output layer without slopes: its potentials are not kept apart")
        self._layer = layer
        self._rests = [~threshold for threshold in thresholds]
        self._drives = drives
        self._lanes = lanes
        self._is_output = is_output
        self.n_words = n_state_words(layer, lanes)
        self._has_slope = layer.slope_bits > 0
        self._bits = layer.potential_bits + 1  # of a potential less its threshold
        self._sum_bits = layer.slope_bits or self._bits
        super().__init__(state_members(layer, lanes=lanes, is_output=is_output))

    def elaborate(self, platform: object) -> Module:
        """The state, its change from stage C to D, and what the stages show."""
        m = Module()
        # The complement is minus the threshold, minus 1: the sum of it and V is not negative
        # exactly where V > threshold (decision 0007). So strictness costs nothing.
        rests = self._constants(m, "thresholds", self._rests, self._bits)
        # An ECP5 sets registers to their initial value only: so that is the rest, if constant.
        is_constant = all(isinstance(rest, Const) for rest in rests)
        initial = Const.cast(Cat(rests)).value if is_constant else 0
        if self._has_slope:
            sums = Signal(self._lanes * self._sum_bits, reset_less=True)
            potentials = Signal(self._lanes * self._bits, init=initial, reset_less=True)
        else:
            sums = Signal(self._lanes * self._bits, init=initial, reset_less=True)
            potentials = Const(0, 0)
        # `fires` is known in D only, so it joins the word on its way to memory. A word that is read
        # again before that would fire twice; `Neurons` makes stage B wait for it.
        written = _Word(sums, potentials, self.fired | self.fires)
        found = self._store(m, written) if self.n_words > 1 else written
        self._change(m, found, written, rests)
        self._show(m, found, rests)
        return m

    def _constants(self, m: Module, name: str, values: Sequence[int], bits: int):
        """Those of the word in stage C."""
        return read_constants(
            m, name, values, lanes=self._lanes, bits=bits, enable=self.take, block=self.block
        )

    def _store(self, m: Module, written: _Word) -> _Word:
        """The memories. Returns the word read."""
        # Who has fired lies beside what COMPARE changes: no other slot needs to write it, but
        # CLEAR.
        after = Cat(written.potentials, written.fired)
        m.submodules.sum_bank = sums = StateBank(n_blocks=self.n_words, width=len(written.sums))
        m.submodules.spike_bank = spikes = StateBank(n_blocks=self.n_words, width=len(after))
        for bank, word, op in ((sums, written.sums, Op.ADD), (spikes, after, Op.COMPARE)):
            # Both adders work in each slot; the one whose result is not wanted is not written. To
            # gate it would cost some 10 LUTs a lane.
            writes = (self.d.op == op) | (self.d.op == Op.CLEAR)
            m.d.comb += [
                bank.read_en.eq(self.take & self.b.valid),
                bank.read_block.eq(self.b.word),
                bank.write_en.eq(self.advance & self.d.valid & writes),
                bank.write_block.eq(self.d.word),
                bank.write_data.eq(word),
            ]
        n = len(written.potentials)
        return _Word(sums.read_data, spikes.read_data[:n], spikes.read_data[n:])

    def _change(self, m: Module, found: _Word, written: _Word, rests) -> None:
        """Stage C to D: the new word, but for who fires."""
        does = {op: self.advance & self.c.valid & (self.c.op == op) for op in Op}
        plane = self.b.plane if self._layer.input_bits else None
        weights, weight_bits = times_plane(self.weights, self._layer, self._lanes, plane)
        captured = Signal(len(weights), reset_less=True)
        with m.If(self.advance):
            # Weights come from memory in stage B, and are registered here: else the way from the
            # block through the adder would be one cycle.
            m.d.sync += [captured.eq(weights), self.fired.eq(found.fired)]
        with m.If(does[Op.CLEAR]):
            # Who has fired is forgotten. A later assignment wins over the one above.
            m.d.sync += self.fired.eq(0)

        sums, potentials = [], []
        if self._layer.neuron.two_phase:
            drives = self._constants(m, "drives", self._drives, self._sum_bits)
        for lane in range(self._lanes):
            weight = signed_weight(captured.word_select(lane, weight_bits), weight_bits)
            before = found.sums.word_select(lane, self._sum_bits).as_signed()
            sums.append(self._plus_weight(before, weight))
            if self._has_slope:
                start = found.potentials.word_select(lane, self._bits).as_signed()
                # CLEAR comes here, too, if potentials are shown.
                slope = Mux(does[Op.COMPARE], before, 0) if self._is_output else before
                if self._layer.neuron.two_phase:
                    # A two-phase layer adds its slope in the steps of its input, its drive
                    # in its own: one adder for both.
                    slope = Mux(self.c.drive, drives[lane], before)
                # No carry is lost: `potential_bits` bounds every potential (contract, section 1),
                # and one bit more bounds it less its threshold.
                potentials.append((start + slope)[: self._bits])
        # Read outside of the condition: a memory of biases is read a cycle ahead.
        at_rest = self._begins(m) if self._has_slope else Cat(rests)
        with m.If(does[Op.CLEAR]):
            # Without slopes the potential itself is what ADD changes, and it rests at the
            # complement.
            m.d.sync += written.sums.eq(at_rest)
        with m.Elif(does[Op.ADD]):
            m.d.sync += written.sums.eq(Cat(sums))

        if self._has_slope:
            with m.If(does[Op.CLEAR]):
                m.d.sync += written.potentials.eq(Cat(rests))
            with m.Elif(does[Op.COMPARE]):
                m.d.sync += written.potentials.eq(Cat(potentials))
            m.d.comb += self.exceeds.eq(~self._signs(written.potentials))
        else:  # a COMPARE finds the potentials as they are, and writes none
            below = Signal(self._lanes, reset_less=True)
            with m.If(self.advance):
                m.d.sync += below.eq(self._signs(found.sums))
            m.d.comb += self.exceeds.eq(~below)
        if self._is_output:
            self._show_output(m, potentials, rests)

    def _begins(self, m: Module):
        """The slopes of a sample that begins: biases, if there are any, else 0."""
        if not self._layer.neuron.has_bias:
            return 0
        biases = self._constants(m, "biases", self._drives, self._layer.bias_bits)
        wide = [(bias + Const(0, signed(self._sum_bits)))[: self._sum_bits] for bias in biases]
        return Cat(wide)

    def _signs(self, potentials):
        return Cat(potentials.word_select(lane, self._bits)[-1] for lane in range(self._lanes))

    def _plus_weight(self, before, weight):
        """The sum with a weight, or, at a knee, with -2 times it; as wide as `before`."""
        if self._layer.neuron.has_knee:
            # -2 w is the complement of 2 w, and 1: the carry of one more bit below.
            weight = Mux(self.c.knee, ~(weight << 1), weight)
            # With the bit below: 1 + 1 carries into the sum at a knee, 1 + 0 does not. One carry
            # chain does what an adder and an increment would.
            total = Cat(1, before).as_signed() + Cat(self.c.knee, weight).as_signed()
            return total[1 : 1 + len(before)]
        return (before + weight)[: len(before)]

    def _show_output(self, m: Module, potentials, rests) -> None:
        """Registers of their own in stage D, because CLEAR does not write back what it shows."""
        shown = []
        for lane, (potential, rest) in enumerate(zip(potentials, rests, strict=True)):
            above = Signal(signed(self._bits), name=f"above_{lane}")
            rest_of_d = rest
            with m.If(self.advance):
                m.d.sync += above.eq(potential)
            # Thresholds from memory belong to the word in C. In D the next word's would be there
            # already.
            if not isinstance(rest, Const):
                rest_of_d = Signal(signed(self._bits), name=f"rest_{lane}")
                with m.If(self.advance):
                    m.d.sync += rest_of_d.eq(rest)
            # The readout compares true potentials, which may have different thresholds, so the
            # threshold is put back: on output layers only.
            shown.append((above - rest_of_d)[: self._layer.potential_bits])
        m.d.comb += self.potentials.eq(Cat(shown))

    def _show(self, m: Module, found: _Word, rests) -> None:
        fields = []
        for lane, rest in enumerate(rests):
            above, slope = found.sums.word_select(lane, self._sum_bits), []
            if self._has_slope:
                above, slope = found.potentials.word_select(lane, self._bits), [above]
            potential = (above.as_signed() - rest)[: self._layer.potential_bits]
            fields += [potential, *slope, found.fired[lane]]
        m.d.comb += self.word.eq(Cat(fields))
