"""The update of a layer: every synapse of every input that came, `lanes` of them a cycle.

    0  the next (entry of the log, block)
    1  neuron and step of the entry; address the shadow word, the errors of the block
    2  error times window, of each lane; weight times error, for the layer below
    3  dither, rate: the change
    4  add it, stop at the limits; sum of the lanes
    5  write; sum of the blocks

No word is visited twice in an update, so no stage waits for another. If the shadows' memory needs
two cycles for a word, stage 0 takes two for each. What is computed is `hwgen.golden.stdp.changes`
and `hidden_errors`.
"""

from itertools import pairwise

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hwgen.hdl.memory.delay import delay
from hwgen.hdl.stream import index_bits
from hwgen.network.layers.dense import DenseSpec
from hwgen.network.learning import LFSR_BITS, MAX_SHIFT, LearningSpec, shadow_limits
from hwgen.protocol.memory import n_blocks


def error_bits(learning: LearningSpec) -> int:
    """Signed width, in bits, of a normalised error.

    `error_bits` of magnitude, one because rounding up may reach 2 ** error_bits, and the sign.
    `Normalise` and `OutputErrors` give errors of the same width.
    """
    return learning.error_bits + 2


def passed_bits(layer: DenseSpec, learning: LearningSpec) -> int:
    """Signed width, in bits, of an error that a layer passes down.

    It is a sum over all `n_post` neurons of weight times error, each at its largest. So no order of
    the sum overflows, and no lane needs to saturate (`docs/learning.md`, point 6).
    """
    return (layer.n_post * layer.max_weight << learning.error_bits).bit_length() + 1


class Update(wiring.Component):
    """Members: `start` begins an update, `busy` is high until it is done. `halvings` and `state`
    are of the rate and of the dither. `at`, `neuron`, `step`, `count`: the log of the inputs.
    `block`, and in the next cycle `errors`: those of its neurons, each with its reference time
    above it unless the layer is phased. `address`, and in the next cycle `word`; `write_en`,
    `write_address`, `write_word`: the shadows. `passed_en`: `passed` is the error of entry
    `passed_at`.

    `error_bits`, `passed_bits` and `shadow_bits` are the widths of `errors`, `passed` and `word`.
    From `start` to the last write it takes entries x blocks cycles (twice that with two cycles a
    word), and a few more. Equations: SSTDP, eq. 7-11; `docs/learning.md`, points 4 to 6.
    """

    def __init__(
        self,
        layer: DenseSpec,
        learning: LearningSpec,
        *,
        lanes: int,
        n_steps: int,
        is_output: bool,
        below: DenseSpec | None,
        cycles_per_word: int = 1,
    ) -> None:
        """below: the layer that errors are passed to, if it learns, too. cycles_per_word: 1, 2.

        layer: the layer that learns, dense. lanes: neurons a cycle. n_steps: steps of a sample.
        is_output: the rate is `output_shift`, else `hidden_shift`.
        """
        self._cycles_per_word = cycles_per_word
        self._layer, self._learning, self._below = layer, learning, below
        self._lanes, self._n_steps = lanes, n_steps
        self._n_blocks = n_blocks(layer.n_post, lanes)
        self._shift = learning.output_shift if is_output else learning.hidden_shift
        self._time_bits = 0 if layer.neuron.two_phase else index_bits(n_steps)
        depth = layer.n_pre * self._n_blocks
        lane = error_bits(learning) + self._time_bits
        super().__init__(
            {
                "start": In(1),
                "busy": Out(1),
                "halvings": In(range(learning.n_halvings + 1)),
                "state": In(LFSR_BITS),
                "count": In(range(layer.n_pre + 1)),
                "at": Out(index_bits(layer.n_pre)),
                "neuron": In(index_bits(layer.n_pre)),
                "step": In(index_bits(n_steps)),
                "block": Out(index_bits(self._n_blocks)),
                "errors": In(lanes * lane),
                "address": Out(index_bits(depth)),
                "word": In(lanes * learning.shadow_bits),
                "write_en": Out(1),
                "write_address": Out(index_bits(depth)),
                "write_word": Out(lanes * learning.shadow_bits),
                "passed_en": Out(1),
                "passed_at": Out(index_bits(layer.n_pre)),
                "passed": Out(signed(passed_bits(layer, learning))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Six stages on one clock. They move on in each cycle, whatever the memories do."""
        m = Module()
        fields = {"valid": 1, "first": 1, "last": 1, "entry": len(self.at)}
        # Only `control` says whether a stage holds anything. What stands beside it may be anything
        # while that is not valid: it is written nowhere.
        control = [Signal(data.StructLayout(fields), name=f"control_{n}") for n in range(6)]
        for before, now in pairwise(control):
            m.d.sync += now.eq(before)
        # Only stage 0 is slowed down. A stage that were held would need its operands held, too; an
        # empty slot between two words costs nothing.
        goes_on = self._pace(m)
        m.d.sync += control[1].valid.eq(control[0].valid & goes_on)
        neurons_before = self._issue(m, control[0], goes_on)
        # The dither follows from the place of the synapse alone: state + i + j. So it is the same
        # for any number of lanes and in any order, and golden need not know how the hardware walks.
        step, noise = Signal.like(self.step), Signal(MAX_SHIFT)
        m.d.sync += [step.eq(self.step), noise.eq(self.state + self.neuron + neurons_before)]

        # A product is registered between stages 2 and 3, so its dither and its shadow weight wait,
        # too: one cycle and two. What comes late here would be added to the synapse of the next
        # word.
        noise_of_3 = delay(m, noise, 1)
        words, passed = [], []
        for lane in range(self._lanes):
            shadow = self.word.word_select(lane, self._learning.shadow_bits).as_signed()
            error, ahead = self._error(lane, step)
            early = ahead >= 0
            # Sign and size of the window are known before the rate: the product has few bits yet,
            # and one shift at the end does for window and rate together.
            product, extra = self._product(error, ahead, early)
            if self._below:
                # A two-phase neuron that fires in its first step cannot move.
                moves = early & (step != 0) if self._below.neuron.two_phase else early
                # This is the forward weight of before the update. Its new value is written three
                # stages later, and to this word only, so the layer below never sees a weight that
                # has been changed (eq. 10-11).
                passed.append(delay(m, self._through(shadow, Mux(moves, error, 0)), 1))
            change = self._change(
                delay(m, product, 1), delay(m, extra, 1), (noise_of_3 + lane)[:MAX_SHIFT]
            )
            words.append(self._limited(m, delay(m, shadow, 2), delay(m, change, 1)))
        if self._below:
            # The sum of all lanes has a stage of its own, because its tree of adders grows with the
            # lanes.
            of_block = delay(m, sum(passed), 1)
            with m.If(control[4].valid):
                # An entry's blocks come one after the other, so one register adds them up. The
                # first block starts it anew; clearing it in between would take a cycle.
                m.d.sync += self.passed.eq(Mux(control[4].first, 0, self.passed) + of_block)
        m.d.comb += [
            # For a cycle at least, even if no input came.
            self.busy.eq(Cat(stage.valid for stage in control).any() | delay(m, self.start, 1)),
            self.write_en.eq(control[5].valid),
            # Four stages behind the read. The word is visited once in an update, so nothing can
            # read it meanwhile.
            self.write_address.eq(delay(m, self.address, 4)),
            self.write_word.eq(Cat(words)),
            self.passed_en.eq(control[5].valid & control[5].last),
            self.passed_at.eq(control[5].entry),
        ]
        return m

    def _pace(self, m: Module):
        """Whether stage 0 moves on in this cycle."""
        if self._cycles_per_word == 1:
            return Const(1)
        # A memory with one port reads in one cycle and writes in the next. `start` sets the phase,
        # so that a write of this update never falls on a read of it.
        second = Signal()
        m.d.sync += second.eq(~second & ~self.start)
        return second

    def _issue(self, m: Module, control, goes_on):
        """Stage 0, and the addresses of stage 1. Returns how many neurons are in blocks before."""
        block = Signal.like(self.block)
        words_before = Signal.like(self.address)
        # Counted along, like `words_before`: lanes need not be a power of two, and block times
        # lanes would be a multiplier.
        neurons_before = Signal(range(self._n_blocks * self._lanes))
        m.d.comb += [
            control.first.eq(block == 0),
            control.last.eq(block == self._n_blocks - 1),
            self.at.eq(control.entry),
            self.block.eq(delay(m, block, 1)),
            self.address.eq(delay(m, words_before, 1) + self.neuron),
        ]
        next_entry = Signal.like(self.count)
        m.d.comb += next_entry.eq(control.entry + 1)
        # If no input came, nothing becomes valid: `busy` is high for one cycle, and all weights
        # stay.
        with m.If(self.start):
            # `block` and the counts beside it are 0 here: the update before has left them so,
            # behind its last entry.
            m.d.sync += [control.valid.eq(self.count != 0), control.entry.eq(0)]
        with m.Elif(control.valid & control.last & goes_on):
            m.d.sync += [
                control.valid.eq(next_entry != self.count),
                control.entry.eq(next_entry),
                block.eq(0),
                words_before.eq(0),
                neurons_before.eq(0),
            ]
        with m.Elif(control.valid & goes_on):
            m.d.sync += [
                block.eq(block + 1),
                words_before.eq(words_before + self._layer.n_pre),
                neurons_before.eq(neurons_before + self._lanes),
            ]
        return delay(m, neurons_before, 1)

    def _error(self, lane: int, step):
        """Stage 2: the error of a lane, and the steps from the input to its reference time."""
        bits = error_bits(self._learning)
        word = self.errors.word_select(lane, bits + self._time_bits)
        # A two-phase layer has one reference time for all neurons, T - 1, so its errors carry none
        # (point 3).
        reference = word[bits:] if self._time_bits else self._n_steps - 1
        return word[:bits].as_signed(), reference - step

    def _product(self, error, ahead, early):
        """Stage 2: error times window, and what the window adds to the shift."""
        learning = self._learning
        if learning.window == "psp":
            psp = (
                (ahead + 1)[: index_bits(self._n_steps + 1)]
                if self._layer.neuron.psp == "ramp"
                else 1
            )
            # The PSP at the reference time, STiDi-BP, eq. 8. It is at most T, so the product stays
            # as narrow as error and step count together; a few LUTs, or a small multiplier.
            return error * Mux(early, psp, 0), Const(0)
        # SSTDP, eq. 7-9: an input that came too late changes the weight the other way, and less.
        anticausal = learning.anticausal_shift
        product = Mux(early, error, 0 if anticausal is None else -error)
        extra = Mux(early, 0, anticausal or 0)
        if learning.window == "exponential":
            # A power of two in place of e ** -x: a shift, and no table.
            extra = extra + (abs(ahead) >> learning.tau_log2)
        return product, extra

    def _through(self, shadow, error):
        """Stage 2: the forward weight times the error."""
        # A binary weight is the sign of its shadow (`docs/learning.md`); a product is a choice of
        # sign.
        if self._layer.weight_bits == 1:
            return Mux(shadow < 0, -error, error)
        return (shadow >> (self._learning.shadow_bits - self._layer.weight_bits)) * error

    def _change(self, product, extra, noise):
        """Stage 3: dither, then the rate."""
        # A rate above 1 shifts to the left. Its shift is constant, so it costs wires: first to the
        # left by `left`, then to the right by what remains. The variable shifter needs one
        # direction only.
        left = max(0, -self._shift)
        shift = self._shift + self.halvings + extra  # to the right
        right = Mux(shift > MAX_SHIFT, MAX_SHIFT, Mux(shift > 0, shift, 0)).as_unsigned()
        # How many bits of dither count. Rounding by chance needs as many as fall off: with fewer
        # the mean of the change would be off, with more it would exceed what it rounds.
        right = right[: MAX_SHIFT.bit_length()]
        whole = (shift + left).as_unsigned()  # a shift to the left is made good first
        whole = Mux(shift > MAX_SHIFT, MAX_SHIFT + left, whole)[: (MAX_SHIFT + left).bit_length()]
        # The shift after this sum rounds towards minus infinity. Dither is never negative, so the
        # mean of the result is the exact quotient, for errors of either sign.
        dithered = product + (noise & ((1 << right) - 1))
        return (dithered << left) >> whole

    def _limited(self, m: Module, shadow, change):
        """Stage 4: the new shadow weight, registered."""
        least, greatest = shadow_limits(self._layer.weight_bits, self._learning.shadow_bits)
        # One bit wider than its operands, so a sum beyond the limits is seen as such, and not
        # wrapped.
        total = shadow + change
        # Ends at the edge and does not wrap: a weight that changed its sign there would undo what
        # it learnt.
        kept = Signal(signed(self._learning.shadow_bits), reset_less=True)
        m.d.sync += kept.eq(Mux(total > greatest, greatest, Mux(total < least, least, total)))
        return kept
