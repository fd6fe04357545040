"""Blocks of the core, one at a time, with stalls; and benches that must fail."""

import numpy as np
import pytest
from hdl_streams import collect, drive, simulate, until

from hwgen.hdl.io.gate import Gate
from hwgen.hdl.io.readout import Readout
from hwgen.hdl.memory.bank import StateBank
from hwgen.hdl.neurons.serializer import Serializer
from hwgen.hdl.stream import vector
from hwgen.protocol.tokens import Kind

STALLS = [0.0, 0.4, 0.9]
SPIKE, STEP, SAMPLE, POTENTIAL = (int(kind) for kind in Kind)


@pytest.mark.parametrize("n_blocks", [1, 2, 5])
def test_bank_is_a_memory(n_blocks):
    bank = StateBank(n_blocks=n_blocks, width=9)
    rng = np.random.default_rng(n_blocks)
    model = [0] * n_blocks

    async def main(ctx):
        for _ in range(200):
            block, value = int(rng.integers(n_blocks)), int(rng.integers(512))
            ctx.set(bank.write_en, 1)
            ctx.set(bank.write_block, block)
            ctx.set(bank.write_data, value)
            await ctx.tick()
            ctx.set(bank.write_en, 0)
            model[block] = value
            wanted = int(rng.integers(n_blocks))
            ctx.set(bank.read_en, 1)
            ctx.set(bank.read_block, wanted)
            await ctx.tick()
            ctx.set(bank.read_en, 0)
            ctx.set(bank.read_block, 0)
            for _ in range(int(rng.integers(3))):  # the word stays until the next read
                await ctx.tick()
            assert ctx.get(bank.read_data) == model[wanted]

    simulate(bank, main)


@pytest.mark.parametrize("stall", STALLS)
@pytest.mark.parametrize("lanes", [1, 3, 8])
def test_serializer(lanes, stall):
    rng = np.random.default_rng(lanes)
    dut = Serializer(vector(64), lanes=lanes, potential_bits=6)
    blocks = []
    for _ in range(30):
        mask = rng.random(lanes) < rng.choice([0.0, 0.5, 1.0])
        base = lanes * int(rng.integers(64 // lanes))
        potentials = rng.integers(-32, 32, lanes).tolist()
        blocks.append((mask, base, potentials, bool(rng.integers(2)), int(rng.integers(3))))
    expected, got = [], []
    for mask, base, potentials, final, close in blocks:
        for lane in np.flatnonzero(mask):
            expected.append((POTENTIAL if final else SPIKE, base + lane, potentials[lane]))
        if close:
            expected.append((close, 0, None))

    async def main(ctx):
        for mask, base, potentials, final, close in blocks:
            ctx.set(dut.load, 1)
            ctx.set(dut.mask, sum(1 << int(lane) for lane in np.flatnonzero(mask)))
            ctx.set(dut.base, base)
            ctx.set(dut.potentials, sum((p & 63) << 6 * lane for lane, p in enumerate(potentials)))
            ctx.set(dut.is_potential, final)
            ctx.set(dut.close, close != 0)
            ctx.set(dut.close_kind, close)
            await ctx.tick().until(dut.empty)
            ctx.set(dut.load, 0)
        await until(ctx, lambda: len(got) >= len(expected), 3000, "tokens")
        for _ in range(50):
            await ctx.tick()

    async def take(ctx):
        await collect(ctx, dut.o, got, stall, 1)

    simulate(dut, main, take)
    assert len(got) == len(expected)
    for token, (kind, index, potential) in zip(got, expected, strict=True):
        assert (token["kind"], token["index"]) == (kind, index)
        if potential is not None:
            assert token["potential"] == potential


def run_readout(tokens, stall, seed=0):
    """Tokens (kind, index, potential) -> results (label, step, by_spike) and n_finished."""
    dut = Readout(n_classes=10, potential_bits=6)
    got, finished = [], []
    payloads = [{"kind": k, "index": i, "potential": p} for k, i, p in tokens]

    async def main(ctx):
        await drive(ctx, dut.i, payloads, stall, seed)
        for _ in range(200):
            await ctx.tick()

    async def take(ctx):
        await collect(ctx, dut.o, got, stall, seed + 1)

    async def count(ctx):
        while True:
            _, _, strobe = await ctx.tick().sample(dut.finished)
            finished.append(strobe)

    simulate(dut, main, take, count)
    return [(r["label"], r["step"], r["by_spike"]) for r in got], sum(finished)


END = [(STEP, 0, 0)]


@pytest.mark.parametrize("stall", STALLS)
@pytest.mark.parametrize(
    ("tokens", "answer"),
    [
        ([*END, (SPIKE, 3, 5), *END, (SPIKE, 1, 9), *END], (3, 1, 1)),  # the earliest
        ([(SPIKE, 3, 5), (SPIKE, 7, 6), *END], (7, 0, 1)),  # larger potential
        ([(SPIKE, 3, 6), (SPIKE, 7, 6), *END], (3, 0, 1)),  # lower index
        ([(SPIKE, 7, 6), (SPIKE, 3, 6), *END], (3, 0, 1)),  # in whatever order they come
        ([(SPIKE, 7, -3), (SPIKE, 3, -4), *END], (7, 0, 1)),  # signed
        ([*END, *END, (POTENTIAL, 0, -9), (POTENTIAL, 4, -2), (POTENTIAL, 5, -2)], (4, 2, 0)),
        ([(SPIKE, 2, 1), *END, (POTENTIAL, 0, 30), (POTENTIAL, 2, 1)], (2, 0, 1)),
    ],
)
def test_readout(tokens, answer, stall):
    sample = [*tokens, (SAMPLE, 0, 0)]
    results, n_finished = run_readout([*sample, *sample], stall)  # twice: nothing may be left over
    assert results == [answer, answer]
    assert n_finished == 2


def run_gate(samples, *, decide_at=None, early_exit=False, stall=0.0, n_inputs=10, dropped=None):
    """Tokens through a gate; `decided` rises once `decide_at` tokens have come out."""
    dut = Gate(n_inputs=n_inputs, max_in_flight=2)
    got, events, inside = [], [], []
    payloads = [{"kind": k, "index": i} for k, i in samples]

    async def main(ctx):
        ctx.set(dut.early_exit, early_exit)
        await drive(ctx, dut.i, payloads, stall, 1)
        for _ in range(100):
            await ctx.tick()
        inside.append(ctx.get(dut.busy))

    async def take(ctx):
        await collect(ctx, dut.o, got, stall, 2)

    async def downstream(ctx):  # a readout right behind the gate
        n_seen = n_decided = 0
        while True:
            decided = decide_at is not None and len(got) - n_decided >= decide_at
            ends = len(got) > n_seen and got[-1]["kind"] == SAMPLE
            n_seen = len(got)
            if ends:
                n_decided = len(got)
            ctx.set(dut.decided, decided and not ends)
            ctx.set(dut.finished, ends)
            _, _, event, lost = await ctx.tick().sample(dut.event, dut.dropped)
            events.append(event)
            if dropped is not None:
                dropped.append(lost)

    simulate(dut, main, take, downstream)
    return [(t["kind"], t["index"]) for t in got], sum(events), inside[0]


SAMPLE_TOKENS = [(SPIKE, 1), (SPIKE, 9), (STEP, 0), (SPIKE, 4), (STEP, 0), (SAMPLE, 0)]


@pytest.mark.parametrize("stall", STALLS)
def test_gate_passes_samples_on(stall):
    got, n_events, busy = run_gate(SAMPLE_TOKENS * 4, stall=stall)
    assert got == SAMPLE_TOKENS * 4
    assert n_events == 12
    assert busy == 0


@pytest.mark.parametrize("n_inputs", [10, 16])
def test_gate_drops_and_counts_spikes_of_no_input_and_potentials(n_inputs):
    bad = [(SPIKE, n_inputs), (SPIKE, 2 * n_inputs - 1 if n_inputs == 16 else 15), (POTENTIAL, 3)]
    counted = []
    got, n_events, busy = run_gate(
        [*bad, *SAMPLE_TOKENS, *bad, *SAMPLE_TOKENS, *bad], n_inputs=n_inputs, dropped=counted
    )
    assert got == SAMPLE_TOKENS * 2
    assert n_events == 6
    assert sum(counted) == 9
    assert busy == 0  # what means nothing begins no sample


def test_gate_swallows_the_rest_of_a_decided_sample():
    long = [(SPIKE, 1), (STEP, 0), *[(SPIKE, 2), (STEP, 0)] * 20, (SAMPLE, 0)]
    dropped = []
    got, _, busy = run_gate(long * 3, decide_at=2, early_exit=True, dropped=dropped)
    assert got.count((SAMPLE, 0)) == 3
    assert len(got) < 3 * 8
    assert sum(dropped) == 0  # what is swallowed had a meaning
    assert got[:2] == long[:2]
    assert busy == 0
    complete, _, _ = run_gate(long * 3, decide_at=2, early_exit=False)
    assert complete == long * 3


def test_collect_catches_a_payload_that_changes():
    from amaranth.hdl import Module
    from amaranth.lib import stream, wiring
    from amaranth.lib.wiring import Out

    class Restless(wiring.Component):
        o: Out(stream.Signature(8))

        def elaborate(self, platform):
            m = Module()
            m.d.comb += self.o.valid.eq(1)
            m.d.sync += self.o.payload.eq(self.o.payload + 1)  # whether taken or not
            return m

    dut = Restless()

    async def main(ctx):
        for _ in range(50):
            await ctx.tick()

    async def take(ctx):
        await collect(ctx, dut.o, [], 0.5, 0)

    with pytest.raises(AssertionError, match="payload changed"):
        simulate(dut, main, take)
