"""Golden against numbers worked out by hand, and against the plainest possible loop."""

import dataclasses
from itertools import product

import numpy as np
import pytest
from samples import random_network, random_params, random_spike_times

from hwgen.golden import Golden, neuron
from hwgen.golden.layers.conv2d import Conv
from hwgen.golden.layers.dense import Dense
from hwgen.golden.layers.pool2d import Pool
from hwgen.network.layers.kinds import dense
from hwgen.network.params import Params
from hwgen.network.spec import InputSpec, NetworkSpec

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


# The contract once more, as slow and as plain as it is written there: every synapse a line of a
# list, every potential the sum of weight times PSP over all of them, anew in each step.


def psp(layer, d):
    """Of a spike of weight 1, d steps after it."""
    if d < 0:
        return 0
    if layer.psp == "step":
        return 1
    if layer.psp == "ramp":
        return d + 1
    return max(0, min(d + 1, 2 * layer.tau_steps - d - 1))


def synapses(layer, weights):
    """For each neuron, in order: a list of (input, weight)."""
    if layer.kind == "dense":
        return [[(i, int(weights[i, j])) for i in range(layer.n_pre)] for j in range(layer.n_post)]
    rows = (layer.height + 2 * layer.padding - layer.size) // layer.stride + 1
    columns = (layer.width + 2 * layer.padding - layer.size) // layer.stride + 1
    found = []
    for y in range(rows):
        for x in range(columns):
            for f in range(layer.filters):
                of_neuron = []
                for i in range(layer.size):
                    for j in range(layer.size):
                        row = y * layer.stride + i - layer.padding
                        column = x * layer.stride + j - layer.padding
                        if not (0 <= row < layer.height and 0 <= column < layer.width):
                            continue
                        for c in range(layer.channels):
                            pre = (row * layer.width + column) * layer.channels + c
                            of_neuron.append((pre, int(weights[i, j, c, f])))
                found.append(of_neuron)
    return found


def windows(layer):
    """For each neuron of a pooling layer, in order: its inputs."""
    for y in range(layer.height // layer.size):
        for x in range(layer.width // layer.size):
            for c in range(layer.channels):
                yield [
                    (row * layer.width + column) * layer.channels + c
                    for row in range(y * layer.size, (y + 1) * layer.size)
                    for column in range(x * layer.size, (x + 1) * layer.size)
                ]


def passes(layers):
    """Which layers go through the steps together: a two-phase one waits for those before it."""
    groups = [[]]
    for index, layer in enumerate(layers):
        if layer.kind != "pool2d" and layer.phased:
            groups.append([])
        groups[-1].append(index)
    return groups


def plain_run(params, times):
    """One sample. Returns a dict of what a trace holds, in plain lists."""
    never, layers = params.spec.n_steps, params.spec.layers
    fired = [[never] * layer.n_post for layer in layers]
    state = [[0] * (0 if layer.kind == "pool2d" else layer.n_post) for layer in layers]
    ops = [0] * len(layers)
    wired = [
        list(windows(layer)) if layer.kind == "pool2d" else synapses(layer, weights)
        for layer, weights in zip(layers, params.weights, strict=True)
    ]
    order = []
    for group, step in product(passes(layers), range(never)):
        for index in group:
            layer = layers[index]
            before = fired[index - 1] if index else times
            for j, inputs in enumerate(wired[index]):
                if layer.kind == "pool2d":
                    crossed = any(before[i] == step for i in inputs)
                else:
                    potential = 0
                    for i, weight in inputs:
                        if before[i] == never:
                            continue
                        since = (never - 1 if layer.phased else step) - int(before[i])
                        potential += weight * psp(layer, since)
                        turns = [0]
                        if layer.psp == "triangle":
                            turns += [layer.tau_steps, 2 * layer.tau_steps]
                        ops[index] += step == 0 if layer.phased else since in turns
                    filter_ = j % layer.n_thresholds
                    if layer.phased:
                        potential += (step + 1) * int(params.drives[index][filter_])
                    state[index][j] = potential
                    crossed = potential > params.thresholds[index][filter_]
                if crossed and fired[index][j] == never:
                    fired[index][j] = step
        spikes = [j for j, t in enumerate(fired[-1]) if t == step]
        if spikes and not order:
            order = sorted(spikes, key=lambda j: (-state[-1][j], j))
    if not order:
        order = sorted(range(params.spec.n_classes), key=lambda j: (-state[-1][j], j))
    return {
        "spike_times": fired,
        "potentials": state,
        "decision": order[0],
        "decision_step": min(fired[-1]),
        "synaptic_ops": ops,
    }


def differences(params, inputs):
    """What golden says otherwise than the plain loop, and the trace of golden."""
    trace = Golden(params).run(inputs)
    n_layers = len(params.spec.layers)
    assert [times.dtype for times in trace.spike_times] == [np.uint8] * n_layers
    assert [values.dtype for values in trace.potentials] == [np.int64] * n_layers
    found = set()
    for sample, times in enumerate(inputs):
        said = {
            "spike_times": [of_layer[sample].tolist() for of_layer in trace.spike_times],
            "potentials": [of_layer[sample].tolist() for of_layer in trace.potentials],
            "decision": trace.decisions[sample],
            "decision_step": trace.decision_steps[sample],
            "synaptic_ops": trace.synaptic_ops[sample].tolist(),
        }
        expected = plain_run(params, times)
        found |= {key for key in expected if expected[key] != said[key]}
    return found, trace


def some_fire_and_some_do_not(params, trace):
    for times in trace.spike_times:
        assert 0.02 < (times < params.spec.n_steps).mean() < 0.98


@pytest.mark.parametrize("bits", [1, 2, 8])
@pytest.mark.parametrize("sizes", [(12, 9, 4), (5, 3), (6, 7, 8, 3)])
def test_dense_equals_the_plain_loop(bits, sizes):
    net = random_params(1, sizes, bits)
    found, trace = differences(net, random_spike_times(12, 40, net))
    assert found == set()
    some_fire_and_some_do_not(net, trace)


SHAPES = [
    "9x8-3C3-P2-5-3",
    "7x9-2C3s2p1-4C2-4",  # a stride, a padding, channels of a convolution
    "8x8-P2-3C2p1-P3-4",  # pooling of the input; a window that leaves rows and columns out
    "6x5-3C5p4-P2-4",  # most of a filter beyond the edge
    "5x6-4C1s3-3",
    "1x12-9-4",
]
PSPS = [("step", 0), ("ramp", 0), ("triangle", 1), ("triangle", 2), ("step/triangle/ramp", 4)]
# What the last layer of each shape may be: the last word of a cycle must not be phased there.
PHASED = {2: "phased/ramp", 3: "phased/phased/step", 4: "step/phased/phased/ramp"}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("psp", "tau_steps"), PSPS)
@pytest.mark.parametrize("bits", [1, 4])
def test_equals_the_plain_loop(shape, psp, tau_steps, bits):
    net = random_network(7, shape, psp=psp, tau_steps=tau_steps, weight_bits=bits, n_steps=7)
    found, trace = differences(net, random_spike_times(8, 10, net))
    assert found == set()
    some_fire_and_some_do_not(net, trace)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("bits", [1, 4])
def test_phased_layers_equal_the_plain_loop(shape, bits):
    n_weighted = sum(word[0] != "P" for word in shape.split("-")[1:])
    net = random_network(7, shape, psp=PHASED[n_weighted], weight_bits=bits, n_steps=7)
    found, trace = differences(net, random_spike_times(8, 10, net))
    assert found == set()
    some_fire_and_some_do_not(net, trace)


def test_phased_by_hand():
    # Inputs of weights 3 and -1 fire in steps 0 and 2 of 4: 3 * 4 - 2 = 10, then 2 more a step.
    net = random_network(0, "1x2-1-1", psp="phased/step", weight_bits=3, n_steps=NEVER)
    net.weights[0][:] = [[3], [-1]]
    net.drives[0][:] = 2
    for threshold, fires_at in [(11, 0), (12, 1), (13, 1), (16, 3), (17, 3), (18, NEVER)]:
        net.thresholds[0][:] = threshold
        trace = Golden(net).run(np.array([[0, 2]], np.uint8))
        assert trace.spike_times[0].tolist() == [[fires_at]]
        assert trace.potentials[0].tolist() == [[18]]


def test_pools_tie():
    """Ties matter in what is compared above: several inputs of a window fire first together."""
    net = random_network(7, SHAPES[0])
    trace = Golden(net).run(random_spike_times(8, 10, net))
    before, after, n_ties = *trace.spike_times[:2], 0
    for j, inputs in enumerate(windows(net.spec.layers[1])):
        for sample in range(10):
            first = after[sample, j]
            n_ties += first < net.spec.n_steps and (before[sample, inputs] == first).sum() > 1
    assert n_ties > 20


# Faults in golden that the plain loop must find.


def old_slope(state, current, layer):
    return neuron.State(state.potential + state.slope, state.slope + current, state.fired)


def fires_at_threshold(state, thresholds):
    return FIRE(state, thresholds - 1)


def fires_again(state, thresholds):
    return FIRE(state._replace(fired=np.zeros_like(state.fired)), thresholds)


def knee_too_late(times, step, layer):
    events = EVENTS(times, step, layer)
    late = EVENTS(times, step - 1, layer)
    return np.where(late == -2, late, np.where(events == -2, 0, events)).astype(np.int8)


def no_end(times, step, layer):
    events = EVENTS(times, step, layer)
    return np.where(times == step, events, np.minimum(events, 0)).astype(np.int8)


def transposed(self, values):
    patches = PATCHES(self, values)
    size = self._layer.size
    return (
        patches.reshape(-1, size, size, self._layer.channels).swapaxes(1, 2).reshape(patches.shape)
    )


def latest(self, inputs, n_steps):
    trace = POOL(self, n_steps - 1 - inputs, n_steps)
    return dataclasses.replace(trace, times=n_steps - 1 - trace.times)


FIRE, EVENTS, PATCHES, POOL = neuron.fire, neuron.kernel_events, Conv._patches, Pool.run


@pytest.mark.parametrize(
    ("owner", "name", "fault"),
    [
        (neuron, "integrate", old_slope),
        (neuron, "fire", fires_at_threshold),
        (neuron, "fire", fires_again),
        (neuron, "kernel_events", knee_too_late),
        (neuron, "kernel_events", no_end),
        (Conv, "_patches", transposed),
        (Pool, "run", latest),
    ],
)
def test_a_fault_in_golden_is_found(monkeypatch, owner, name, fault):
    net = random_network(7, SHAPES[0], psp="triangle", tau_steps=2, weight_bits=4, n_steps=7)
    inputs = random_spike_times(8, 10, net)
    assert differences(net, inputs)[0] == set()
    monkeypatch.setattr(owner, name, fault)
    assert differences(net, inputs)[0] >= {"spike_times"}


@pytest.mark.parametrize(
    ("psp", "tau_steps", "expected"),
    [
        ("step", 0, [3, 3, 3, 3, 3, 3]),
        ("ramp", 0, [3, 6, 9, 12, 15, 18]),
        ("triangle", 1, [3, 0, 0, 0, 0, 0]),
        ("triangle", 2, [3, 6, 3, 0, 0, 0]),
        ("triangle", 3, [3, 6, 9, 6, 3, 0]),
        ("triangle", 9, [3, 6, 9, 12, 15, 18]),
    ],
)
def test_psp_by_hand(psp, tau_steps, expected):
    # one input of weight 3 that fires at once; the potential after each number of steps
    for n_steps in range(1, 7):
        net = random_network(
            0, "1x1-1", psp=psp, tau_steps=tau_steps, weight_bits=3, n_steps=n_steps
        )
        net.weights[0][:] = 3
        net.thresholds[0][:] = net.spec.layers[0].max_threshold
        trace = Golden(net).run(np.zeros((1, 1), np.uint8))
        assert trace.potentials[0].tolist() == [[expected[n_steps - 1]]]


def test_convolution_by_hand():
    # 3 x 3 picture, one filter 2 x 2, padding 1, stride 2: positions at rows and columns -1 and 1
    net = random_network(0, "3x3-1C2s2p1-1", weight_bits=4, n_steps=2)
    net.weights[0][:, :, 0, 0] = [[1, 2], [3, 4]]
    inputs = np.full((9, 9), 2, np.uint8)
    np.fill_diagonal(inputs, 0)  # in sample k, only pixel k fires
    potentials = Golden(net).run(inputs).potentials[0]
    assert potentials.tolist() == [
        [4, 0, 0, 0],
        [0, 3, 0, 0],
        [0, 4, 0, 0],
        [0, 0, 2, 0],
        [0, 0, 0, 1],
        [0, 0, 0, 2],
        [0, 0, 4, 0],
        [0, 0, 0, 3],
        [0, 0, 0, 4],
    ]


def test_pooling_by_hand():
    net = random_network(0, "3x5-P2-1", n_steps=NEVER)
    picture = [[3, 1, NEVER, 2, 0], [2, 1, NEVER, NEVER, 0], [0, 0, 0, 0, 0]]
    trace = Golden(net).run(np.array(picture, np.uint8).reshape(1, 15))
    assert trace.spike_times[0].tolist() == [[1, 2]]
    assert trace.potentials[0].shape == (1, 0)
    assert trace.synaptic_ops.tolist() == [[0, 2]]


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
    current = Dense(weights, dense(n + 1, 1, 8)).current(np.ones((1, n + 1), np.int8))
    assert current.tolist() == [[1 - 127 * n]]
