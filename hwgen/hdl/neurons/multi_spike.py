"""The state of neurons that fire in each step in which they exceed their threshold, and leak.

As in `State`, a slot changes its word from stage C to D, all lanes at once. There is one memory, of
potentials alone, because both ADD and COMPARE change them; and potentials are stored as they are,
because the leak needs them so:

    ADD      v + (weight << fraction_bits)
    COMPARE  v - leak(v), or, of those that exceed, 0 or the same of v - threshold

where leak(v) is v * leak_times >> leak_shift, v has its bias, if there is one, and a leak before
the reset is of v, and not of v - threshold. One adder does both. With reset to zero comparison and
leak go side by side; by subtraction the leak has to wait for the comparison, so that is the slower
of the two.
"""

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring

from hwgen.hdl.memory.bank import StateBank
from hwgen.hdl.memory.constants import read_constants
from hwgen.hdl.memory.lane_words import signed_weight
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
        """One memory of potentials, or a register, and their change from stage C to D."""
        m = Module()
        thresholds = self._constants(m, "thresholds", self._thresholds, self._bits)
        biases = (
            self._constants(m, "biases", self._biases, self._layer.bias_bits)
            if self._neuron.has_bias
            else [None] * self._lanes
        )
        written = Signal(self._lanes * self._bits, reset_less=True)
        found = self._store(m, written) if self.n_words > 1 else written
        potentials = [found.word_select(lane, self._bits) for lane in range(self._lanes)]
        self._change(m, potentials, [*zip(thresholds, biases, strict=True)], written)
        # The 0 is the place of `fired`: a probe reads all layers alike.
        m.d.comb += self.word.eq(Cat(Cat(potential, 0) for potential in potentials))
        if self._is_output:
            with m.If(self.advance):
                m.d.sync += self.potentials.eq(found)
        return m

    def _constants(self, m: Module, name: str, values: Sequence[int], bits: int):
        """One signed value a lane."""
        shape = {"lanes": self._lanes, "bits": bits}
        return read_constants(m, name, values, **shape, enable=self.take, block=self.block)

    def _store(self, m: Module, written):
        """The memory. Returns the word read."""
        m.submodules.bank = bank = StateBank(n_blocks=self.n_words, width=len(written))
        m.d.comb += [
            bank.read_en.eq(self.take & self.b.valid),
            bank.read_block.eq(self.b.word),
            # All but PASS change the one memory: ADD adds, COMPARE leaks and resets, CLEAR begins
            # anew.
            bank.write_en.eq(self.advance & self.d.valid & (self.d.op != Op.PASS)),
            bank.write_block.eq(self.d.word),
            bank.write_data.eq(written),
        ]
        return bank.read_data

    def _change(self, m: Module, potentials, constants, written) -> None:
        """Stage C to D. constants: threshold and bias, or None, of each lane."""
        layer, neuron = self._layer, self._neuron
        captured = Signal(len(self.weights), reset_less=True)
        adds, moves = Signal(), Signal()
        m.d.comb += [
            adds.eq(self.c.op == Op.ADD),
            # CLEAR is a move as well: its zero is the reset of the registers below.
            moves.eq(self.advance & self.c.valid & (self.c.op != Op.PASS)),
        ]
        exceeds = []
        for lane, (potential, (threshold, bias)) in enumerate(
            zip(potentials, constants, strict=True)
        ):
            before = potential.as_signed()
            if bias is not None:
                # Once a step, in the sweep that compares; nothing is lost: the width has room.
                before = Mux(adds, before, (before + bias)[: self._bits].as_signed()).as_signed()
            field = captured.word_select(lane, layer.weight_bits)
            weight = signed_weight(field, layer.weight_bits)
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
            leak = ~self._leak(leaks.as_signed()) if neuron.leak_shift else Const(-1)
            total = Cat(1, before).as_signed() + Cat(~adds, Mux(adds, weight, leak)).as_signed()
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
        with m.If(self.advance):
            # `exceeds` is of before the reset: it says who fires in stage D, when the potential is
            # reset already.
            m.d.sync += [captured.eq(self.weights), self.exceeds.eq(Cat(exceeds))]

    def _leak(self, potential):
        """What leaks of a signed potential, as the floor: v * leak_times >> leak_shift.

        By shifts and additions of the signed digits of `leak_times`, as no product is needed.
        """
        times, shift = self._neuron.leak_times, self._neuron.leak_shift
        if times == 1:
            return potential >> shift
        terms = [(potential << place, sign) for place, sign in signed_digits(times)]
        total = sum((term for term, sign in terms if sign > 0), start=Const(0))
        for term, sign in terms:
            total = total - term if sign < 0 else total
        return (total >> shift)[: self._bits].as_signed()


def signed_digits(number: int) -> list[tuple[int, int]]:
    """The canonical signed digits of a positive number: places, and 1 or -1, the lowest first.

    No two are neighbours, so there are as few as can be.
    """
    digits, place = [], 0
    while number:
        if number & 1:
            sign = 2 - (number & 3)  # 1 of ...01, -1 of ...11
            digits.append((place, sign))
            number -= sign
        number >>= 1
        place += 1
    return digits
