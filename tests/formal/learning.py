"""What a core that learns does beside it: weights in and out, an end to every update."""

from types import SimpleNamespace
from typing import Any

from amaranth.hdl import Array, Cat, Const, Mux, Signal
from formal.bench import PATIENCE, Bench
from samples import learning_params

from hwgen.hdl.learning.unit import LearningUnit
from hwgen.hdl.weights.fill import Fill
from hwgen.hdl.weights.readback import Readback
from hwgen.hdl.weights.shadows import Shadows
from hwgen.protocol.memory import words


def readback() -> Bench:
    """Two stores, of two lanes and of one: each shadow comes out once, in its order."""
    bench = Bench()
    m, bits = bench.m, 3
    images = [[0o25, 0o63, 0o17], [0o4, 0o2]]
    stores = [
        Shadows(image, lanes=lanes, weight_bits=2, shadow_bits=bits)
        for image, lanes in zip(images, (2, 1), strict=True)
    ]
    m.submodules += stores
    m.submodules.dut = dut = Readback(stores, bits)
    inside = bench.opened(dut)
    for store in stores:
        m.d.comb += [store.taught.eq(dut.busy), store.address.eq(dut.address)]
    start = bench.free(1, "start")
    bench.given(~start | ~dut.busy)
    m.d.comb += [dut.start.eq(start), dut.which.eq(bench.free(1, "which"))]
    given = bench.takes(dut.o, PATIENCE)
    which, n_given = Signal(), Signal(4)
    with m.If(start):
        m.d.sync += [which.eq(dut.which), n_given.eq(0)]
    with m.Elif(given):
        m.d.sync += n_given.eq(n_given + 1)
    values = [
        [word >> bits * lane & (2**bits - 1) for word in image for lane in range(store.lanes)]
        for image, store in zip(images, stores, strict=True)
    ]
    totals = Array(len(values_of_one) for values_of_one in values)
    wanted = Array(Array(Const(v, bits) for v in values_of_one) for values_of_one in values)
    out = dut.o.payload
    bench.always(~dut.o.valid | (dut.busy & (out.shadow.as_unsigned() == wanted[which][n_given])))
    bench.always(~dut.o.valid | (out.last == (n_given == totals[which] - 1)))
    bench.always(~dut.busy | (n_given < totals[which]))
    bench.within(2, dut.busy & ~dut.o.valid)
    ended = bench.before(given & out.last)
    bench.always(dut.busy | ~bench.before(dut.busy) | ended)

    n_lanes, depths = (Array(sizes)[which] for sizes in ((2, 1), (3, 2)))
    lane, fetched = inside["lane"], inside["fetched"]
    bench.lemma(inside["which"] == which)
    bench.lemma(~dut.busy | (n_given == dut.address * n_lanes + lane))
    bench.lemma(~dut.busy | ((lane < n_lanes) & (dut.address < depths)))
    bench.lemma(~fetched | dut.busy)
    for number, (store, image) in enumerate(zip(stores, images, strict=True)):
        here = fetched & (which == number)
        bench.lemma(~here | (store.word == Array(Const(w, 6) for w in image)[dut.address]))
    return bench


def fill() -> Bench:
    """Two stores, of two lanes and of one: each shadow that is taken lands in its place."""
    bench = Bench()
    m, bits = bench.m, 2
    lanes, depths = (2, 1), (3, 2)
    stores: Any = [
        SimpleNamespace(lanes=n, depth=depth) for n, depth in zip(lanes, depths, strict=True)
    ]
    m.submodules.dut = dut = Fill(stores, bits)
    inside = bench.opened(dut)
    start = bench.free(1, "start")
    bench.given(~start | ~dut.busy)
    m.d.comb += [dut.start.eq(start), dut.which.eq(bench.free(1, "which"))]
    taken = bench.offers(dut.i)
    which, n_taken = Signal(), Signal(4)
    with m.If(start):
        m.d.sync += [which.eq(dut.which), n_taken.eq(0)]
    with m.Elif(taken):
        m.d.sync += n_taken.eq(n_taken + 1)
    recent = [Signal(bits, name="last"), Signal(bits, name="last_but_one")]
    with m.If(taken):
        m.d.sync += [recent[0].eq(dut.i.payload), recent[1].eq(recent[0])]
    for number, n in enumerate(lanes):
        writes = dut.write_en[number]
        wanted = Cat(reversed(recent[:n]))
        bench.always(~writes | (dut.busy & (which == number)))
        bench.always(~writes | (dut.word[-n * bits :] == wanted))
        bench.always(~writes | (n_taken == (dut.address + 1) * n))
    n_lanes, totals = Array(lanes)[which], Array((6, 2))[which]
    bench.always(~taken | (dut.busy & (n_taken < totals)))
    bench.always(dut.busy | ~bench.before(dut.busy) | (n_taken == totals))
    bench.within(1, dut.busy & dut.i.valid & ~dut.i.ready)

    lane, full = inside["lane"], inside["full"]
    bench.lemma(inside["which"] == which)
    bench.lemma(~dut.busy | (n_taken == dut.address * n_lanes + Mux(full, n_lanes, lane)))
    bench.lemma(~dut.busy | ((dut.address * n_lanes < totals) & (lane < n_lanes)))
    bench.lemma(Mux(dut.busy, ~full | (lane == 0), ~full & (lane == 0)))
    bench.lemma(~(full | lane.any()) | (dut.word[-bits:] == recent[0]))
    bench.lemma(~full | (which == 1) | (dut.word[-2 * bits : -bits] == recent[1]))
    return bench


def teacher(lanes: tuple[int, ...], *, cycles: int, **network: Any) -> Bench:
    """A learning unit of a small network: updates and readings end in so many cycles."""
    bench = Bench(resets=False)
    m = bench.m
    params = learning_params(seed=1, **network)
    layers = params.spec.layers
    stores = [
        Shadows(
            words(shadows, layer, n, params.spec.learning.shadow_bits),
            lanes=n,
            weight_bits=layer.weight_bits,
            shadow_bits=params.spec.learning.shadow_bits,
        )
        for shadows, layer, n in zip(params.shadows, layers, lanes, strict=True)
    ]
    m.submodules += stores
    m.submodules.dut = dut = LearningUnit(params.spec, lanes, stores)
    for port in (dut.start, dut.read, dut.label, dut.which):
        m.d.comb += port.eq(bench.free(port.shape()))
    bench.takes(dut.o, PATIENCE)
    works, begins = Signal(), dut.start | dut.read
    with m.If(begins):
        m.d.sync += works.eq(1)
    with m.Elif(dut.learnt | dut.has_read):
        m.d.sync += works.eq(0)
    bench.given(~begins | ~(works | (dut.start & dut.read)))
    bench.given((dut.label < params.spec.n_classes) & (dut.which < len(layers)))
    sizes = [layer.n_pre for layer in layers] + [params.spec.n_classes]
    for watcher, n in zip([*dut.logs, dut.output_errors], sizes, strict=True):
        for port in (watcher.strobe, watcher.kind, watcher.index):
            m.d.comb += port.eq(bench.free(port.shape()))
        bench.given(~watcher.strobe | ~(works | begins))
        bench.given(watcher.index < n)
    bench.always(~(dut.learnt | dut.has_read) | works)
    bench.within(cycles, works)
    return bench
