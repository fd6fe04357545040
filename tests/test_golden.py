"""Golden against numbers worked out by hand, and against the plainest possible loop."""

import numpy as np
import pytest
from samples import random_params, random_spike_times

from hwgen.golden import Golden
from hwgen.golden.connections import Dense
from hwgen.params import Params
from hwgen.spec import InputSpec, NetworkSpec, dense

NEVER = 4


def params(weights, thresholds, n_steps=NEVER, bits=4):
    arrays = [np.array(w, np.int8) for w in weights]
    return Params(
        name="hand",
        spec=NetworkSpec(
            n_steps=n_steps,
            input=InputSpec(height=1, width=arrays[0].shape[0], x_max=255),
            layers=tuple(dense(*w.shape, bits) for w in arrays),
        ),
        weights=tuple(arrays),
        thresholds=tuple(np.array(t, np.int32) for t in thresholds),
    )


@pytest.mark.parametrize(("threshold", "fires_at"), [(4, 1), (5, 2), (6, 2), (7, NEVER)])
def test_fires_strictly_above_threshold(threshold, fires_at):
    # potentials after steps 0..3: 3, 5, 7, 7
    trace = Golden(params([[[3], [2], [2]]], [[threshold]])).run(np.array([[0, 1, 2]], np.uint8))
    assert trace.spike_times[0].tolist() == [[fires_at]]
    assert trace.potentials[0].tolist() == [[7]]


def test_fires_once_and_goes_on_integrating():
    trace = Golden(params([[[5], [-7], [6]]], [[4]])).run(np.array([[0, 1, 2]], np.uint8))
    assert trace.spike_times[0].tolist() == [[0]]
    assert trace.potentials[0].tolist() == [[4]]


def test_spike_reaches_next_layer_in_the_same_step():
    two = params([[[3]], [[2]]], [[2], [1]])
    trace = Golden(two).run(np.array([[2]], np.uint8))
    assert [times.tolist() for times in trace.spike_times] == [[[2]], [[2]]]


def test_threshold_zero_needs_a_positive_potential():
    trace = Golden(params([[[1, -1]]], [[0, 0]])).run(np.array([[1], [NEVER]], np.uint8))
    assert trace.spike_times[0].tolist() == [[1, NEVER], [NEVER, NEVER]]


@pytest.mark.parametrize(
    ("weights", "thresholds", "decision", "step"),
    [
        ([[3, 5, 5]], [2, 4, 4], 1, 0),  # all fire at 0: larger potential, then lower index
        ([[3, 5, 6]], [2, 7, 7], 0, 0),  # only the first fires, though others have more
        ([[3, 5, 5]], [7, 7, 7], 1, NEVER),  # nobody fires: largest potential, lower index
        ([[-3, -5, -3]], [7, 7, 7], 0, NEVER),
    ],
)
def test_first_spike_readout(weights, thresholds, decision, step):
    trace = Golden(params([weights], [thresholds])).run(np.array([[0]], np.uint8))
    assert trace.decisions.tolist() == [decision]
    assert trace.decision_steps.tolist() == [step]


def test_tie_is_broken_by_the_potential_at_the_first_spike_not_at_the_end():
    # step 0: potentials 3 and 4, both fire; step 1: 7 and 4
    trace = Golden(params([[[3, 4], [4, 0]]], [[2, 2]])).run(np.array([[0, 1]], np.uint8))
    assert trace.potentials[0].tolist() == [[7, 4]]
    assert trace.decisions.tolist() == [1]


def plain_run(params, times):
    """One sample, one neuron, one event at a time."""
    n_steps = params.spec.n_steps
    state = [[0] * layer.n_post for layer in params.spec.layers]
    fired = [[n_steps] * layer.n_post for layer in params.spec.layers]
    order, seen = [], [0] * params.spec.n_classes
    for step in range(n_steps):
        spikes = [i for i, t in enumerate(times) if t == step]
        for index, layer in enumerate(params.spec.layers):
            out = []
            for j in range(layer.n_post):
                for i in spikes:
                    state[index][j] += int(params.weights[index][i, j])
                if state[index][j] > params.thresholds[index][j] and fired[index][j] == n_steps:
                    fired[index][j] = step
                    out.append(j)
            spikes = out
        for j in spikes:
            seen[j] = state[-1][j]
        if spikes and not order:
            order = sorted(spikes, key=lambda j: (-seen[j], j))
    if not order:
        order = sorted(range(params.spec.n_classes), key=lambda j: (-state[-1][j], j))
    return fired, state, order[0]


@pytest.mark.parametrize("bits", [1, 2, 8])
@pytest.mark.parametrize("sizes", [(12, 9, 4), (5, 3), (6, 7, 8, 3)])
def test_equals_the_plain_loop(bits, sizes):
    net = random_params(11, sizes, bits)
    inputs = random_spike_times(12, 40, net)
    trace = Golden(net).run(inputs)
    n_spikes = 0
    for sample, times in enumerate(inputs):
        fired, state, decision = plain_run(net, times)
        for index in range(len(sizes) - 1):
            assert trace.spike_times[index][sample].tolist() == fired[index]
            assert trace.potentials[index][sample].tolist() == state[index]
            n_spikes += sum(t < net.spec.n_steps for t in fired[index])
        assert trace.decisions[sample] == decision
    assert n_spikes > 10


def test_decide_in_batches_equals_run():
    net = random_params(1)
    inputs = random_spike_times(2, 23, net)
    whole = Golden(net).run(inputs).decisions
    assert Golden(net).decide(inputs, batch_size=7).tolist() == whole.tolist()
    assert Golden(net).decide(inputs[:0]).tolist() == []


def test_sums_that_float32_cannot_hold_are_exact():
    # 2**17 weights of -127 and one of 1: float32 would lose the 1
    n = 2**17
    weights = np.full((n + 1, 1), -127, np.int8)
    weights[-1] = 1
    current = Dense(weights).current(np.ones((1, n + 1), np.int8))
    assert current.tolist() == [[1 - 127 * n]]
