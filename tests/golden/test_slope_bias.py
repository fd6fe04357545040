"""Biases of single-spike layers: a slope that begins with one (contract, section 4)."""

from dataclasses import replace

import numpy as np
import pytest
from jobs import twice
from samples import learning_params, random_network, random_spike_times, with_biases

from hwgen.errors import ParamsError
from hwgen.golden import Golden
from hwgen.network import params_file
from hwgen.network.layers.dense import DenseSpec
from hwgen.verification import cosim

NETWORKS = {
    "ramp": (with_biases(random_network(3, "3x4-9-4", psp="ramp", weight_bits=3), 4), (4, 2)),
    "one block": (with_biases(random_network(4, "3x4-9-4", psp="ramp"), 3), (9, 4)),
    "triangle": (
        with_biases(
            random_network(5, "3x4-9-4", psp="triangle/ramp", tau_steps=2, weight_bits=4), 5
        ),
        (3, 4),
    ),
    "pictures": (
        with_biases(random_network(6, "6x5-4C3p1-P2-7-3", psp="ramp/ramp/step", weight_bits=2), 4),
        (2, 1, 3, 3),
    ),
}
PSPS = {
    "ramp": lambda d, tau: d + 1,
    "triangle": lambda d, tau: max(0, min(d + 1, 2 * tau - d - 1)),
}


@pytest.mark.parametrize("name", ["ramp", "one block", "triangle"])
def test_a_bias_is_added_in_each_step(name):
    """By the PSP's own formula, and so many biases as steps have ended."""
    net, _ = NETWORKS[name]
    net.check()
    inputs = random_spike_times(1, 20, net)
    trace = Golden(net).run(inputs)
    layer, n_steps = net.spec.layers[0], net.spec.n_steps
    psp = PSPS[layer.psp]
    for sample, times in enumerate(inputs.tolist()):
        for post in range(layer.n_post):
            fired = n_steps
            for t in range(n_steps):
                v = (t + 1) * int(net.biases[0][post])
                for pre, time in enumerate(times):
                    if time <= t:
                        v += int(net.weights[0][pre, post]) * psp(t - time, layer.tau_steps)
                if v > net.thresholds[0][post]:
                    fired = min(fired, t)
            assert trace.potentials[0][sample, post] == v
            assert trace.spike_times[0][sample, post] == fired
    # A neuron fires for its bias alone, and one would without.
    silent = Golden(net).run(np.full((1, inputs.shape[1]), n_steps, np.uint8))
    assert (silent.potentials[0][0] == n_steps * net.biases[0]).all()


@pytest.mark.cosim
@pytest.mark.parametrize("name", NETWORKS)
def test_the_core_equals_golden(name, tmp_path):
    net, lanes = NETWORKS[name]
    samples = random_spike_times(2, 8, net)
    samples[3] = net.spec.n_steps  # nothing comes in
    done = cosim.run(twice(net, samples, lanes, tmp_path))
    assert done.mismatch is None
    assert done.n_compared > 8 * sum(layer.n_post for layer in net.spec.layers)


def test_the_width_holds_all():
    """5 weights of 3 and a bias of 7: slopes to 22; 6 steps of them, ramp: 5 * 3 * 6 + 7 * 6."""
    layer = with_biases(random_network(1, "1x5-3-2", psp="ramp", weight_bits=3), 4).spec.layers[0]
    assert 2 ** (layer.slope_bits - 2) <= 22 < 2 ** (layer.slope_bits - 1)
    assert 2 ** (layer.potential_bits - 2) <= 132 < 2 ** (layer.potential_bits - 1)
    short = DenseSpec(
        n_pre=5, n_post=1, weight_bits=3, potential_bits=2, psp="triangle", tau_steps=2, bias_bits=4
    )
    assert short.min_potential_bits(6) == (5 * 3 * 2 + 7 * 6).bit_length() + 1


def test_who_may_have_one(tmp_path):
    net, _ = NETWORKS["ramp"]
    params_file.save(net, tmp_path / "p")
    again = params_file.load(tmp_path / "p")
    assert (again.digest, again.spec) == (net.digest, net.spec)
    for other in (random_network(1, "1x5-3-2"), random_network(1, "1x5-3-2", psp="phased/ramp")):
        layers = (replace(other.spec.layers[0], bias_bits=3), other.spec.layers[1])
        with pytest.raises(ParamsError, match=r"layers\[0\] has bias_bits without a reset"):
            replace(other, spec=replace(other.spec, layers=layers)).check()
    learns = learning_params("ramp", 4, "1x5-3-2")
    layers = tuple(replace(x, bias_bits=3, potential_bits=12) for x in learns.spec.layers)
    with pytest.raises(ParamsError, match=r"layers\[0\]\.bias_bits is 3, expected 0: the layer l"):
        replace(learns, spec=replace(learns.spec, layers=layers)).check()
