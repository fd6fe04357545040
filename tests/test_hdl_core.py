"""The core against golden: every spike, potential and decision, with stalls, for several lanes."""

import numpy as np
import pytest
from hdl_streams import collect, drive, simulate, until
from samples import random_params, random_spike_times

from hwgen.events import Kind, sample_tokens
from hwgen.golden import Golden
from hwgen.hdl.core import SpikeCore


def run_core(params, lanes, inputs, *, stall=0.0, seed=0, early_exit=False):
    """Stream samples through the core. Returns results, layer tokens and cleared words."""
    core = SpikeCore(params, lanes)
    results, registers = [], {}
    rng = np.random.default_rng(seed)
    tokens = [
        {"kind": token.kind, "index": token.index}
        for times in inputs
        for token in sample_tokens(times, params.spec.n_steps, rng)
    ]

    async def main(ctx):
        ctx.set(core.early_exit, early_exit)
        await drive(ctx, core.i, tokens, stall, seed)
        await until(ctx, lambda: len(results) == len(inputs), 5000, "results")
        for _ in range(200):
            await ctx.tick()
        for address in range(8):
            ctx.set(core.reg_addr, address)
            await ctx.tick()
            registers[address] = ctx.get(core.reg_data)

    async def take(ctx):
        await collect(ctx, core.o, results, stall, seed + 1)

    spikes = [[] for _ in core._layers]
    words = [[] for _ in core._layers]

    async def watch(ctx):
        while True:
            flat = []
            for layer in core._layers:
                flat += [layer.o.valid, layer.o.ready, layer.o.payload]
                flat += [layer.probe_strobe, layer.probe_word]
            _, _, *seen = await ctx.tick().sample(*flat)
            for index in range(len(core._layers)):
                valid, ready, payload, strobe, word = seen[5 * index : 5 * index + 5]
                if valid and ready:
                    spikes[index].append((payload["kind"], payload["index"]))
                if strobe:
                    words[index].append(unpack(word, params.spec.layers[index], lanes[index]))

    simulate(core, main, take, watch)
    return results, spikes, words, registers


def unpack(word, layer, lanes):
    """Potentials of a state word: per lane the potential, then the fired flag, low bits first."""
    bits = layer.potential_bits
    fields = [word >> (bits + 1) * lane & (1 << bits) - 1 for lane in range(lanes)]
    return [field - (field >> bits - 1 << bits) for field in fields]


def spike_times(tokens, n_post, n_steps):
    """Rebuild spike times [n, n_post] from a layer's tokens; each neuron may fire once."""
    samples, times, step = [], np.full(n_post, n_steps), 0
    for kind, index in tokens:
        if kind == Kind.SPIKE:
            assert times[index] == n_steps, "a neuron fired twice"
            times[index] = step
        elif kind == Kind.END_OF_STEP:
            step += 1
        elif kind == Kind.END_OF_SAMPLE:
            samples.append(times)
            times, step = np.full(n_post, n_steps), 0
    return np.array(samples)


@pytest.mark.parametrize("stall", [0.0, 0.3, 0.8])
@pytest.mark.parametrize(
    ("sizes", "lanes", "weight_bits", "uniform"),
    [
        ((12, 9, 4), (1, 1), 1, False),
        ((12, 9, 4), (3, 2), 1, True),
        ((12, 9, 4), (4, 3), 4, False),
        ((12, 9, 4), (9, 4), 1, False),
        ((12, 9, 4), (5, 4), 8, True),
        ((5, 16, 8, 3), (8, 4, 3), 2, False),
        ((7, 1), (1,), 1, False),
        ((7, 2), (1,), 3, False),
    ],
)
def test_core_equals_golden(sizes, lanes, weight_bits, uniform, stall):
    params = random_params(3, sizes, weight_bits, uniform=uniform)
    inputs = random_spike_times(4, 12, params)
    trace = Golden(params).run(inputs)
    results, spikes, words, registers = run_core(params, lanes, inputs, stall=stall, seed=5)
    assert [r["label"] for r in results] == trace.decisions.tolist()
    assert [r["step"] for r in results] == trace.decision_steps.tolist()
    assert [r["by_spike"] for r in results] == (trace.decision_steps < params.spec.n_steps).tolist()
    n_spikes = 0
    for index, layer in enumerate(params.spec.layers):
        times = spike_times(spikes[index], layer.n_post, params.spec.n_steps)
        assert times.tolist() == trace.spike_times[index].tolist(), f"layer {index}"
        potentials = np.array(words[index]).reshape(len(inputs), -1)[:, : layer.n_post]
        assert potentials.tolist() == trace.potentials[index].tolist(), f"layer {index}"
        n_spikes += int((times < params.spec.n_steps).sum())
    assert n_spikes > 0
    assert registers[4] == len(inputs)
    assert registers[5] == int((inputs < params.spec.n_steps).sum())
    assert registers[6] == n_spikes
