"""Phased networks in training: forward pass against golden, the derivative against the rule."""

import numpy as np
import pytest
import torch

from hwgen.data import datasets
from hwgen.data.encoding import latency
from hwgen.errors import RecipeError
from hwgen.golden import Golden
from hwgen.network import notation
from hwgen.network.spec import InputSpec
from hwgen.recipe import DataRecipe, NetworkRecipe, PhasedRecipe, Recipe
from hwgen.training.autograd.phased import PhasedLayer, PhasedNetwork
from hwgen.training.loop import train
from hwgen.training.quantize import to_params

INPUT = InputSpec(height=9, width=8, x_max=255)
N_STEPS = 5


def network(hidden, bits=1, seed=0, **recipe):
    layers = notation.layers(
        hidden, INPUT.post, 4, n_steps=N_STEPS, weight_bits=bits, psp="ramp", phased=True
    )
    net = PhasedNetwork(INPUT, layers, N_STEPS, PhasedRecipe(rule="phased", **recipe))
    net.initialise(torch.Generator().manual_seed(seed))
    return net


def spike_times(seed, n=40):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, 9, 8)) * (rng.random((n, 9, 8)) < 0.6)
    return latency(images.astype(np.uint8), INPUT, N_STEPS)


def settled(net, times):
    """The network in evaluation, with the running means of these inputs."""
    net.train()
    with torch.no_grad():
        for _ in range(60):
            net.run(torch.from_numpy(times).long(), 1)
    return net.eval()


@pytest.mark.parametrize("hidden", ["", "12", "4C3-P2-7", "3C2s2p1-5C3p1-P2", "5C4-2C1s3-6-9"])
@pytest.mark.parametrize("bits", [1, 4])
def test_the_integers_are_golden_s(hidden, bits):
    times = spike_times(1)
    net = settled(network(hidden, bits, seed=2), times)
    inputs = torch.from_numpy(times).long()
    with torch.no_grad():
        potentials = net.run(inputs, N_STEPS)[0]
        assert torch.equal(potentials[-1], net.run(inputs, 1)[0][-1])
        net.output_threshold.fill_(max(0, int(potentials.max()) // 2))
        labels, steps, firing = net.decide(inputs)
    params = to_params(net, INPUT, "made")
    trace = Golden(params).run(times)
    np.testing.assert_array_equal(potentials[-1].numpy(), trace.potentials[-1])
    np.testing.assert_array_equal(labels.numpy(), trace.decisions)
    np.testing.assert_array_equal(steps.numpy(), trace.decision_steps)
    assert not hidden or 0.05 < firing < 1
    for layer, fired in zip(params.spec.layers, trace.spike_times, strict=True):
        if layer.kind != "pool2d" and layer.phased:
            assert len(np.unique(fired)) > 3  # all grades matter, not just whether it fires


@pytest.mark.parametrize("kind", ["thresholds", "drives"])
def test_a_wrong_integer_is_seen(kind):
    times = spike_times(3)
    net = settled(network("4C3-P2-7", seed=3), times)
    params = to_params(net, INPUT, "made")
    getattr(params, kind)[0][:] += 1
    with torch.no_grad():
        potentials = net.run(torch.from_numpy(times).long(), 1)[0][-1].numpy()
    assert (Golden(params).run(times).potentials[-1] != potentials).any()


def test_grades_and_their_derivative_by_hand():
    layer = PhasedLayer(notation.layers("1", INPUT.post, 4, n_steps=3, weight_bits=4)[0], 1, 3)
    with torch.no_grad():
        layer.gain.fill_(0.5)  # spread 1 and gain 1/2: a drive of 2
        layer.offset.fill_(0.0)
        layer.mean.fill_(10.0)  # limit 10
        layer.variance.fill_(0.9)
    layer.eval()
    potentials = torch.tensor([[8.0], [9.5], [10.0], [11.0], [12.0], [14.0], [15.5], [17.0]])
    potentials.requires_grad_()
    grades = layer.grades(potentials)
    assert grades.flatten().tolist() == [0, 0, 0, 1, 1, 2, 3, 3]
    grades.sum().backward()
    # dt/dV = -1 / drive where a spike can move: not far below the limit, not in the first step
    assert potentials.grad.flatten().tolist() == [0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0]
    assert layer.exported()[1].tolist() == [10 + 3 * 2]


def test_thresholds_do_not_become_negative():
    net = network("6", seed=1)
    with torch.no_grad():
        net.hidden[0].offset.fill_(100.0)  # all would fire long before their first step
        net.hidden[0].variance.fill_(100.0)
    times = spike_times(4)
    params = to_params(net.eval(), INPUT, "made")  # checks them
    assert (params.thresholds[0] == 0).any()
    with torch.no_grad():
        potentials = net.run(torch.from_numpy(times).long(), 1)[0][-1].numpy()
    np.testing.assert_array_equal(potentials, Golden(params).run(times).potentials[-1])


def recipe(**training):
    return Recipe(
        name="small",
        seed=1,
        data=DataRecipe(name="digits"),
        network=NetworkRecipe(n_steps=6, hidden="8C3-P2-32", weight_bits=1, psp="ramp"),
        training=PhasedRecipe(
            rule="phased", epochs=12, batch_size=32, learning_rate=0.03, **training
        ),
    )


@pytest.mark.train
@pytest.mark.parametrize("bfloat16", [False, True])
def test_it_learns(bfloat16):
    sets = [datasets.load("digits", split, seed=1) for split in ("train", "validation")]
    trained = train(recipe(bfloat16=bfloat16), *sets)
    assert trained.history[-1].best_accuracy > 0.9  # 1 of 10 by chance; seen: 0.93 to 0.96


def test_another_psp_is_refused():
    wrong = Recipe(
        name="wrong",
        data=DataRecipe(name="digits"),
        network=NetworkRecipe(n_steps=6, hidden="8", weight_bits=1, psp="step"),
        training=PhasedRecipe(rule="phased"),
    )
    sets = [datasets.load("digits", split, seed=1) for split in ("train", "validation")]
    with pytest.raises(RecipeError, match="psp is 'step' in a phased layer, expected 'ramp'"):
        train(wrong, *sets)
