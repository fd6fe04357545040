"""The halves of a convolution do not get stuck: tokens become slots, and slots tokens."""

from typing import Any

from amaranth.hdl import Module, Value
from amaranth.hdl._ast import AnySeq
from formal.bench import PATIENCE, Bench

from hwgen.hdl.layers.walk import Walk
from hwgen.hdl.neurons.pipeline import Neurons
from hwgen.hdl.neurons.single_spike import State
from hwgen.hdl.neurons.slot import Op
from hwgen.network.layers.conv2d import ConvSpec
from hwgen.network.layers.kinds import narrowest
from hwgen.protocol.tokens import Kind


class AnyState(State):
    """Anybody may fire at any time."""

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += self.exceeds.eq(AnySeq(len(self.exceeds)))
        return m


def ends_token(slot: Any) -> Any:
    """A token comes out behind it."""
    return slot.valid & slot.last & slot.closing & (Value.cast(slot.op) != Op.ADD)


def neurons(lanes: int, *, cycles: int, **shape: Any) -> Bench:
    """Any slots: each is taken, and its token comes out, in so many cycles."""
    bench = Bench()
    bench.stands_in("hwgen.hdl.neurons.pipeline.State", AnyState)
    layer = narrowest(ConvSpec(weight_bits=1, potential_bits=0, **shape), 1)
    bench.m.submodules.dut = dut = Neurons(layer, [0] * layer.filters, [], lanes=lanes)
    inside = bench.opened(dut)
    bench.m.d.comb += Value.cast(dut.i).eq(bench.free(len(Value.cast(dut.i)), "slot"))
    given, out = bench.takes(dut.o, PATIENCE), dut.o.payload
    is_mark = (out.kind == Kind.END_OF_STEP) | (out.kind == Kind.END_OF_SAMPLE)
    n_inside = bench.count(dut.take & ends_token(dut.i), given & is_mark)
    bench.within(cycles, ~dut.take)
    bench.within(cycles, (n_inside != 0) & ~(given & is_mark))

    b, c, d = (inside[name] for name in "bcd")
    for name, older in (("in_c", c), ("in_d", d)):
        both = b.valid & older.valid & (b.word == older.word)
        ops = [Value.cast(slot.op) != Op.PASS for slot in (b, older)]
        bench.lemma(inside[name] == (both & ops[0] & ops[1]))
    part = bench.opened(inside["serializer"])
    bench.lemma(part["busy"] == (part["rest"].any() | part["closes"]))
    bench.lemma(~part["closes"] | part["closing_kind"].xor())
    bench.lemma(n_inside == part["closes"] + sum(ends_token(slot) for slot in (b, c, d)))
    return bench


def walk(lanes: int, *, cycles: int, **shape: Any) -> Bench:
    """Any tokens: each is taken, and an end has its last slot, in so many cycles."""
    bench = Bench()
    layer = narrowest(ConvSpec(weight_bits=1, potential_bits=0, **shape), 1)
    bench.m.submodules.dut = dut = Walk(layer, lanes=lanes)
    inside = bench.opened(dut)
    taken, token = bench.offers(dut.i), dut.i.payload
    bench.given((token.column < layer.width) & (token.channel < layer.channels))
    bench.given(token.kind != Kind.POTENTIAL)
    bench.m.d.comb += dut.take.eq(bench.free(1, "take"))
    waits = ~dut.take
    bench.given(~waits | (bench.lasts(waits) < PATIENCE))
    n_inside = bench.count(taken & (token.kind != Kind.SPIKE), dut.take & ends_token(dut.o))
    bench.within(cycles, dut.i.valid & ~dut.i.ready)
    bench.within(cycles, (n_inside != 0) & ~(dut.take & ends_token(dut.o)))

    slot, span = inside["_walk.slot"], inside["n"]
    kind = Value.cast(inside["_find.token"].kind)
    stages = [
        inside["_find.valid"] & (kind != Kind.SPIKE),
        inside["n_valid"] & span.closing & (Value.cast(span.op) != Op.ADD),
        slot.valid & slot.closing & (Value.cast(slot.op) != Op.ADD),
    ]
    bench.lemma(n_inside == sum(stages))
    bench.lemma(kind != Kind.POTENTIAL)
    row_words = layer.post.width * layer.post.channels // lanes
    for run in (span.run, inside["run"], inside["run_left"]):
        bench.lemma(run < row_words)
    for rows in (span.rows, inside["rows_left"]):
        bench.lemma(rows < layer.post.height)
    return bench
