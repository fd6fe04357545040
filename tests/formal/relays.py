"""Parts that pass tokens on: what goes in comes out, once, in order, and soon."""

from amaranth.hdl import Cat, Const, Mux, Signal
from formal.bench import PATIENCE, Bench

from hwgen.hdl.adapters.fifo import Fifo
from hwgen.hdl.adapters.flatten import Flatten, Unflatten
from hwgen.hdl.adapters.phases import Phases
from hwgen.hdl.adapters.planes import Planes
from hwgen.hdl.adapters.replay import Replay
from hwgen.hdl.io.gate import Gate
from hwgen.hdl.neurons.serializer import Serializer
from hwgen.hdl.stream import vector
from hwgen.network.layers.shape import Shape
from hwgen.protocol.tokens import Kind


def fifo(depth: int) -> Bench:
    """Any word. What lies in the memory is known by the addresses of its ports."""
    bench = Bench()
    m = bench.m
    m.submodules.dut = dut = Fifo(2, depth=depth)
    inside = bench.opened(dut)
    head, tail = inside["head"], inside["tail"]
    taken, given = bench.offers(dut.i), bench.takes(dut.o, PATIENCE)
    relay = bench.relays(taken, dut.i.payload, given, dut.o.payload, most=2 * depth)
    bench.within(1, (relay.inside != 0) & ~dut.o.valid)
    bench.within(PATIENCE, dut.i.valid & ~dut.i.ready)

    spy = inside["storage"].read_port(domain="comb")
    stored = Signal(range(2 * depth))
    m.d.comb += [stored.eq(tail - head), spy.addr.eq(head + relay.ahead - dut.o.valid)]
    is_stored = relay.watched & (relay.ahead >= dut.o.valid)
    bench.lemma(relay.inside == stored + dut.o.valid)
    bench.lemma(stored <= depth)
    bench.lemma(~relay.watched | (relay.ahead < relay.inside))
    bench.lemma(~is_stored | (spy.data == relay.wanted))
    bench.lemma(~relay.watched | is_stored | (dut.o.payload == relay.wanted))
    return bench


def gate() -> Bench:
    """A door for 3 inputs that lets 2 samples in at once; what it drops is what it may."""
    bench = Bench()
    m = bench.m
    m.submodules.dut = dut = Gate(n_inputs=3, max_in_flight=2)
    inside = bench.opened(dut)
    token = dut.i.payload
    taken, given = bench.offers(dut.i), bench.takes(dut.o, PATIENCE)
    exits, decided, finished = bench.fixed(), bench.free(), bench.free()
    m.d.comb += [dut.early_exit.eq(exits), dut.decided.eq(decided), dut.finished.eq(finished)]

    is_end, is_spike = token.kind == Kind.END_OF_SAMPLE, token.kind == Kind.SPIKE
    n_ended = bench.count(taken & is_end, finished, 2)
    bench.given(~finished | (n_ended != 0))  # only what is in comes out
    is_foreign = (token.kind == Kind.POTENTIAL) | (is_spike & (token.index >= 3))
    is_late = exits & decided & (n_ended == 0) & ~is_end
    passes = taken & ~is_foreign & ~is_late
    relay = bench.relays(passes, token, given, dut.o.payload)
    bench.always(dut.event == (passes & is_spike))
    bench.always(dut.dropped == (taken & is_foreign))
    bench.within(PATIENCE, dut.i.valid & ~dut.i.ready & (n_ended != 2))

    bench.lies_in(relay, (dut.o.valid, dut.o.payload))
    bench.lemma(n_ended == inside["in_flight"])
    return bench


def learning() -> Bench:
    """The same door of a core that learns: behind a label, or a question for weights, nothing comes
    in until that is done; it begins when the core is empty."""
    bench = Bench()
    m = bench.m
    layers = range(1, 3)
    m.submodules.dut = dut = Gate(
        n_inputs=3, max_in_flight=2, n_labels=2, n_layers=3, readable=layers, fillable=layers
    )
    inside = bench.opened(dut)
    token = dut.i.payload
    taken, given = bench.offers(dut.i), bench.takes(dut.o, PATIENCE)
    learnt, finished = bench.free(), bench.free()
    m.d.comb += [dut.learnt.eq(learnt), dut.finished.eq(finished)]
    m.d.comb += [dut.early_exit.eq(bench.free()), dut.decided.eq(bench.free())]

    is_end, is_spike = token.kind == Kind.END_OF_SAMPLE, token.kind == Kind.SPIKE
    n_ended = bench.count(taken & is_end, finished, 2)
    bench.given(~finished | (n_ended != 0))
    passes = taken & Mux(is_spike, token.index < 3, token.kind != Kind.POTENTIAL)
    index = Mux(is_end, 0, token.index[: len(dut.o.payload.index)])
    relay = bench.relays(passes, Cat(token.kind, index), given, dut.o.payload)

    waits, goes_on, in_sample = Signal(), Signal(), Signal()
    question, label = Signal(2), Signal(2)  # an update, a reading, a filling
    m.d.sync += goes_on.eq((goes_on | dut.lesson | dut.reads | dut.fills) & ~learnt)
    bench.given(~learnt | goes_on)
    with m.If(learnt):
        m.d.sync += waits.eq(0)
    with m.If(passes):
        m.d.sync += in_sample.eq(~is_end)
    with m.If(taken & is_end & (token.index > 0) & (token.index <= 2)):
        m.d.sync += [waits.eq(1), question.eq(0), label.eq(token.index - 1)]
    asks = Signal(2)
    for number, first in ((1, 0), (2, layers.stop)):
        is_layer = (token.index >= first + layers.start) & (token.index < first + layers.stop)
        is_question = (token.kind == Kind.POTENTIAL) & ~in_sample & is_layer
        m.d.comb += asks[number - 1].eq(is_question)
        with m.If(taken & is_question):
            m.d.sync += [waits.eq(1), question.eq(number), label.eq(token.index - first)]
    bench.always(dut.asks == asks.any())
    bench.always(dut.dropped == (taken & ~passes & ~dut.asks))
    begins = waits & ~goes_on & (n_ended == 0) & ~dut.o.valid
    bench.always(Cat(dut.lesson, dut.reads, dut.fills) == Mux(begins, 1 << question, 0))
    bench.always(~waits | (dut.label == label))
    bench.always(~(waits & taken))
    bench.within(PATIENCE, dut.i.valid & ~dut.i.ready & ~waits & (n_ended != 2))

    bench.lies_in(relay, (dut.o.valid, dut.o.payload))
    bench.lemma(n_ended == inside["in_flight"])
    bench.lemma((inside["closed"] == waits) & (inside["teaching"] == goes_on))
    bench.lemma(~waits | (Cat(inside["asked"], inside["sent"]) == question))
    bench.lemma(inside["inside"] == in_sample)
    bench.lemma((~goes_on | waits) & (question < 3))
    return bench


def unflatten(channels: int = 1) -> Bench:
    """Every pixel of 2 rows of 3."""
    bench = Bench()
    m = bench.m
    m.submodules.dut = dut = Unflatten(Shape(2, 3, channels))
    token, out = dut.i.payload, dut.o.payload
    taken, given = bench.offers(dut.i), bench.takes(dut.o, PATIENCE)
    bench.given(token.index < Mux(token.kind == Kind.SPIKE, 6 * channels, 1))
    pixel, channel = token.index // channels, token.index % channels
    place = Cat(token.kind, (pixel // 3)[:2], (pixel % 3)[:2], channel[: len(out.channel)])
    found = Cat(out.kind, out.row | Const(0, 2), out.column | Const(0, 2), out.channel)
    relay = bench.relays(taken, place, given, found)
    bench.within(PATIENCE, dut.i.valid & ~dut.i.ready)
    bench.lies_in(relay, (dut.o.valid, found))
    return bench


def flatten() -> Bench:
    """Every neuron of 2 rows, 3 columns, 2 channels."""
    bench = Bench()
    m = bench.m
    m.submodules.dut = dut = Flatten(Shape(2, 3, 2))
    inside = bench.opened(dut)
    token = dut.i.payload
    taken, given = bench.offers(dut.i), bench.takes(dut.o, PATIENCE)
    bench.given(token.column < 3)
    index = (token.row * 3 + token.column) * 2 + token.channel
    relay = bench.relays(taken, Cat(token.kind, index[:4]), given, dut.o.payload)
    bench.within(PATIENCE, dut.i.valid & ~dut.i.ready)
    bench.within(1, (relay.inside != 0) & ~dut.o.valid)
    total = (inside["row"].start + inside["column"].start + inside["channel"])[:4]
    second = inside["valid"], Cat(inside["kind"], total)
    bench.lies_in(relay, (dut.o.valid, dut.o.payload), second)
    return bench


def phases(n_steps: int) -> Bench:
    """Before each END_OF_SAMPLE as many END_OF_STEPs with `drive` as there are steps."""
    bench = Bench()
    m = bench.m
    m.submodules.dut = dut = Phases(vector(3), n_steps=n_steps)
    inside = bench.opened(dut)
    token, out = dut.i.payload, dut.o.payload
    taken, given = bench.offers(dut.i), bench.takes(dut.o, PATIENCE)
    is_end = token.kind == Kind.END_OF_SAMPLE
    n_driven = Signal(range(n_steps + 2))
    with m.If(taken):
        m.d.sync += n_driven.eq(0)
    with m.Elif(given):
        m.d.sync += n_driven.eq(n_driven + 1)
    bench.always(taken == (given & ~out.drive))
    bench.always(~taken | (token.as_value() == Cat(out.kind, out.index)))
    bench.always(~taken | (n_driven == Mux(is_end, n_steps, 0)))
    bench.always(~given | taken | (is_end & (out.kind == Kind.END_OF_STEP)))
    bench.within(n_steps * (1 + PATIENCE) + PATIENCE, dut.i.valid & ~dut.i.ready)
    bench.lemma(inside["left"] == n_steps - n_driven)
    bench.lemma(n_driven <= n_steps)
    bench.lemma((n_driven == 0) | (dut.i.valid & is_end))
    return bench


def planes(n_steps: int, *, two_phase: bool) -> Bench:
    """Spikes with the number of ENDs of planes before them; before each END_OF_SAMPLE as many
    END_OF_STEPs as there are steps, or, of a two-phase layer, one more before them."""
    bench = Bench()
    m = bench.m
    marks = {"plane": 2} | ({"drive": 1} if two_phase else {})
    m.submodules.dut = dut = Planes(vector(3), marks=marks, n_steps=n_steps)
    inside = bench.opened(dut)
    token, out = dut.i.payload, dut.o.payload
    taken, given = bench.offers(dut.i), bench.takes(dut.o, PATIENCE)
    is_end, is_plane = token.kind == Kind.END_OF_SAMPLE, token.kind == Kind.END_OF_STEP
    n_added, plane = Signal(range(n_steps + 3)), Signal(2)
    with m.If(taken & is_plane):
        m.d.sync += plane.eq(plane + 1)
    with m.If(given):
        m.d.sync += n_added.eq(n_added + 1)
    with m.If(taken & ~is_plane):
        m.d.sync += n_added.eq(0)
    with m.If(taken & is_end):
        m.d.sync += plane.eq(0)
    wanted = n_steps + two_phase
    passes = taken & ~is_plane
    is_added = given & is_end & (n_added < wanted)
    bench.always(given == (passes | is_added))
    bench.always(~passes | (token.as_value() == Cat(out.kind, out.index)))
    bench.always(~(passes & (token.kind == Kind.SPIKE)) | (out.plane == plane))
    bench.always(~(passes & is_end) | (n_added == wanted))
    bench.always(~is_added | (out.kind == Kind.END_OF_STEP))
    if two_phase:
        bench.always(~is_added | (out.drive == (n_added > 0)))
    bench.within(wanted * (1 + PATIENCE) + PATIENCE, dut.i.valid & ~dut.i.ready)
    bench.lemma((inside["left"] == wanted - n_added) & (inside["plane"] == plane))
    bench.lemma(n_added <= wanted)
    bench.lemma((n_added == 0) | (dut.i.valid & is_end))
    return bench


def serializer(lanes: int) -> Bench:
    """A token for each set lane, lowest first, with its potential; then the closing one."""
    bench = Bench()
    m = bench.m
    m.submodules.dut = dut = Serializer(vector(2 * lanes), lanes=lanes, potential_bits=2)
    inside = bench.opened(dut)
    out, given = dut.o.payload, bench.takes(dut.o, PATIENCE)
    block = bench.free(1, "block")
    fields = (dut.load, dut.mask, dut.potentials, dut.is_potential, dut.close, dut.close_kind)
    m.d.comb += [
        dut.base.eq(block * lanes),
        *(field.eq(bench.free(len(field))) for field in fields),
    ]
    loads = dut.load & dut.empty
    left, base, shown = Signal(lanes), Signal.like(dut.base), Signal.like(dut.potentials)
    is_potential, closes, kind = Signal(), Signal(), Signal(2)
    lane = Signal(range(2 * lanes))
    m.d.comb += lane.eq(out.index - base)
    lowest = Signal(lanes)
    m.d.comb += lowest.eq(left & -left)
    with m.If(loads):
        m.d.sync += [left.eq(dut.mask), base.eq(dut.base), shown.eq(dut.potentials)]
        m.d.sync += [is_potential.eq(dut.is_potential), closes.eq(dut.close)]
        m.d.sync += kind.eq(dut.close_kind)
    with m.Elif(given):
        m.d.sync += [left.eq(left & ~lowest), closes.eq(closes & (left != 0))]
    potential = shown.word_select(lane, 2)
    is_lowest = (out.kind == Mux(is_potential, Kind.POTENTIAL, Kind.SPIKE)) & (
        (1 << lane == lowest) & (out.potential.as_unsigned() == potential)
    )
    bench.always(dut.o.valid == ((left != 0) | closes))
    bench.always(dut.empty == ~dut.o.valid)
    bench.always(~dut.o.valid | Mux(left != 0, is_lowest, out.kind == kind))

    pairs = [("rest", left), ("held_base", base), ("sends_potential", is_potential)]
    pairs += [("closes", closes), ("closing_kind", kind), ("held", shown)]
    for name, wanted in pairs:
        bench.lemma(inside[name] == wanted)
    return bench


def replay(tau_steps: int, n_steps: int) -> Bench:
    """Two neurons, each of which fires at most once a sample: in each step the spikes of this
    step, of `tau` steps before with the knee, and of twice as many before."""
    bench = Bench(resets=False)
    m = bench.m
    m.submodules.dut = dut = Replay(vector(2), tau_steps=tau_steps, n_steps=n_steps)
    token, out = dut.i.payload, dut.o.payload
    taken, given = bench.offers(dut.i), bench.takes(dut.o, PATIENCE)
    is_spike, is_step = token.kind == Kind.SPIKE, token.kind == Kind.END_OF_STEP
    step, fired = Signal(range(n_steps + 1)), Signal(2)
    bench.given((token.kind != Kind.POTENTIAL) & (~is_step | (step < n_steps)))
    bench.given(~is_spike | ~fired.bit_select(token.index, 1))

    watched = bench.fixed(1, "neuron")
    never = 3 * n_steps
    since = Signal(range(never + 1), init=never)  # steps since the spike of the watched neuron
    n_plain, n_knees = Signal(2), Signal(2)  # of it, in this step
    is_ours = given & (out.kind == Kind.SPIKE) & (out.index == watched)
    m.d.sync += [n_plain.eq(n_plain + (is_ours & ~out.knee))]
    m.d.sync += [n_knees.eq(n_knees + (is_ours & out.knee))]
    with m.If(taken & is_spike):
        m.d.sync += fired.bit_select(token.index, 1).eq(1)
        with m.If(token.index == watched):
            m.d.sync += since.eq(0)
    with m.If(taken & ~is_spike):
        m.d.sync += [step.eq(step + 1), n_plain.eq(0), n_knees.eq(0)]
        with m.If(since != never):
            m.d.sync += since.eq(since + 1)
    with m.If(taken & (token.kind == Kind.END_OF_SAMPLE)):
        m.d.sync += [step.eq(0), fired.eq(0), since.eq(never)]
    passes = given & (out.as_value() == token.as_value())
    bench.always(~taken | passes)
    bench.always(~(given & (out.kind != Kind.SPIKE)) | taken)
    ends = taken & is_step
    bench.always(~ends | (n_plain == (since == 0) + (since == 2 * tau_steps)))
    bench.always(~ends | (n_knees == (since == tau_steps)))
    bench.within(16, dut.i.valid & ~dut.i.ready)
    return bench
