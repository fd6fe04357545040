"""Lemmas about dense layers, stage by stage."""

from typing import Any

from amaranth.hdl import Array, Cat, Const, Mux, Signal, signed
from formal.bench import Bench
from formal.equation import WIDE
from formal.pipelines import Pipeline, Slot, State, first

from hwgen.hdl.neurons.slot import Op

Inside = dict[str, Any]


def dense_lemmas(bench: Bench, layer: Any, inside: Inside, w: Any, lanes: int) -> None:
    """What lets the equation be proved by induction."""
    pipeline = Pipeline(bench, layer, inside, w, lanes)
    neurons = _enter(pipeline, inside)
    pipeline.order()
    a = pipeline.slots[-1]
    bench.lemma(~a.valid | (a.op != Op.ADD) | (inside["address"] == a.pre + a.block * layer.n_pre))
    if neurons:
        _with_neurons(pipeline, inside, neurons)
        pipeline.serializer(neurons["serializer"])
    else:
        _with_potential_only(pipeline, inside)
        pipeline.serializer(inside["serializer"])


def progress_lemmas(
    bench: Bench, layer: Any, inside: Inside, w: Any, lanes: int, n_inside: Any
) -> None:
    """What lets it be proved that ends come out, whoever fires. `n_inside`: ends inside."""
    pipeline = Pipeline(bench, layer, inside, w, lanes)
    neurons = _enter(pipeline, inside)
    pipeline.order()
    bench.lemma(inside["started"] | ~Cat(slot.valid for slot in pipeline.slots).any())
    serializer = bench.opened((neurons or inside)["serializer"])
    rest, closes = serializer["rest"], serializer["closes"]
    bench.lemma(serializer["busy"] == (rest.any() | closes))
    bench.lemma(~closes | serializer["closing_kind"].xor())
    bench.lemma(~rest.any() | closes | first(pipeline.slots).ends)
    *older, youngest = pipeline.slots
    stages = [slot.ends & slot.last for slot in older]
    bench.lemma(n_inside == sum([closes, *stages, youngest.ends]))


def _enter(pipeline: Pipeline, inside: Inside) -> Inside | None:
    """All stages. Returns what is inside of `Neurons`, if the layer has slopes."""
    a, taken = inside["a"], pipeline.w.taken
    last = a.last | (a.block == pipeline.final)
    if not pipeline.layer.slope_bits and pipeline.layer.reset == "never":
        pipeline.enter(a, a.block, last, taken, 0, 1)
        for name in "bc":
            stage = inside[name]
            last = stage.last | (stage.block == pipeline.final)
            pipeline.enter(stage, stage.block, last, inside["advance"], 0, 1)
        return None
    part = inside["neurons"]
    neurons = pipeline.bench.opened(part)
    pipeline.enter(a, a.block, last, taken, part.i.knee, part.i.drive)
    stages = [part.i]
    for name in "bcd":
        stage = neurons[name]
        stages.insert(0, stage)
        moves = part.take if name == "b" else neurons["advance"]
        pipeline.enter(stage, stage.word, stage.last, moves, stage.knee, stage.drive)
    if pipeline.layer.input_bits:
        for slot, stage in zip(pipeline.slots, stages, strict=True):
            adds = slot.valid & (slot.op == Op.ADD)
            pipeline.bench.lemma(~adds | (stage.plane == slot.plane))
    _, c, b, a = pipeline.slots
    pipeline.bench.lemma(b.valid | ~a.valid | (a.block == 0))
    if pipeline.final:
        for name, older in (("in_c", c), ("in_d", pipeline.slots[0])):
            pipeline.bench.lemma(neurons[name] == _same_word(b, older))
    return neurons


def _same_word(younger: Slot, older: Slot) -> Any:
    both = younger.valid & older.valid & (younger.block == older.block)
    return both & (younger.op != Op.PASS) & (older.op != Op.PASS)


def _weights(pipeline: Pipeline, slot: Slot, word: Any, bits: int = 0) -> None:
    """The word of the slot has the weight of its input and the neuron; with `bits`, of a lane, as
    it counts for the bit of a value."""
    wanted = pipeline.w.weights[slot.pre]
    if pipeline.layer.input_bits and bits:
        wanted = wanted << slot.plane
    bits = bits or pipeline.layer.weight_bits
    field = word.word_select(pipeline.lane, bits)
    weight = Mux(field, -1, 1) if bits == 1 else field.as_signed()
    adds = pipeline.is_due(slot) & (slot.op == Op.ADD)
    pipeline.bench.lemma(~adds | (weight == wanted))


def _spied(pipeline: Pipeline, bank: Any) -> tuple[Any, Any]:
    """What the memory has of the neuron's block, and whether it was written since reset."""
    inside = pipeline.bench.opened(bank)
    spy = inside["storage"].read_port(domain="comb")
    pipeline.bench.m.d.comb += spy.addr.eq(pipeline.block)
    return spy.data, inside["known"].bit_select(pipeline.block, 1)


def _with_potential_only(pipeline: Pipeline, inside: Inside) -> None:
    bench, w, lane = pipeline.bench, pipeline.w, pipeline.lane
    c, b, a = pipeline.slots
    bits = pipeline.layer.potential_bits
    for name, slot in zip("cba", (c, b, a), strict=True):
        bench.lemma(inside[name].base == slot.block * pipeline.lanes)
    bank = inside["bank"]
    word, is_known = _spied(pipeline, bank) if pipeline.final else (bank.read_data, Const(1))
    word = word.word_select(lane, bits + 1)
    state = State(Const(0), word[:bits].as_signed(), word[bits])
    pipeline.chain(pipeline.stored(is_known, state), [c, b, a])
    bench.lemma(inside["touched"] | ~(w.potential > w.limit) | w.fired)

    here = c.valid & (c.block == pipeline.block)
    found = bank.read_data.word_select(lane, bits + 1)
    bench.lemma(~here | (c.op == Op.PASS) | c.sweeps | (found == word))
    bench.lemma(~here | (Array(inside["thresholds"])[lane] == w.limit))
    _weights(pipeline, b, inside["weight_word"])
    _weights(pipeline, c, inside["captured"])
    for slot, before in zip((c, b, a), pipeline.states, strict=False):
        pipeline.due(slot, before)


def _with_neurons(pipeline: Pipeline, inside: Inside, neurons: Inside) -> None:
    m, layer, bench, w = pipeline.bench.m, pipeline.layer, pipeline.bench, pipeline.w
    keeper = neurons["state"]
    state = bench.opened(keeper)
    d, c, b, a = pipeline.slots
    lane = pipeline.lane
    words = _sloped if layer.reset == "never" else _leaky
    kept, after_d, found = words(pipeline, inside, state)
    pipeline.chain(after_d, [c, b, a])
    if layer.reset == "never":
        at_rest = (w.slope == 0) & (((w.potential == 0) & ~w.fired) | layer.phased)
    elif layer.neuron.moves_from_rest:
        at_rest = Const(1)  # each step is swept
    else:
        at_rest = (w.potential == 0) & (w.slope == 0)
        if not layer.neuron.moves_by_itself:
            at_rest = ~(w.potential > w.limit)
    bench.lemma(inside["touched"] | at_rest)

    # Stage C has found what is stored: D does not hold the word.
    reads = pipeline.is_due(c) & (c.op != Op.PASS)
    for got, wanted in zip(found, kept, strict=True):
        bench.lemma(~reads | c.sweeps | (got == wanted))
    _weights(pipeline, b, inside["neurons"].weights)
    if layer.reset == "never":
        bench.lemma(~reads | (Array(state["elaborate.rests"])[lane] == -1 - w.limit))
        _weights(pipeline, c, state["captured"])
    else:
        bench.lemma(~reads | (Array(state["elaborate.thresholds"])[lane] == w.limit))
        if layer.neuron.has_bias:
            lane_bias = Array(state["elaborate.biases"])[lane]
            bench.lemma(~reads | (lane_bias == w.bias))
        captured, bits = state["elaborate.captured"], state["elaborate.bits"]
        _weights(pipeline, c, captured, bits=bits)
    if layer.phased:
        bench.lemma(~reads | (Array(state["_change.drives"])[lane] == w.drive))
    if pipeline.final:
        bench.lemma(~_same_word(c, d))
        _counters(pipeline, neurons)

    fires = keeper.exceeds.bit_select(lane, 1) & ~keeper.fired.bit_select(lane, 1)
    fires &= d.drive | (not layer.phased)
    value = Signal(signed(WIDE))
    if w.is_output:
        shown = keeper.potentials.word_select(lane, layer.potential_bits)
        m.d.comb += value.eq(shown.as_signed())
    pipeline.shows(d, Mux(d.op == Op.CLEAR, w.is_output, (d.op == Op.COMPARE) & fires), value)
    for slot, before in zip((c, b, a), pipeline.states, strict=False):
        pipeline.due(slot, before)


def _without_memory(pipeline: Pipeline, inside: Inside) -> Any:
    """Of a layer of one word, which stays in stage D: whether it was cleared since reset."""
    _, *younger = pipeline.slots
    return inside["started"] & ~Cat(slot.sweeps for slot in younger).any()


def _sloped(pipeline: Pipeline, inside: Inside, state: Inside) -> tuple[State, State, State]:
    """Of a layer with slopes: what is stored, will be behind stage D, and was found in C."""
    m, layer, w, lane = pipeline.bench.m, pipeline.layer, pipeline.w, pipeline.lane
    d, bits = pipeline.slots[0], layer.potential_bits + 1

    def read(sums: Any, potentials: Any, fired: Any) -> State:
        potential = Signal(signed(WIDE))
        m.d.comb += potential.eq(potentials.word_select(lane, bits).as_signed() + w.limit + 1)
        slope = sums.word_select(lane, layer.slope_bits).as_signed()
        return State(slope, potential, fired.bit_select(lane, 1))

    kept = in_d = read(*state["elaborate.written"])
    is_known = _without_memory(pipeline, inside)
    if pipeline.final:
        (sums, is_known), (spikes, is_too) = (
            _spied(pipeline, state[f"_store.{name}"]) for name in ("sums", "spikes")
        )
        n = pipeline.lanes * bits
        kept = read(sums, spikes[:n], spikes[n:])
        pipeline.bench.lemma(is_known == is_too)
    kept = pipeline.stored(is_known, kept)
    here = pipeline.is_due(d)
    adds = here & ((d.op == Op.ADD) | (d.op == Op.CLEAR))
    compares = here & ((d.op == Op.COMPARE) | (d.op == Op.CLEAR))
    written = (adds, compares, compares)
    after_d = State(*(Mux(*pair) for pair in zip(written, in_d, kept, strict=True)))
    return kept, after_d, read(*state["elaborate.found"])


def _leaky(pipeline: Pipeline, inside: Inside, state: Inside) -> tuple[State, State, State]:
    """The same, of a layer with reset."""
    d, bits = pipeline.slots[0], pipeline.layer.potential_bits

    values = pipeline.layer.input_bits

    def read(word: Any, currents: Any) -> State:
        slope = Const(0)
        if values:
            slope = currents.word_select(pipeline.lane, pipeline.layer.slope_bits).as_signed()
        return State(slope, word.word_select(pipeline.lane, bits).as_signed(), Const(0))

    kept = in_d = read(state["elaborate.written"], state.get("_currents.written"))
    is_known = _without_memory(pipeline, inside)
    if pipeline.final:
        (word, is_known), currents = _spied(pipeline, state["elaborate.bank"]), None
        if values:
            currents, is_too = _spied(pipeline, state["_currents.bank"])
            pipeline.bench.lemma(is_known == is_too)
        kept = read(word, currents)
    kept = pipeline.stored(is_known, kept)
    here = pipeline.is_due(d) & (d.op != Op.PASS)
    adds = here & ((d.op == Op.ADD) | (d.op == Op.CLEAR))
    moved = here & (d.op != Op.ADD) if values else here
    written = (adds, moved, Const(0))
    after_d = State(*(Mux(*each) for each in zip(written, in_d, kept, strict=True)))
    return kept, after_d, read(state["elaborate.found"], state.get("_currents.found"))


def _counters(pipeline: Pipeline, neurons: Inside) -> None:
    """Those beside the pipeline say which block is where."""
    d, c, b, _ = pipeline.slots
    lemma, lanes = pipeline.bench.lemma, pipeline.lanes
    lemma(neurons["block"] == Mux(b.valid & (b.op != Op.PASS), b.block, 0))
    lemma(neurons["base"] == neurons["block"] * lanes)
    for slot, base, ends in (
        (c, neurons["base_of_c"], neurons["ends_in_c"]),
        (d, neurons["base_of_d"], neurons["final"]),
    ):
        lemma(~slot.valid | (base == slot.block * lanes))
        lemma(~slot.valid | (ends == (slot.block == pipeline.final)))
