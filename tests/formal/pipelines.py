"""Lemmas about the pipelines of layers: whatever is in which stage, in the end it comes out right.

The state of a neuron in the memory, then changed by what the slots of its block will do, from the
oldest stage to the youngest, is the state that the bench knows. And what is due at an end has been
seen, or is in the serializer, or comes of the slot of the neuron's block.
"""

from typing import Any, NamedTuple

from amaranth.hdl import Array, Cat, Const, Mux, Signal, Value, signed
from formal.bench import Bench
from formal.equation import WIDE, after_step, bound, content, exceeds, most_gained

from hwgen.hdl.neurons.slot import Op
from hwgen.protocol.memory import n_blocks
from hwgen.protocol.tokens import Kind


class Slot(NamedTuple):
    """A slot in a stage, and what the bench knows of its token: the input, and what is due."""

    valid: Any
    op: Any
    block: Any
    last: Any
    closing: Any
    knee: Any
    drive: Any
    pre: Any
    plane: Any
    due: Any

    @property
    def ends(self) -> Any:
        """It is of a token behind which one comes out."""
        return self.valid & self.closing & (self.op != Op.ADD)

    @property
    def sweeps(self) -> Any:
        """It clears after reset, and nothing comes out behind it."""
        return self.valid & ~self.closing & (self.op == Op.CLEAR)


class State(NamedTuple):
    slope: Any
    potential: Any
    fired: Any


class Pipeline:
    """Stages from the oldest to the youngest, which is stage A."""

    def __init__(
        self, bench: Bench, layer: Any, inside: dict[str, Any], w: Any, lanes: int
    ) -> None:
        self.bench, self.layer, self.inside, self.w = bench, layer, inside, w
        self.lanes, self.final = lanes, n_blocks(layer.n_post, lanes) - 1
        self.block, self.lane = w.neuron // lanes, w.neuron % lanes
        self.slots: list[Slot] = []
        self.states: list[State] = []

    def enter(self, stage: Any, block: Any, last: Any, moves: Any, knee: Any, drive: Any) -> None:
        """The next stage, from the youngest on; it takes over from the one before with `moves`."""
        before = self.slots[0] if self.slots else self.w
        names = ("pre", "plane", "due")
        known = [Signal(len(getattr(before, name)), name=name) for name in names]
        with self.bench.m.If(moves):
            for name, signal in zip(names, known, strict=True):
                self.bench.m.d.sync += signal.eq(getattr(before, name))
        op = Value.cast(stage.op)
        slot = Slot(stage.valid, op, block, last, stage.closing, knee, drive, *known)
        self.slots.insert(0, slot)

    def is_due(self, slot: Slot) -> Any:
        """The slot is of the neuron's block. In stage A it will be."""
        here = slot.block <= self.block if slot is self.slots[-1] else slot.block == self.block
        return slot.valid & here

    def applied(self, state: State, slot: Slot) -> State:
        """The state of the neuron behind a slot, if it is due."""
        m, w = self.bench.m, self.w
        slope, potential = Signal(signed(WIDE)), Signal(signed(WIDE))
        after = State(slope, potential, Signal())
        m.d.comb += [new.eq(old) for new, old in zip(after, state, strict=True)]
        weight = w.weights[slot.pre] * Mux(slot.knee, -2, 1)
        if self.layer.input_bits:
            weight = w.weights[slot.pre] << slot.plane
        with m.If(self.is_due(slot)), m.Switch(slot.op):
            with m.Case(Op.ADD):
                if self.layer.slope_bits:
                    m.d.comb += slope.eq(state.slope + weight)
                else:
                    shifted = weight << self.layer.fraction_bits
                    m.d.comb += potential.eq(state.potential + shifted)
            with m.Case(Op.COMPARE):
                fires, risen = self.fires(state, slot), self.risen(state, slot)
                m.d.comb += potential.eq(after_step(self.layer, risen, fires, w.limit))
                if self.layer.reset == "never":
                    m.d.comb += after.fired.eq(state.fired | fires)
            with m.Case(Op.CLEAR):
                m.d.comb += [new.eq(0) for new in after]
        return after

    def risen(self, state: State, slot: Slot) -> Any:
        if self.layer.reset != "never":
            flow = state.slope << self.layer.fraction_bits if self.layer.slope_bits else 0
            return state.potential + flow + self.w.bias
        if not self.layer.slope_bits:
            return state.potential
        rise = Mux(slot.drive, self.w.drive, state.slope) if self.layer.phased else state.slope
        return state.potential + rise

    def fires(self, state: State, slot: Slot) -> Any:
        may = slot.drive | (not self.layer.phased)
        return may & exceeds(self.layer, self.risen(state, slot), self.w.limit) & ~state.fired

    def chain(self, state: State, slots: list[Slot]) -> None:
        """The chain from the memory, or what will be written to it, through these slots."""
        w, lemma = self.w, self.bench.lemma
        self.states = [state]
        for slot in slots:
            self.states.append(self.applied(self.states[-1], slot))
        most = self.layer.max_slope
        highest = most * w.max_steps if self.layer.slope_bits else most
        if self.layer.reset != "never":
            highest = bound(self.layer, w.max_steps - 1) + most_gained(self.layer)
        for slope, potential, _ in self.states:
            lemma((slope <= most) & (slope >= -most))
            lemma((potential <= highest) & (potential >= -highest))
        if self.layer.reset != "never":
            self._has_room(slots)
        slope, potential, fired = self.states[-1]
        started = self.inside["started"]
        busy = Cat(slot.valid for slot in self.slots).any()
        at_rest = (w.slope == 0) & (w.potential == 0) & ~w.fired
        lemma(Mux(started, (potential == w.potential) & (fired == w.fired), at_rest & ~busy))
        n_pre, values = range(self.layer.n_pre), self.layer.input_bits
        factors = [w.events[n] if values else coefficient(w.events[n]) for n in n_pre]
        came = [w.weights[n] * factors[n] for n in n_pre]
        if self.layer.slope_bits:
            lemma(~started | (slope == w.slope))
            lemma(w.slope == sum(came))
            if self.layer.reset == "never":
                most = most * w.steps
                lemma((w.potential <= most) & (w.potential >= -most))
        elif self.layer.reset == "never":
            lemma(w.potential == sum(came))

    def _has_room(self, slots: list[Slot]) -> None:
        """Before an end of a step, there is room for what it adds."""
        layer = self.layer
        before = bound(layer, self.w.max_steps - 1)
        if not layer.input_bits:
            before += most_gained(layer) - layer.max_bias
        for slot, state in zip(slots, self.states, strict=False):
            compares = self.is_due(slot) & (slot.op == Op.COMPARE)
            fits = (state.potential <= before) & (state.potential >= -before)
            self.bench.lemma(~compares | fits)

    def order(self) -> None:
        """The blocks of a token follow each other, then those of the next; first of all comes the
        sweep after reset."""
        lemma = self.bench.lemma
        for slot in self.slots:
            lemma(slot.block <= self.final)
            is_last = (slot.block == self.final) | (slot.op == Op.PASS)
            lemma(~slot.valid | (slot.last == is_last))
            lemma(~slot.valid | (slot.op != Op.PASS) | (slot.block == 0))
            lemma(~slot.valid | (slot.op != Op.ADD) | (slot.pre < self.layer.n_pre))
            closes = (slot.op == Op.ADD) | slot.drive | (not self.layer.phased)
            lemma(~slot.valid | (slot.op == Op.CLEAR) | (slot.closing == closes))
        for n, older in enumerate(self.slots[:-1]):
            younger = first(self.slots[n + 1 :])
            goes_on = younger.valid & (younger.block == older.block + 1)
            for name in ("op", "closing", "knee", "drive", "pre", "plane", "due"):
                goes_on &= getattr(younger, name) == getattr(older, name)
            lemma(~older.valid | Mux(older.last, ~younger.valid | (younger.block == 0), goes_on))
            lemma(~(older.valid & younger.sweeps) | older.sweeps)

    def stored(self, is_known: Any, state: State) -> State:
        """The state in the memory. A word that is not written since reset will be cleared."""
        clears = [self.is_due(slot) & slot.sweeps for slot in self.slots]
        self.bench.lemma(~self.inside["started"] | is_known | Cat(clears).any())
        return State(*(Mux(is_known, value, 0) for value in state))

    def due(self, slot: Slot, state: State) -> None:
        """What is due with the token is what its slot will make of the state."""
        m, w = self.bench.m, self.w
        clears = slot.op == Op.CLEAR
        shows = Mux(clears, w.is_output, (slot.op == Op.COMPARE) & self.fires(state, slot))
        value = Signal(signed(WIDE))
        if w.is_output:
            m.d.comb += value.eq(Mux(clears, state.potential, self.risen(state, slot)))
        self.shows(slot, shows, value)

    def shows(self, slot: Slot, shows: Any, value: Any) -> None:
        """What is due with the token is this, if the slot is of the neuron's block."""
        clears, lemma = slot.op == Op.CLEAR, self.bench.lemma
        wanted = content(shows, Mux(clears, Kind.POTENTIAL, Kind.SPIKE), value)
        lemma(~(self.is_due(slot) & slot.ends) | (slot.due[2:] == wanted))
        closing_kind = Mux(clears, Kind.END_OF_SAMPLE, Kind.END_OF_STEP)
        lemma(~slot.ends | (slot.due[:2] == closing_kind))
        lemma(~slot.ends | (slot.op != Op.PASS) | (slot.due[2:] == 0))

    def serializer(self, part: Any) -> None:
        """What it holds is of the oldest token that ends; and what of that is seen."""
        m, w, lemma = self.bench.m, self.w, self.bench.lemma
        inside = self.bench.opened(part)
        rest, closes, base = inside["rest"], inside["closes"], inside["held_base"]
        oldest, following = self.slots[0], first(self.slots)
        due = Signal.like(oldest.due)
        with m.If(part.load & part.empty):
            m.d.sync += due.eq(oldest.due)
        block = Signal.like(oldest.block)
        m.d.comb += block.eq(base // self.lanes)
        has = (block == self.block) & rest.bit_select(self.lane, 1)
        value = Signal(signed(WIDE))
        if w.is_output:
            bits = self.layer.potential_bits
            m.d.comb += value.eq(inside["held"].word_select(self.lane, bits).as_signed())
        kind = Mux(inside["sends_potential"], Kind.POTENTIAL, Kind.SPIKE)
        on_its_way = Mux(has, content(1, kind, value), w.seen)
        seen = w.seen[0]

        lemma(inside["busy"] == (rest.any() | closes))
        lemma(base == block * self.lanes)
        for n in range(self.lanes):
            lemma(~rest[n] | (base + n < self.layer.n_post))
        lemma(inside["sends_potential"] == (inside["closing_kind"] == Kind.END_OF_SAMPLE))
        lemma(~(has & seen))
        lemma(~closes | ((due[2:] == on_its_way) & (due[:2] == inside["closing_kind"])))
        lemma(~closes | due[:2].xor())  # END_OF_STEP or END_OF_SAMPLE
        lemma(~(closes & following.ends) | (following.block == 0))
        half_done = following.ends & (following.block > self.block)
        lemma(closes | Mux(half_done, following.due[2:] == on_its_way, ~(seen | has)))
        lemma(~rest.any() | closes | (following.ends & (following.block == block + 1)))
        stages = [(slot.ends & slot.last, slot.due) for slot in self.slots[:-1]]
        youngest = self.slots[-1]
        self.bench.lies_in(w.relay, (closes, due), *stages, (youngest.ends, youngest.due))


def coefficient(events: Any) -> Any:
    """Of an input in the slope, after its spike, its knee and its end."""
    return Array([Const(0), Const(1), Const(-1), Const(0)])[events]


def first(slots: list[Slot]) -> Slot:
    """The oldest of them that is valid."""
    chosen = slots[-1]
    for slot in reversed(slots[:-1]):
        pairs = zip(slot, chosen, strict=True)
        chosen = Slot(*(Mux(slot.valid, ours, theirs) for ours, theirs in pairs))
    return chosen
