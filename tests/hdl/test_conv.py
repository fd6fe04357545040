"""The convolutional layer against golden: every spike, potential and addition, with stalls."""

import numpy as np
import pytest
from hdl_layers import (
    cycles_of_additions,
    kernel_payloads,
    potentials_of,
    random_times,
    run_layer,
    times_of,
    use_hostile_banks,
)
from samples import random_network

from hwgen.golden.layers.conv2d import Conv as GoldenConv
from hwgen.golden.layers.single_spike import Neurons
from hwgen.hdl.layers.conv import Conv
from hwgen.network.layers.conv2d import ConvSpec

N_STEPS = 5


def network(shape, seed=1, **options):
    """Spec, weights, thresholds and drives of a network's last convolution."""
    params = random_network(seed, shape, n_steps=N_STEPS, **options)
    index = max(i for i, layer in enumerate(params.spec.layers) if isinstance(layer, ConvSpec))
    tensors = params.weights[index], params.thresholds[index], params.drives[index]
    return params.spec.layers[index], *tensors


def check(expected, dut, times, stall=0.0, seed=0):
    """A layer of the core against golden with (spec, weights, thresholds, drives)."""
    layer, weights, *constants = expected
    trace = Neurons(layer, GoldenConv(weights, layer), *constants).run(times, N_STEPS)
    assert 0 < (trace.times < N_STEPS).sum() < trace.times.size
    payloads = kernel_payloads(times, layer, N_STEPS, np.random.default_rng(seed))
    run = run_layer(dut, payloads, len(times), stall=stall, seed=seed)
    assert times_of(run.tokens, layer.post, N_STEPS).tolist() == trace.times.tolist()
    assert potentials_of(run.words, layer, dut.lanes).tolist() == trace.potential.tolist()
    assert run.n_ops == trace.synaptic_ops.sum()


@pytest.fixture(autouse=True)
def hostile_banks(monkeypatch):
    use_hostile_banks(monkeypatch)


@pytest.mark.parametrize("stall", [0.0, 0.3, 0.8])
@pytest.mark.parametrize(
    ("shape", "lanes", "options"),
    [
        ("4x5-3C3-2", 3, {}),
        ("4x5-3C1-4C3-2", 2, {"psp": "ramp"}),
        ("5x4-2C1-3C2s2p1-2", 2, {"psp": "triangle", "tau_steps": 1, "weight_bits": 4}),
        ("3x4-4C1-5C5p2-2", 4, {"psp": "triangle", "tau_steps": 2, "uniform": True}),
        ("7x5-3C2s3p1-2", 1, {"psp": "ramp", "weight_bits": 4}),
        ("4x5-3C3-2", 2, {"psp": "phased/ramp"}),
        ("5x4-2C1-3C2s2p1-2", 3, {"psp": "ramp/phased/ramp", "weight_bits": 4, "uniform": True}),
        ("3x3-2C1-3C3-2", 3, {"psp": "ramp/phased/ramp"}),  # one word in all
    ],
)
def test_conv_equals_golden(shape, lanes, options, stall):
    expected = network(shape, **options)
    times = random_times(2, 3, expected[0].n_pre, N_STEPS)
    check(expected, Conv(*expected, lanes=lanes), times, stall, seed=7)


@pytest.mark.parametrize(
    ("shape", "lanes", "psp"),
    [
        ("4x3-4C1-2C1-2", 2, "step"),  # one word an event: the next one wants the same word
        ("4x3-4C1-3C1-2", 2, "ramp"),  # two words an event
        ("4x3-4C1-3C1-2", 1, "triangle"),  # three
        ("5x5-3C1s2-2", 2, "ramp"),  # most events reach nothing
        ("4x4-3C1-2C3s3p1-2", 2, "ramp"),
        ("3x3-2C1-3C3-2", 3, "ramp"),  # one word in all
        ("3x3-2C1-3C3-2", 3, "step"),
        ("3x3-2C1-3C3-2", 2, "triangle"),  # two words of one position
        ("2x2-3C2-3C1-2", 2, "ramp"),  # a picture of one position in, and out
        ("2x2-3C2-2C3p1-2", 2, "ramp"),
        ("1x6-3C1-2", 1, "step"),
        ("6x1-3C1-2", 1, "ramp"),
        ("2x7-3C5p2-2", 2, "ramp"),  # a filter larger than the picture
    ],
)
def test_words_that_follow_each_other(shape, lanes, psp):
    """Few words, so that what is read is often what has just been written."""
    expected = network(shape, psp=psp, tau_steps=1 if psp == "triangle" else 0, seed=6)
    times = random_times(5, 4, expected[0].n_pre, N_STEPS)
    check(expected, Conv(*expected, lanes=lanes), times)


@pytest.mark.parametrize(
    ("shape", "lanes", "places", "n_slots"),
    [
        ("8x8-3C3-2", 3, [(3, 3), (3, 4), (0, 0), (7, 7), (0, 4)], 9 + 9 + 1 + 1 + 3),
        ("8x8-5C3-2", 2, [(3, 3), (0, 0), (3, 4)], 3 * (9 + 1 + 9)),
        ("8x8-3C3s2-2", 3, [(2, 2), (7, 7), (5, 5), (0, 6)], 4 + 0 + 1 + 1),
        ("8x8-3C1-2", 3, [(0, 0), (0, 1), (5, 5), (3, 0)], 4),
        ("8x8-3C3p1-2", 3, [(3, 3), (0, 0), (0, 5)], 9 + 4 + 6),
    ],
)
def test_an_event_costs_what_it_reaches(shape, lanes, places, n_slots):
    """One (position, block) a cycle, from one event to the next without a pause."""
    spikes = [{"kind": 0, "row": y, "column": x, "channel": 0} for y, x in places]
    spikes += spikes
    cycles = cycles_of_additions(Conv(*network(shape), lanes=lanes), spikes)
    assert cycles == [*range(2 * n_slots)]


def test_a_word_wanted_at_once_costs_two_cycles():
    spikes = [{"kind": 0, "row": 1, "column": 1, "channel": 0}] * 4
    dut = Conv(*network("8x8-3C1-2"), lanes=3)
    assert cycles_of_additions(dut, spikes) == [0, 3, 6, 9]
