"""Pooling: of each neuron and sample, or step, the first spike passes, and all ends."""

from amaranth.hdl import Cat, Mux, Signal
from formal.bench import PATIENCE, Bench, HostileBank

from hwgen.hdl.layers.pool import Pool
from hwgen.network.layers.pool2d import PoolSpec
from hwgen.protocol.tokens import Kind


def pool(*, each_step: bool = False) -> Bench:
    """Three windows of 2 x 2 and a column that is in none; tags of two bits, which is just enough
    for three neurons. Watched are the ends, and the spikes of one neuron, any."""
    bench = Bench()
    m = bench.m
    bench.stands_in("hwgen.hdl.layers.pool.StateBank", HostileBank)
    bench.stands_in("hwgen.hdl.layers.pool.TAG_BITS", 2)
    m.submodules.dut = dut = Pool(
        PoolSpec(height=2, width=7, channels=1, size=2), each_step=each_step
    )
    inside = bench.opened(dut)
    token, out = dut.i.payload, dut.o.payload
    taken, given = bench.offers(dut.i), bench.takes(dut.o, PATIENCE)
    bench.given((token.column < 7) & (token.channel == 0))
    watched = bench.fixed(2, "window")
    bench.given(watched < 3)

    end = Kind.END_OF_STEP if each_step else Kind.END_OF_SAMPLE
    is_spike, ends = token.kind == Kind.SPIKE, token.kind == end
    fired = Signal()
    is_ours = is_spike & (token.column >> 1 == watched)
    with m.If(taken & is_ours):
        m.d.sync += fired.eq(1)
    with m.If(taken & ends):
        m.d.sync += fired.eq(0)
    passes = taken & (~is_spike | (is_ours & ~fired))
    counts = given & ((out.kind != Kind.SPIKE) | (out.column == watched))
    wanted = Cat(token.kind, Mux(is_spike, watched, 0))
    found = Cat(out.kind, Mux(out.kind == Kind.SPIKE, out.column, 0))
    relay = bench.relays(passes, wanted, counts, found)
    bench.always(~given | (out.channel == 0) & (out.row == 0))
    bench.within(6, dut.i.valid & ~dut.i.ready)
    bench.within(6, (relay.inside != 0) & ~given)
    _pool_lemmas(bench, dut, inside, relay, watched, fired, passes, end)
    return bench


def _pool_lemmas(bench, dut, inside, relay, watched, fired, passes, end) -> None:
    """What the stages hold, and how old the tag of the watched neuron is, in samples."""
    m, r, q = bench.m, inside["r"], inside["q"]
    moves, renews, free = inside["moves"], inside["renews"], inside["free"]
    # As the neuron was before the token in stage R, in stage Q, and before the next one taken.
    fired_r, fired_q, fired_next = Signal(), Signal(), Signal()
    q_passes, r_passes = Signal(), Signal()
    q_ours, r_ours = q.spike & (q.tag == watched), r.spike & (r.tag == watched)
    r_ends, q_ends = (s.valid & (s.kind == end) for s in (r, q))
    m.d.comb += [
        fired_q.eq((fired_r | r_ours) & ~r_ends),
        fired_next.eq((fired_q | q_ours) & ~q_ends),
    ]
    with m.If(dut.i.ready):
        m.d.sync += q_passes.eq(passes)
    with m.If(moves):
        m.d.sync += r_passes.eq(q_passes)
    with m.If(free & r_ours):
        m.d.sync += fired_r.eq(1)
    with m.If(free & r_ends):
        m.d.sync += [fired_r.eq(0), r_passes.eq(0)]
    bench.lemma(fired == fired_next)
    bench.lemma(q_passes == Mux(q.spike, q_ours & ~fired_q, q.valid))
    bench.lemma(r_passes == (r.valid & Mux(r.spike, r_ours & ~fired_r, 1)))
    bench.lemma(~r.spike | (r.valid & (r.kind == Kind.SPIKE) & (r.tag < 3)))
    bench.lemma(~r.valid | (r.kind != Kind.SPIKE) | r.spike)
    late = inside["again"] | (inside["tags"].read_data == inside["sample"])
    bench.lemma(~r_ours | (late == fired_r))

    def shown(kind, column):
        return Cat(kind, Mux(kind == Kind.SPIKE, column, 0))

    out = dut.o.payload
    is_shown = dut.o.valid & ((out.kind != Kind.SPIKE) | (out.column == watched))
    bench.lies_in(
        relay,
        (is_shown, shown(out.kind, out.column)),
        (r_passes, shown(r.kind, r.column)),
        (q_passes, shown(q.kind, q.column)),
    )
    bank = bench.opened(inside["tags"])
    spy = bank["storage"].read_port(domain="comb")
    age, since, until = Signal(2), Signal(2), Signal(2)
    left, target = inside["left"], inside["target"]
    m.d.comb += [
        spy.addr.eq(watched),
        age.eq(inside["sample"] - spy.data),
        until.eq(Mux(watched >= target, watched - target, 3 + watched - target)),
        since.eq(2 - until),  # tags renewed since ours
    ]
    waits = renews & (until <= left)
    bench.lemma(~renews | ~(r.valid | r.spike | fired_r))
    bench.lemma((target < 3) & (left < 3) & (renews | (left == 0)))
    bench.lemma((left == 0) | (target + left == 2))  # only after reset
    bench.lemma(waits | bank["known"].bit_select(watched, 1))
    bench.lemma(waits | (fired_r == (age == 0)))
    bench.lemma(waits | (age <= Mux(left != 0, 1, since + 1 + renews)))
