"""What a host may send that is not quite a sample: contract, section 7."""

import numpy as np
import pytest
from hdl_streams import LIMIT_CYCLES, collect, drive, simulate, until
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
