"""Learning in golden against the plainest possible loop, at its edges, and with planted faults."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from samples import random_network, random_spike_times

from hwgen.golden import Golden, stdp
from hwgen.golden.online import OnlineNetwork
from hwgen.network.learning import (
    LearningSpec,
    forward_weights,
    initial_shadows,
    next_state,
    shadow_limits,
)

N_STEPS = 6


def online(psp, bits, seed=3, shape="1x9-7-6-4", **learning):
    net = random_network(seed, shape, psp=psp, weight_bits=bits, n_steps=N_STEPS)
    spec = dataclasses.replace(net.spec, learning=LearningSpec(**learning))
    net = dataclasses.replace(net, spec=spec, shadows=())
    rng = np.random.default_rng(seed)
    shadows = []
    for index, layer in enumerate(spec.layers):
        if index not in spec.learning_layers:
            shadows.append(np.zeros(0, np.int32))
            continue
        least, greatest = shadow_limits(bits, spec.learning.shadow_bits)
        shadows.append(
            rng.integers(least, greatest, layer.weight_shape, endpoint=True).astype(np.int32)
        )
    weights = [
        forward_weights(shadow, bits, spec.learning.shadow_bits) if shadow.size else old
        for shadow, old in zip(shadows, net.weights, strict=True)
    ]
    return OnlineNetwork(dataclasses.replace(net, weights=tuple(weights), shadows=tuple(shadows)))


# docs/learning.md once more, synapse by synapse, in plain integers.


def magnitude_shift(values, bits):
    largest, shift = max(abs(value) for value in values), 0
    while largest >> shift >= 1 << bits:
        shift += 1
    while shift <= 0 and largest << -shift < 1 << bits - 1:
        shift -= 1
    return shift


def plain_normalise(values, bits):
    if not any(values):
        return None
    shift = magnitude_shift(values, bits)
    if shift > 0:
        return [(value + (1 << shift - 1)) >> shift for value in values]
    return [value << -shift for value in values]


def plain_change(learning, layer, error, since, noise, shift):
    product = error
    if learning.window == "psp":
        psp = 1 if layer.psp == "step" else since + 1
        product = error * psp if since >= 0 else 0
    else:
        if learning.window == "exponential":
            shift += abs(since) >> learning.tau_log2
        if since < 0:
            if learning.anticausal_shift is None:
                return 0
            product, shift = -error, shift + learning.anticausal_shift
    shift = min(shift, 15)
    if shift <= 0:
        return product * 2**-shift
    return (product + noise % 2**shift) // 2**shift


def plain_learn(spec, shadows, weights, times, label, state, n_learnt):
    """New shadows of all learning layers; times: one list a layer, the input first."""
    learning, never = spec.learning, spec.n_steps
    halvings = min(learning.n_halvings, n_learnt // 2**learning.halve_log2)
    out = times[-1]
    rivals = min(t for k, t in enumerate(out) if k != label)
    errors = []
    for k, t in enumerate(out):
        if k == label:
            errors.append(max(0, t - max(0, rivals - learning.margin_steps)))
        else:
            errors.append(min(0, t - min(never, out[label] + learning.margin_steps)))
    new = {index: shadow.tolist() for index, shadow in shadows.items()}
    for index in reversed(spec.learning_layers):
        layer = spec.layers[index]
        errors = plain_normalise(errors, learning.error_bits)
        if errors is None:
            break
        pre, post = times[index], times[index + 1]
        at = [never - 1 if layer.phased else min(t, never - 1) for t in post]
        output = index == len(spec.layers) - 1
        shift = halvings + (learning.output_shift if output else learning.hidden_shift)
        least, greatest = shadow_limits(layer.weight_bits, learning.shadow_bits)
        for i, came in enumerate(pre):
            for j in range(layer.n_post):
                if came == never:
                    continue
                noise = (state + i + j) % 2**16
                change = plain_change(learning, layer, errors[j], at[j] - came, noise, shift)
                new[index][i][j] = max(least, min(greatest, new[index][i][j] + change))
        if index == spec.learning_layers[0]:
            break
        below = spec.layers[index - 1]
        passed = []
        for i, came in enumerate(pre):
            total = sum(
                int(weights[index][i, j]) * errors[j] for j in range(layer.n_post) if came <= at[j]
            )
            moves = came < never and not (below.phased and came == 0)
            passed.append(total if moves else 0)
        errors = passed
    return new


def differs(learner, inputs, labels):
    """Whether the online network and the plain loop part; how many samples changed something."""
    spec, n_changes = learner.params.spec, 0
    state = learner.state
    for number, (times, label) in enumerate(zip(inputs, labels, strict=True)):
        before = learner.params
        shadows = {index: before.shadows[index] for index in spec.learning_layers}
        trace = learner.train_sample(times, int(label))
        lists = [times.tolist(), *(of_layer[0].tolist() for of_layer in trace.spike_times)]
        expected = plain_learn(spec, shadows, before.weights, lists, int(label), state, number)
        state = next_state(state)
        for index, shadow in expected.items():
            if learner.shadows(index).tolist() != shadow:
                return True, n_changes
        n_changes += any((learner.shadows(i) != shadows[i]).any() for i in shadows)
    return False, n_changes


WINDOWS = [
    {"window": "psp"},
    {"window": "box"},
    {"window": "box", "anticausal_shift": 1},
    {"window": "exponential", "anticausal_shift": 0},
    {"window": "exponential", "anticausal_shift": 2, "tau_log2": 1},
]


@pytest.mark.parametrize("psp", ["step", "ramp", "phased/phased/ramp", "phased/step/step"])
@pytest.mark.parametrize("window", WINDOWS)
def test_equals_the_plain_loop(psp, window):
    for bits, shadow_bits in ((1, 6), (4, 10), (8, 8)):
        options = {"hidden_shift": 2, "output_shift": -1, "margin_steps": 2} | window
        learner = online(psp, bits, shadow_bits=shadow_bits, halve_log2=3, n_halvings=2, **options)
        inputs = random_spike_times(5, 24, learner.params)
        labels = np.random.default_rng(6).integers(0, 4, 24)
        found, n_changes = differs(learner, inputs, labels)
        assert not found
        assert n_changes > 5


def test_only_the_last_layer_learns():
    learner = online("phased/phased/ramp", 4, layers="last")
    before = learner.params
    inputs = random_spike_times(5, 20, before)
    assert differs(learner, inputs, np.arange(20) % 4) == (False, pytest.approx(19, abs=4))
    after = learner.params
    assert (after.weights[0] == before.weights[0]).all()
    assert (after.weights[2] != before.weights[2]).any()
    after.check()


def test_a_course_in_runs_is_a_course_one_by_one():
    options = {"shadow_bits": 10, "hidden_shift": 4, "output_shift": 3, "margin_steps": 1}
    fast, slow = (online("phased/phased/ramp", 4, **options) for _ in range(2))
    inputs = random_spike_times(5, 150, fast.params)
    labels = Golden(fast.params).decide(inputs)  # mostly right, so that runs get long
    labels[::9] = (labels[::9] + 1) % 4
    progress = fast.learn(inputs, labels)
    one_by_one = [int(slow.train_sample(x, int(y)).decisions[0]) for x, y in zip(inputs, labels)]  # noqa: B905
    assert progress.decisions.tolist() == one_by_one
    assert 10 < progress.n_updates < 140
    assert fast.params.digest == slow.params.digest
    assert fast.state == slow.state


# Edges.


@given(some.lists(some.integers(-(2**20), 2**20), min_size=1, max_size=9), some.integers(1, 8))
def test_normalised_errors_have_their_bits(values, bits):
    errors = stdp.normalise(np.array(values), bits)
    largest = int(np.abs(errors).max())
    assert (largest == 0) == (not any(values))
    assert largest == 0 or 2 ** (bits - 1) <= largest <= 2**bits
    assert all(a * b >= 0 for a, b in zip(values, errors.tolist(), strict=True))


@given(some.integers(-16, 16), some.integers(0, 15), some.integers(0, 2**16 - 1))
def test_a_change_is_rounded_to_one_of_its_neighbours(error, shift, noise):
    learning = LearningSpec(window="box")
    layer = random_network(0, "1x1-1").spec.layers[0]
    got = stdp.changes(
        learning, layer, np.array([error]), np.array([[0]]), np.array([[noise]]), shift
    )[0, 0]
    assert got in (error >> shift, -(-error >> shift))


@pytest.mark.parametrize("shift", [1, 4, 9])
def test_dither_makes_no_drift(shift):
    """Over all states of the dither a change is, on average, exact."""
    learning = LearningSpec(window="box")
    layer = random_network(0, "1x1-1").spec.layers[0]
    noise = np.arange(2**shift)[:, None]
    for error in (-7, -1, 1, 5):
        got = stdp.changes(learning, layer, np.array([error]), 0 * noise, noise, shift)
        assert got.sum() == error


def test_all_states_of_the_dither_come_before_one_comes_again():
    state, seen = 1, 0
    while seen == 0 or state != 1:
        state, seen = next_state(state), seen + 1
    assert seen == 2**16 - 1


@pytest.mark.parametrize("bits", [1, 2, 8])
def test_shadows_stop_at_their_limits(bits):
    least, greatest = shadow_limits(bits, 8)
    shadows = np.arange(least, greatest + 1)
    weights = forward_weights(shadows, bits, 8)
    largest = 1 if bits == 1 else 2 ** (bits - 1) - 1
    assert (weights.min(), weights.max()) == (-largest, largest)
    assert (np.diff(weights) >= 0).all()
    learner = online("ramp", bits, shadow_bits=8, hidden_shift=-9, output_shift=-9)
    inputs = random_spike_times(5, 30, learner.params)
    learner.learn(inputs, np.arange(30) % 4)
    assert (learner.shadows(2) == greatest).any()
    assert (learner.shadows(2) == least).any()
    learner.params.check()


@pytest.mark.parametrize("bits", [1, 3, 8])
def test_initial_shadows_make_the_weights_they_are_made_from(bits):
    largest = 1 if bits == 1 else 2 ** (bits - 1) - 1
    weights = np.array([w for w in range(-largest, largest + 1) if bits > 1 or w], np.int8)
    for shadow_bits in (8, 16):
        shadows = initial_shadows(weights, bits, shadow_bits)
        assert (forward_weights(shadows, bits, shadow_bits) == weights).all()


@pytest.mark.parametrize(
    ("label", "times", "expected"),
    [
        (0, [1, 4, 4], [0, 0, 0]),  # far enough before the others
        (0, [2, 4, 4], [1, -1, -1]),
        (1, [2, 6, 4], [-4, 6, -2]),  # 6 is never
        (2, [0, 0, 0], [-3, -3, 0]),
        (2, [6, 6, 6], [0, 0, 3]),
    ],
)
def test_output_errors_by_hand(label, times, expected):
    assert stdp.output_errors(np.array(times), label, 6, 3).tolist() == expected


# Faults in golden that the plain loop must find.


def rounds_down(learning, layer, errors, since, dither, rate_shift):
    return CHANGES(learning, layer, errors, since, 0 * dither, rate_shift)


def later_counts_too(learning, layer, errors, since, dither, rate_shift):
    return CHANGES(learning, layer, errors, since + 1, dither, rate_shift)


def same_step_is_too_late(weights, errors, pre, reference):
    return HIDDEN(weights, errors, pre, reference - 1)


def rounds_halves_down(errors, bits):
    return -NORMALISE(-errors, bits)


def all_can_move(times, layer, n_steps):
    return times < n_steps


CHANGES, HIDDEN, NORMALISE = stdp.changes, stdp.hidden_errors, stdp.normalise


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("changes", rounds_down),
        ("changes", later_counts_too),
        ("hidden_errors", same_step_is_too_late),
        ("normalise", rounds_halves_down),
        ("can_move", all_can_move),
    ],
)
def test_a_fault_in_golden_is_found(monkeypatch, name, fault):
    options = {"shadow_bits": 10, "hidden_shift": 2, "output_shift": 2, "error_bits": 2}
    for planted in (False, True):
        if planted:
            monkeypatch.setattr(stdp, name, fault)
        learner = online("phased/ramp/ramp", 4, **options)
        inputs = random_spike_times(5, 40, learner.params)
        labels = np.random.default_rng(6).integers(0, 4, 40)
        assert differs(learner, inputs, labels)[0] == planted
