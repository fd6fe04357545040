"""The state of neurons that fire in each step in which they exceed their threshold, and leak.

As in `State`, a slot changes its word from stage C to D, all lanes at once. There is one memory, of
potentials alone, because both ADD and COMPARE change them; and potentials are stored as they are,
because the leak needs them so:

    ADD      v + (weight << fraction_bits)
    COMPARE  v - leak(v), or, of those that exceed, 0 or the same of v - threshold

A layer that takes values has a second memory, of currents: there ADD changes a current, and COMPARE
adds that to v first. Here leak(v) is v * leak_times >> leak_shift, v has its bias, if there is one,
and a leak before the reset is of v, and not of v - threshold. One adder does both. With reset to
zero comparison and leak go side by side; by subtraction the leak has to wait for the comparison, so
that is the slower of the two.
"""

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring

from hwgen.hdl.memory.bank import StateBank
from hwgen.hdl.memory.constants import read_constants
from hwgen.hdl.memory.lane_words import signed_weight, times_plane
from hwgen.hdl.neurons.leak import leak
from hwgen.hdl.neurons.slot import Op, n_state_words, state_members
from hwgen.network.layers.kinds import WeightedSpec
from hwgen.network.layers.neurons import Lif


class LeakyState(wiring.Component):
    """Members as in `State`. `fired` is 0: who has fired before may fire again.

    TT-LBPTT's neuron (Guo et al., Front. Neurosci. 17:1047008, 2023), with its leak at the end of a
    step (decision 0009). `word` is as in `State`, without a slope.
    """

    def __init__(
        self,
        layer: WeightedSpec,
        thresholds: Sequence[int],
        biases: Sequence[int] = (),
        *,
        lanes: int,
        is_output: bool = False,
    ) -> None:
        """thresholds, and biases, if the layer has some: one a neuron, or, of a convolutional
        layer, one a filter.

        lanes: neurons a word. The layer's neuron must be a `Lif`, with reset "zero" or "subtract".
        """
        assert isinstance(layer.neuron, Lif)
        self._layer, self._neuron = layer, layer.neuron
        self._thresholds, self._biases = thresholds, biases
        self._lanes = lanes
        self._is_output = is_output
        self.n_words = n_state_words(layer, lanes)
        self._bits = layer.potential_bits
        super().__init__(state_members(layer, lanes=lanes, is_output=is_output))

    def elaborate(self, platform: object) -> Module:
        """Memories, or registers, of potentials, and of currents, if inputs bring values; and
        their change from stage C to D."""
        m = Module()
        thresholds = self._constants(m, "thresholds", self._thresholds, self._bits)
        biases = (
            self._constants(m, "biases", self._biases, self._layer.bias_bits)
            if self._neuron.has_bias
            else [None] * self._lanes
        )
        written = Signal(self._lanes * self._bits, reset_less=True)
        bank = self._store(m, "bank", written, self._unmoved)
        found = bank.read_data if bank else written
        potentials = [found.word_select(lane, self._bits) for lane in range(self._lanes)]
        plane = self.b.plane if self._neuron.takes_values else None
        incoming, bits = times_plane(self.weights, self._layer, self._lanes, plane)
        captured = Signal(len(incoming), reset_less=True)
        fields = [captured.word_select(lane, bits) for lane in range(self._lanes)]
        weights = [signed_weight(field, bits) for field in fields]
        currents = self._currents(m, weights) if self._neuron.takes_values else [None] * self._lanes
        constants = [*zip(thresholds, biases, currents, strict=True)]
        exceeds = self._change(m, potentials, weights, constants, written)
        with m.If(self.advance):
            # `exceeds` is of before the reset: it says who fires in stage D, when the potential is
            # reset already.
            m.d.sync += [captured.eq(incoming), self.exceeds.eq(Cat(exceeds))]
        # The 0 is the place of `fired`: a probe reads all layers alike.
        m.d.comb += self.word.eq(
            Cat(
                Cat(potential, *([] if current is None else [current]), 0)
                for potential, current in zip(potentials, currents, strict=True)
            )
        )
        if self._is_output:
            with m.If(self.advance):
                m.d.sync += self.potentials.eq(found)
        return m

    @property
    def _unmoved(self):
        """What leaves potentials as they are. ADD changes the currents, where there are some."""
        return (Op.PASS, Op.ADD) if self._neuron.takes_values else (Op.PASS,)

    def _constants(self, m: Module, name: str, values: Sequence[int], bits: int):
        """One signed value a lane."""
        shape = {"lanes": self._lanes, "bits": bits}
        return read_constants(m, name, values, **shape, enable=self.take, block=self.block)

    def _store(self, m: Module, name: str, written, unmoved: Sequence[Op]):
        """A memory of words as `written`, which the ops `unmoved` do not change; None, if there is
        one word: `written` is its register."""
        if self.n_words == 1:
            return None
        m.submodules[name] = bank = StateBank(n_blocks=self.n_words, width=len(written))
        m.d.comb += [
            bank.read_en.eq(self.take & self.b.valid),
            bank.read_block.eq(self.b.word),
            bank.write_en.eq(self._is_any_but(unmoved, self.d)),
            bank.write_block.eq(self.d.word),
            bank.write_data.eq(written),
        ]
        return bank

    def _is_any_but(self, ops: Sequence[Op], slot):
        """Whether a slot moves on in this cycle that is of none of these ops."""
        moves = self.advance & slot.valid
        for op in ops:
            moves &= slot.op != op
        return moves

    def _currents(self, m: Module, weights):
        """What values bring in each step: sums of weights, which no COMPARE changes. Returns those
        of the slot in stage C."""
        bits = self._layer.slope_bits
        written = Signal(self._lanes * bits, reset_less=True)
        bank = self._store(m, "currents", written, (Op.PASS, Op.COMPARE))
        found = bank.read_data if bank else written
        currents = [found.word_select(lane, bits).as_signed() for lane in range(self._lanes)]
        changes = self.advance & self.c.valid
        with m.If(changes & (self.c.op == Op.CLEAR)):
            m.d.sync += written.eq(0)
        with m.Elif(changes & (self.c.op == Op.ADD)):
            sums = (
                (current + weight)[:bits] for current, weight in zip(currents, weights, strict=True)
            )
            m.d.sync += written.eq(Cat(sums))
        return currents

    def _change(self, m: Module, potentials, weights, constants, written) -> list[Signal]:
        """Stage C to D. constants: threshold, bias and current, or None, of each lane. Returns who
        exceeds."""
        neuron = self._neuron
        adds, moves = Signal(), Signal()
        m.d.comb += [
            adds.eq(0 if neuron.takes_values else self.c.op == Op.ADD),
            # CLEAR is a move as well: its zero is the reset of the registers below.
            moves.eq(self._is_any_but(self._unmoved, self.c)),
        ]
        exceeds = []
        for lane, (potential, weight, (threshold, bias, current)) in enumerate(
            zip(potentials, weights, constants, strict=True)
        ):
            before = potential.as_signed()
            if current is not None:
                # No ADD comes here, so nothing has to be chosen.
                flow = Cat(Const(0, neuron.fraction_bits), current).as_signed()
                before = (before + flow)[: self._bits].as_signed()
            if bias is not None:
                # Once a step, in the sweep that compares; nothing is lost: the width has room.
                before = Mux(adds, before, (before + bias)[: self._bits].as_signed()).as_signed()
            if neuron.fraction_bits:
                weight = Cat(Const(0, neuron.fraction_bits), weight).as_signed()
            above = Signal(name=f"above_{lane}")
            # A comparator, and no sign bit as in `State`: the leak needs the potential itself, not
            # what is left of it above the threshold.
            m.d.comb += above.eq(
                before >= threshold if neuron.fires == "at" else before > threshold
            )
            exceeds.append(above)
            full = before
            # The leak is of the potential after the reset (contract, section 4, point 5), so the
            # difference stands in front of the shift, and in its path; unless it comes first.
            if neuron.reset == "subtract":
                less = (before - threshold)[: self._bits].as_signed()
                # At an ADD a potential may exceed its threshold, too; it is reset at the end of the
                # step only.
                before = Mux(above & ~adds, less, before)
            leaks = full if neuron.order == "leak, reset" else before
            # Less the leak is plus its complement and 1: the carry of one more bit below.
            leaking = (
                ~leak(leaks.as_signed(), neuron, self._bits) if neuron.leak_shift else Const(-1)
            )
            total = Cat(1, before).as_signed() + Cat(~adds, Mux(adds, weight, leaking)).as_signed()
            result = total[1 : 1 + self._bits]
            # To zero by the reset of the registers: no logic in front of them.
            clears = self.c.op == Op.CLEAR
            # What leaks of 0 is 0: so the leak need not know of this reset, and both go side by
            # side.
            if neuron.reset == "zero":
                clears |= above & ~adds
            with m.If(moves):
                m.d.sync += written.word_select(lane, self._bits).eq(result)
                with m.If(clears):
                    m.d.sync += written.word_select(lane, self._bits).eq(0)
        return exceeds
