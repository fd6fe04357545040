"""The convolutional layer against golden: every spike, potential and addition, with stalls."""

import numpy as np
import pytest
from hdl_layers import kernel_payloads, potentials_of, run_layer, times_of
from samples import random_network, random_spike_times

from hwgen.golden.layers import Neurons
from hwgen.hdl.conv import Conv

N_SAMPLES = 3


def build(shape, lanes, **options):
    """The first layer of a random network, golden's twin of it, and spike times for both."""
    params = random_network(1, shape, **options)
    times = random_spike_times(2, N_SAMPLES, params)
    weights, thresholds = params.weights[0], params.thresholds[0]
    return params, times, weights, thresholds, lanes


def check(params, times, weights, thresholds, lanes, stall=0.0, seed=0):
    """Hardware with these weights and thresholds against golden with those of `params`."""
    layer, n_steps = params.spec.layers[0], params.spec.n_steps
    trace = Neurons(layer, params.weights[0], params.thresholds[0]).run(times, n_steps)
    payloads = kernel_payloads(times, layer, n_steps, np.random.default_rng(seed))
    dut = Conv(layer, weights, thresholds, lanes=lanes)
    run = run_layer(dut, payloads, len(times), stall=stall, seed=seed)
    assert times_of(run.tokens, layer.post, n_steps).tolist() == trace.times.tolist()
    assert potentials_of(run.words, layer, lanes).tolist() == trace.potential.tolist()
    assert run.n_ops == trace.synaptic_ops.sum()
    return run, trace


@pytest.mark.parametrize("stall", [0.0, 0.3, 0.8])
@pytest.mark.parametrize(
    ("shape", "lanes", "options"),
    [
        ("5x6-3C3-2", 3, {}),
        ("5x6-3C3-2", 1, {"psp": "ramp"}),
        ("6x5-4C3-2", 2, {"psp": "ramp", "weight_bits": 4}),
        ("6x5-5C2s2p1-2", 3, {"psp": "triangle", "tau_steps": 1, "weight_bits": 4}),
        ("4x7-3C5p2-2", 2, {"psp": "triangle", "tau_steps": 2, "uniform": True}),
        ("5x4-2C1-2", 2, {"psp": "step"}),
        ("5x4-3C1s2-2", 2, {"psp": "ramp"}),
        ("7x5-3C2s3p1-2", 3, {"psp": "ramp"}),
        ("3x3-3C3-2", 3, {"psp": "ramp"}),  # one word
        ("3x3-5C3-2", 3, {"psp": "triangle", "tau_steps": 3}),  # two words of one position
    ],
)
def test_conv_equals_golden(shape, lanes, options, stall):
    _, trace = check(*build(shape, lanes, **options), stall=stall, seed=7)
    assert 0 < (trace.times < 6).sum() < trace.times.size
