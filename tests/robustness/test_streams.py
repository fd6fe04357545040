"""Streams that are no samples: the core answers each end once, and the next sample as golden does.

Behind every such stream comes a clean sample. `make fuzz` takes more, and longer ones.
"""

import os
from types import SimpleNamespace

import numpy as np
import pytest
from hdl_layers import EndCounter, Run, monitor, potentials_of, sample_payloads, times_of
from hdl_streams import collect, drive, simulate, until
from samples import learning_params, random_network, random_spike_times

from hwgen.golden import Golden
from hwgen.hdl.core import SpikeCore
from hwgen.hdl.io.gate import Gate
from hwgen.hdl.stream import vector
from hwgen.network.design import Design
from hwgen.network.layers.pool2d import PoolSpec
from hwgen.protocol.tokens import Kind
from hwgen.protocol.words import Register

MORE = int(os.environ.get("HWGEN_FUZZ", "0")) // 100  # seeds of each; 0: the quick run
N_PAIRS = 5  # of a stream without sense, and a sample
LIMIT_CYCLES = 20_000

NETS = {
    "step": (random_network(3, "1x9-7-4", weight_bits=3), (3, 2)),
    "ramp": (random_network(3, "1x8-7-4", psp="ramp", weight_bits=3), (7, 1)),  # no index to spare
    "triangle": (random_network(3, "1x9-7-4", psp="triangle", tau_steps=2), (3, 4)),
    "phased": (random_network(3, "1x9-7-4", psp="phased/ramp"), (4, 2)),
    "pictures": (random_network(3, "6x5-2C2-P2-3", psp="triangle", tau_steps=1), (2, 1, 3)),
    "pool": (random_network(3, "5x4-P2-2C2-4-3", psp="phased/phased/ramp"), (1, 1, 2, 3)),
    "learns": (learning_params("phased/ramp", 4, "1x5-4-3"), (2, 3)),
}


def nonsense(rng, core, spec, n_steps):
    """Tokens up to an END_OF_SAMPLE: any kind and index; steps too few, too many, for ever."""
    n_indices = 1 << len(core.i.payload.index)
    learns, tokens = bool(core.learning_layers), []
    n_tokens = int(rng.choice([0, 1, 5, 40]))
    shares = np.array([rng.choice([0, 3]), rng.choice([0, 1, 3]), 1])
    for _ in range(n_tokens):
        kind = rng.choice([Kind.SPIKE, Kind.END_OF_STEP, Kind.POTENTIAL], p=shares / shares.sum())
        index = rng.integers(n_indices) if rng.random() < 0.7 else rng.integers(spec.input.n_inputs)
        tokens.append({"kind": int(kind), "index": int(index)})
    tokens += [{"kind": int(Kind.END_OF_STEP), "index": 0}] * int(rng.choice([0, n_steps, 300]))
    if learns and tokens:  # nothing asks for weights between samples here: it begins with a step
        tokens.insert(0, {"kind": int(Kind.END_OF_STEP), "index": 0})
    elif learns:
        return [{"kind": int(Kind.END_OF_SAMPLE), "index": 0}]
    # A label that there is not is none; to a core that does not learn, all are.
    low = spec.n_classes + 1 if learns else 0
    index = int(rng.integers(low, n_indices)) if low < n_indices else 0
    return [*tokens, {"kind": int(Kind.END_OF_SAMPLE), "index": index}]


def means_nothing(token, n_inputs):
    spike = token["kind"] == Kind.SPIKE and token["index"] >= n_inputs
    return spike or token["kind"] == Kind.POTENTIAL


def play(params, lanes, seed, stall, early_exit=False):
    """Results, a `Run` a layer, DROPPED, how many were to be dropped, and the clean samples."""
    core, spec = SpikeCore(Design(params, lanes)), params.spec
    rng = np.random.default_rng(seed)
    inputs = random_spike_times(seed, N_PAIRS, params)
    tokens = []
    for times in inputs:
        tokens += nonsense(rng, core, spec, spec.n_steps)
        tokens += sample_payloads(times[None], vector(len(times)), spec.n_steps, rng)
    n_bad = sum(means_nothing(token, spec.input.n_inputs) for token in tokens)
    layers = [Run() for _ in core._layers]
    results, dropped, ends = [], [], EndCounter()

    async def main(ctx):
        ctx.set(core.early_exit, early_exit)
        await drive(ctx, core.i, tokens, stall, seed)
        done = lambda: ends(layers[-1].tokens) == 2 * N_PAIRS  # noqa: E731
        await until(ctx, done, LIMIT_CYCLES, "end of samples")
        await until(ctx, lambda: len(results) >= 2 * N_PAIRS, 100, "results")
        for _ in range(50):
            await ctx.tick()
        ctx.set(core.reg_addr, Register.DROPPED)
        await ctx.tick()
        dropped.append(ctx.get(core.reg_data))

    async def take(ctx):
        await collect(ctx, core.o, results, stall, seed + 1)

    simulate(core, main, take, *map(monitor, core._layers, layers))
    return results, layers, dropped[0], n_bad, inputs


def samples_of(tokens):
    """Tokens of each sample."""
    samples = [[]]
    for token in tokens:
        samples[-1].append(token)
        if token["kind"] == Kind.END_OF_SAMPLE:
            samples.append([])
    return samples[:-1]


def check(params, lanes, results, layers, dropped, n_bad, inputs, early_exit=False):
    trace, spec = Golden(params).run(inputs), params.spec
    assert len(results) == 2 * N_PAIRS
    assert dropped == n_bad
    clean = results[1::2]
    assert [r["label"] for r in clean] == trace.decisions.tolist()
    assert [r["step"] for r in clean] == trace.decision_steps.tolist()
    assert [r["by_spike"] for r in clean] == (trace.decision_steps < spec.n_steps).tolist()
    if early_exit:
        return
    for index, layer in enumerate(spec.layers):
        tokens = [token for sample in samples_of(layers[index].tokens)[1::2] for token in sample]
        times = times_of(tokens, layer.post, spec.n_steps)
        assert times.tolist() == trace.spike_times[index].tolist(), f"layer {index}"
        if not isinstance(layer, PoolSpec):
            potentials = potentials_of(layers[index].words, layer, lanes[index])[1::2]
            assert potentials.tolist() == trace.potentials[index].tolist(), f"layer {index}"


@pytest.mark.parametrize("seed", range(max(2, MORE)))
@pytest.mark.parametrize("name", NETS)
def test_a_sample_behind_nonsense(name, seed):
    params, lanes = NETS[name]
    stall, early_exit = (0.0, 0.4)[seed % 2], seed % 4 == 3
    found = play(params, lanes, seed, stall, early_exit)
    check(params, lanes, *found, early_exit=early_exit)


def test_a_sample_behind_nonsense_with_early_exit():
    params, lanes = NETS["pictures"]
    check(params, lanes, *play(params, lanes, 7, 0.2, True), early_exit=True)


def count_nothing(monkeypatch):
    elsewhere = {register.name: register.value for register in Register} | {"DROPPED": 15}
    monkeypatch.setattr("hwgen.hdl.io.registers.Register", SimpleNamespace(**elsewhere))


def open_the_gate(monkeypatch):
    class Open(Gate):
        def __init__(self, **options):
            super().__init__(**options)
            self._n_inputs = 1 << len(self.i.payload.index)

    monkeypatch.setattr("hwgen.hdl.core.Gate", Open)


def forget_to_clear(monkeypatch):
    monkeypatch.setattr("hwgen.hdl.layers.walk.Walk._everything", lambda *_: [])


def wait_for_ever(monkeypatch):
    monkeypatch.setattr(
        "hwgen.hdl.adapters.phases.Kind", SimpleNamespace(END_OF_SAMPLE=3, END_OF_STEP=1)
    )


@pytest.mark.parametrize(
    ("plant", "name"),
    [
        (count_nothing, "step"),
        (open_the_gate, "step"),
        (forget_to_clear, "pictures"),
        (wait_for_ever, "phased"),
    ],
)
def test_a_planted_fault_is_found(plant, name, monkeypatch):
    params, lanes = NETS[name]
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        check(params, lanes, *play(params, lanes, 0, 0.0))
