"""The core against golden: every spike, potential and decision, with stalls, for several lanes."""

from dataclasses import replace

import numpy as np
import pytest
from hdl_layers import (
    EndCounter,
    Run,
    cycles_of_additions,
    monitor,
    potentials_of,
    random_times,
    sample_payloads,
    times_of,
    use_hostile_banks,
)
from hdl_streams import LIMIT_CYCLES, collect, drive, simulate, until
from samples import random_network, random_params, random_spike_times

from hwgen.golden import Golden
from hwgen.hdl.adapters.phases import Phases
from hwgen.hdl.core import SpikeCore
from hwgen.hdl.layers.dense import Dense
from hwgen.hdl.stream import vector
from hwgen.network.design import Design
from hwgen.network.layers.conv2d import taps
from hwgen.network.layers.pool2d import PoolSpec
from hwgen.protocol.words import Register


@pytest.fixture(autouse=True)
def hostile_banks(monkeypatch):
    use_hostile_banks(monkeypatch)


def run_core(params, lanes, inputs, *, stall=0.0, seed=0, early_exit=False):
    """Stream spike times uint8 [n, n_inputs]. Returns results, a `Run` a layer, registers."""
    core = SpikeCore(Design(params, lanes))
    rng = np.random.default_rng(seed)
    layers = [Run() for _ in core._layers]
    results, registers, ends = [], {}, EndCounter()
    payloads = sample_payloads(inputs, vector(inputs.shape[1]), params.spec.n_steps, rng)

    async def main(ctx):
        ctx.set(core.early_exit, early_exit)
        await drive(ctx, core.i, payloads, stall, seed)
        done = lambda: ends(layers[-1].tokens) == len(inputs)  # noqa: E731
        await until(ctx, done, LIMIT_CYCLES, "end of samples")
        await until(ctx, lambda: len(results) == len(inputs), 100, "results")
        for _ in range(20):  # the counters come a little later
            await ctx.tick()
        for register in Register:
            ctx.set(core.reg_addr, register)
            await ctx.tick()
            registers[register] = ctx.get(core.reg_data)

    async def take(ctx):
        await collect(ctx, core.o, results, stall, seed + 1)

    simulate(core, main, take, *map(monitor, core._layers, layers))
    return results, layers, registers


def check(params, lanes, inputs, results, layers, registers):
    """Everything that golden knows, for all layers."""
    trace, spec = Golden(params).run(inputs), params.spec
    assert [r["label"] for r in results] == trace.decisions.tolist()
    assert [r["step"] for r in results] == trace.decision_steps.tolist()
    by_spike = (trace.decision_steps < spec.n_steps).tolist()
    assert [r["by_spike"] for r in results] == by_spike
    n_spikes = 0
    for index, layer in enumerate(spec.layers):
        times = times_of(layers[index].tokens, layer.post, spec.n_steps)
        assert times.tolist() == trace.spike_times[index].tolist(), f"layer {index}"
        n_spikes += int((times < spec.n_steps).sum())
        if not isinstance(layer, PoolSpec):
            potentials = potentials_of(layers[index].words, layer, lanes[index])
            assert potentials.tolist() == trace.potentials[index].tolist(), f"layer {index}"
    assert n_spikes > 0
    assert registers[Register.SAMPLES] == len(inputs)
    assert registers[Register.EVENTS] == int((inputs < spec.n_steps).sum())
    assert registers[Register.SPIKES] == n_spikes
    assert registers[Register.SYNAPTIC_OPS] == int(trace.synaptic_ops.sum())
    assert registers[Register.DROPPED] == 0


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
    check(params, lanes, inputs, *run_core(params, lanes, inputs, stall=stall, seed=5))


@pytest.mark.parametrize("stall", [0.0, 0.3, 0.8])
@pytest.mark.parametrize(
    ("sizes", "lanes", "psp", "tau_steps"),
    [
        ("1x9-7-4", (1, 1), "ramp", 0),
        ("1x9-8-4", (4, 2), "triangle", 1),  # two words: each waits for the other
        ("1x9-7-4", (3, 4), "triangle", 2),
        ("1x9-7-4", (7, 3), "ramp/step", 0),
        ("1x9-7-4", (5, 4), "step/triangle", 3),
        ("1x9-7-4", (3, 4), "phased/ramp", 0),
        ("1x9-8-6-4", (8, 2, 4), "phased/phased/step", 0),
    ],
)
def test_slopes_equal_golden(sizes, lanes, psp, tau_steps, stall):
    params = random_network(3, sizes, psp=psp, tau_steps=tau_steps, weight_bits=3)
    inputs = random_spike_times(4, 8, params)
    check(params, lanes, inputs, *run_core(params, lanes, inputs, stall=stall, seed=5))


def test_slopes_with_one_threshold():
    params = random_network(3, "1x9-7-4", psp="ramp", uniform=True)
    inputs = random_spike_times(4, 8, params)
    check(params, (3, 2), inputs, *run_core(params, (3, 2), inputs))


@pytest.mark.parametrize(("lanes", "n_cycles"), [(6, 1), (3, 3), (2, 3), (1, 6)])
def test_cycles_of_an_event_with_slopes(lanes, n_cycles):
    """One a block, but three if there are two blocks, as each waits until it is written."""
    params = random_network(3, "1x9-6", psp="ramp")
    dut = Dense(
        params.spec.layers[0],
        params.weights[0],
        params.thresholds[0],
        params.drives[0],
        lanes=lanes,
    )
    cycles = cycles_of_additions(dut, [{"kind": 0, "index": index} for index in range(9)])
    assert cycles[-1] == 8 * n_cycles + -(-6 // lanes) - 1


@pytest.mark.parametrize(
    ("shape", "lanes", "psp", "stall"),
    [
        ("9x8-3C3-P2-4C2-5-3", (2, 1, 4, 2, 3), "ramp", 0.0),
        ("9x8-3C3-P2-4C2-5-3", (3, 1, 3, 5, 1), "triangle", 0.3),
        ("8x7-2C2s2p1-P2-3", (2, 1, 3), "step/ramp", 0.3),
        ("7x8-P2-3C3p1-3", (1, 2, 2), "ramp/triangle", 0.8),  # a pooling layer first
        ("6x6-2C3-P4-3C1-4-3", (1, 1, 3, 4, 2), "step", 0.0),  # one position left
        ("3x4-3C2-3", (3, 3), "triangle", 0.8),
        ("9x8-3C3-P2-4C2-5-3", (2, 1, 4, 2, 3), "phased/phased/phased/ramp", 0.0),
        ("8x7-2C2s2p1-P2-4-3", (1, 1, 2, 3), "step/phased/ramp", 0.8),
        ("7x8-P2-3C3p1-3", (1, 2, 2), "phased/triangle", 0.3),
    ],
)
def test_pictures_equal_golden(shape, lanes, psp, stall):
    params = random_network(3, shape, psp=psp, tau_steps=2, n_steps=5)
    inputs = random_times(4, 4, params.spec.input.n_inputs, params.spec.n_steps)
    check(params, lanes, inputs, *run_core(params, lanes, inputs, stall=stall, seed=5))


def test_early_exit_decides_the_same():
    params = random_network(3, "8x7-2C2-P2-3", psp="triangle", tau_steps=2)
    inputs = random_times(4, 6, params.spec.input.n_inputs, params.spec.n_steps)
    trace = Golden(params).run(inputs)
    assert trace.decision_steps.min() + 2 < params.spec.n_steps  # there is something to save
    results, _, registers = run_core(params, (2, 1, 3), inputs, early_exit=True)
    assert [r["label"] for r in results] == trace.decisions.tolist()
    assert [r["step"] for r in results] == trace.decision_steps.tolist()
    assert registers[Register.SYNAPTIC_OPS] < trace.synaptic_ops.sum()


def flip_weight(params, _):
    weights = params.weights[0].copy()
    weights[1, 0, 0, 1] *= -1
    return replace(params, weights=(weights, *params.weights[1:]))


def raise_threshold(params, _):
    thresholds = params.thresholds[0].copy()
    thresholds[0] += 1
    return replace(params, thresholds=(thresholds, *params.thresholds[1:]))


def take_taps_in_order(params, monkeypatch):
    monkeypatch.setattr("hwgen.hdl.layers.walk.tap_order", lambda size, stride: [*range(size)])
    return params


def reach_one_too_far(params, monkeypatch):
    monkeypatch.setattr(
        "hwgen.hdl.layers.walk.taps",
        lambda layer, n, y: [(o, t) for o, t in taps(layer, n, y) if o],
    )
    return params


def never_wait(params, monkeypatch):
    monkeypatch.setattr("hwgen.hdl.neurons.pipeline.Neurons._wait", lambda *_: None)
    return params


def forget_to_clear(params, monkeypatch):
    monkeypatch.setattr("hwgen.hdl.layers.walk.Walk._everything", lambda *_: [])
    return params


PHASED = ("7x6-2C2-P2-3C1-4-3", (2, 1, 3, 2, 3), "phased/phased/phased/ramp")


def raise_drive(params, _):
    drives = params.drives[0].copy()
    drives[0] += 1
    return replace(params, drives=(drives, *params.drives[1:]))


def fire_a_step_less(params, monkeypatch):
    whole = Phases.__init__
    monkeypatch.setattr(
        Phases, "__init__", lambda self, shape, n_steps: whole(self, shape, n_steps=n_steps - 1)
    )
    return params


def keep_the_slope(params, monkeypatch):
    monkeypatch.setattr("hwgen.hdl.neurons.single_spike.Mux", lambda chosen, one, other: other)
    return params


@pytest.mark.parametrize(
    "plant", [flip_weight, raise_threshold, raise_drive, fire_a_step_less, keep_the_slope]
)
def test_a_planted_fault_in_a_phased_network_is_found(plant, monkeypatch):
    shape, lanes, psp = PHASED
    params = random_network(5, shape, psp=psp, n_steps=5)
    inputs = random_times(4, 4, params.spec.input.n_inputs, params.spec.n_steps)
    check(params, lanes, inputs, *run_core(params, lanes, inputs))
    found = run_core(plant(params, monkeypatch), lanes, inputs)
    with pytest.raises(AssertionError):
        check(params, lanes, inputs, *found)


@pytest.mark.parametrize(
    "plant",
    [
        flip_weight,
        raise_threshold,
        take_taps_in_order,
        reach_one_too_far,
        never_wait,
        forget_to_clear,
    ],
)
def test_a_planted_fault_is_found(plant, monkeypatch):
    shape, lanes = "6x6-2C2-P2-3C1-3", (2, 1, 3, 3)
    params = random_network(5, shape, psp="triangle", tau_steps=1, n_steps=5)
    inputs = random_times(4, 4, params.spec.input.n_inputs, params.spec.n_steps)
    found = run_core(plant(params, monkeypatch), lanes, inputs)
    with pytest.raises(AssertionError):
        check(params, lanes, inputs, *found)
