"""What a host may send that is not quite a sample: contract, section 7."""

import numpy as np
import pytest
from direct_nets import direct, random_planes
from hdl_streams import LIMIT_CYCLES, collect, drive, simulate, until
from multi_spike_nets import multi_spike
from samples import random_network, random_params, random_spike_times

from hwgen.golden import Golden
from hwgen.hdl.core import SpikeCore
from hwgen.network.design import Design
from hwgen.protocol.tokens import Kind, sample_tokens

NET = random_params(3, (12, 9, 4), 4)


def answers(params, lanes, tokens, n):
    """What the core says of tokens, pairs (kind, index): its results."""
    core = SpikeCore(Design(params, lanes))
    results = []

    async def main(ctx):
        await drive(ctx, core.i, [{"kind": kind, "index": index} for kind, index in tokens], 0.2, 1)
        await until(ctx, lambda: len(results) == n, LIMIT_CYCLES, "results")

    async def take(ctx):
        await collect(ctx, core.o, results, 0.2, 2)

    simulate(core, main, take)
    return results


@pytest.mark.parametrize(
    ("params", "lanes"),
    [(NET, (4, 3)), (random_network(2, "6x6-2C3-P2-3", psp="ramp", weight_bits=4), (2, 1, 3))],
)
def test_the_index_of_an_end_of_step_means_nothing(params, lanes):
    inputs = random_spike_times(4, 6, params)
    rng = np.random.default_rng(5)
    tokens = []
    for times in inputs:
        for token in sample_tokens(times, params.spec.n_steps):
            index = token.index
            if token.kind == Kind.END_OF_STEP:
                index = int(rng.integers(1, params.spec.input.n_inputs))
            tokens.append((token.kind, index))
    found = answers(params, lanes, tokens, len(inputs))
    trace = Golden(params).run(inputs)
    assert [r["label"] for r in found] == trace.decisions.tolist()
    assert [r["step"] for r in found] == trace.decision_steps.tolist()


@pytest.mark.parametrize("n_steps", [0, 2, 7, 255, 256, 300])
def test_a_decision_by_potential_is_at_as_many_steps_as_came(n_steps):
    """The sample has another number of steps than T = 6, and says nothing."""
    tokens = [(Kind.END_OF_STEP, 0)] * n_steps + [(Kind.END_OF_SAMPLE, 0)]
    (result,) = answers(NET, (4, 3), tokens, 1)
    assert (result["step"], result["by_spike"]) == (n_steps % 256, 0)


def plane_tokens(planes):
    """Of one sample, uint8 [n_planes, n_inputs], with as many planes as there are."""
    return [(token.kind, token.index) for token in sample_tokens(planes, len(planes))]


@pytest.mark.parametrize(
    "params",
    [
        direct(multi_spike(3, "1x9-7-4", weight_bits=3, n_steps=4)),
        direct(random_network(7, "1x9-7-4", psp="phased/ramp", weight_bits=3), x_max=20),
    ],
    ids=["again", "phased"],
)
def test_fewer_bit_planes_and_more(params):
    """What does not come is 0; what comes too often may say anything, but in its own sample."""
    whole = random_planes(4, 6, params)
    short = whole.copy()
    short[0, 2:] = 0
    short[2, 1:] = 0
    short[4] = 0
    tokens = []
    for sample, n in zip(whole, (2, 8, 1, 8, 0, 8), strict=True):
        tokens += plane_tokens(sample[:n])
    often = np.concatenate([whole[1], whole[1], whole[1]])
    tokens += plane_tokens(often) + plane_tokens(whole[3])
    found = answers(params, (3, 4), tokens, 8)
    expected = Golden(params).run(short).decisions.tolist()
    assert [r["label"] for r in found[:6]] == expected
    assert found[7]["label"] == expected[3]
    assert len(set(expected)) > 1
