"""The core against golden: every spike, potential and decision, with stalls, for several lanes."""

import numpy as np
import pytest
from hdl_layers import EndCounter, Run, monitor, potentials_of, sample_payloads, times_of
from hdl_streams import LIMIT_CYCLES, collect, drive, simulate, until
from samples import random_params, random_spike_times

from hwgen.golden import Golden
from hwgen.hdl.core import SpikeCore
from hwgen.hdl.stream import vector
from hwgen.protocol import Register
from hwgen.spec import PoolSpec


def run_core(params, lanes, inputs, *, stall=0.0, seed=0, early_exit=False):
    """Stream spike times uint8 [n, n_inputs]. Returns results, a `Run` a layer, registers."""
    core = SpikeCore(params, lanes)
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
