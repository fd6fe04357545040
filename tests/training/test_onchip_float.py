"""The on-chip rule in real numbers: golden's where nothing is rounded, and as good on digits."""

import dataclasses

import numpy as np
import pytest
import torch

from hwgen import recipe as recipe_file
from hwgen.data import datasets
from hwgen.golden import Golden
from hwgen.golden.online import OnlineNetwork
from hwgen.onchip import run
from hwgen.onchip.initial import initial_params
from hwgen.package_data import package_data
from hwgen.training.onchip_float import FloatOnlineNetwork


@pytest.fixture(scope="module")
def sets():
    return [datasets.load("digits", part, seed=1) for part in ("train", "test")]


@pytest.fixture(scope="module")
def first(sets):
    return initial_params(
        recipe_file.load(package_data("models") / "digits-learn" / "recipe.toml"), sets[0]
    )


def times(params, dataset):
    return torch.from_numpy(
        run.latency(dataset.images, params.spec.input, params.spec.n_steps)
    ).long()


def test_whole_shadows_do_as_golden_does(sets, first):
    """Shadows that are weights and a half: what is rounded down is just that half."""
    below = first.spec.learning.shadow_bits - first.spec.layers[0].weight_bits
    whole = tuple(
        ((shadow >> below << below) + 2 ** (below - 1)).astype(np.int32) for shadow in first.shadows
    )
    params = dataclasses.replace(first, shadows=whole)
    online = FloatOnlineNetwork(params)
    assert [weights.numpy().tolist() for weights in online.weights] == [
        weights.tolist() for weights in params.weights
    ]
    inputs = times(params, sets[1])[:100]
    trace = Golden(params).run(inputs.numpy().astype(np.uint8))
    for got, expected in zip(online.forward(inputs)[1:], trace.spike_times, strict=True):
        assert got.tolist() == expected.tolist()
    assert online.decide(inputs).tolist() == trace.decisions.tolist()


def test_changes_point_the_same_way(sets, first):
    inputs, n = times(first, sets[0]), 0
    for sample in range(12):
        floats, integers = FloatOnlineNetwork(first), OnlineNetwork(first)
        before = [weights.clone() for weights in floats.weights]
        floats.learn(inputs[sample], int(sets[0].labels[sample]))
        integers.train_sample(inputs[sample].numpy().astype(np.uint8), int(sets[0].labels[sample]))
        for index in (0, 1):
            a = (floats.weights[index] - before[index]).flatten().double()
            b = torch.from_numpy(integers.shadows(index) - first.shadows[index]).flatten().double()
            if a.any() and b.any():
                n += 1
                # the same direction, but for rounded weights, errors of 4 bits, and limits
                assert float(a @ b / (a.norm() * b.norm())) > 0.9
    assert n > 10


@pytest.mark.train
def test_as_good_as_integers_on_digits(sets, first):
    floats, integers = FloatOnlineNetwork(first), OnlineNetwork(first)
    inputs, labels = times(first, sets[0]), sets[0].labels
    order = np.random.default_rng(1).permutation(len(labels)).repeat(1)
    for sample in order:
        floats.learn(inputs[sample], int(labels[sample]))
    integers.learn(inputs[order].numpy().astype(np.uint8), labels[order])
    tests = times(first, sets[1])
    wanted = sets[1].labels
    real = (floats.decide(tests).numpy() == wanted).mean()
    whole = (Golden(integers.params).decide(tests.numpy().astype(np.uint8)) == wanted).mean()
    assert min(real, whole) > 0.85
    assert abs(real - whole) < 0.05  # one pass, 359 test images: 2 standard deviations
