"""The network in training against golden: every spike time, potential and decision."""

import dataclasses

import numpy as np
import pytest
import torch
from heard import heard
from samples import random_params, random_spike_times

from hwgen.data import datasets
from hwgen.data.dataset import Dataset
from hwgen.data.encoding import latency, once
from hwgen.data.inputs import input_spec
from hwgen.golden import Golden
from hwgen.network.spec import InputSpec
from hwgen.recipe import AugmentRecipe, DataRecipe, SstdpRecipe
from hwgen.training.accuracy import accuracy
from hwgen.training.batches import Encoder, augment, kept
from hwgen.training.quantize import from_params, to_params
from hwgen.training.sstdp import layers
from hwgen.training.sstdp import network as networks
from hwgen.training.sstdp.learner import SstdpLearner
from hwgen.training.sstdp.network import SpikingNetwork, decide

SHAPES = [((12, 9, 4), 6), ((40, 30, 20, 10), 8), ((5, 3), 1), ((64, 33, 10), 16)]


def equal(net, golden, inputs):
    """Compare all; returns how many samples tie in the first step."""
    traces, expected = net(torch.from_numpy(inputs).long()), golden.run(inputs)
    for trace, times, potentials in zip(
        traces, expected.spike_times, expected.potentials, strict=True
    ):
        np.testing.assert_array_equal(trace.times.numpy(), times)
        np.testing.assert_array_equal(trace.potentials[:, -1].numpy(), potentials)
    np.testing.assert_array_equal(decide(traces[-1]).numpy(), heard(expected))
    out = expected.spike_times[-1]
    return int(((out == out.min(axis=1, keepdims=True)).sum(axis=1) > 1).sum())


@pytest.mark.parametrize(("sizes", "n_steps"), SHAPES)
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("uniform", [False, True])
def test_forward_equals_golden(sizes, n_steps, bits, uniform):
    n_ties = 0
    for seed in range(4):
        params = random_params(seed, sizes, bits, n_steps, uniform)
        inputs = random_spike_times(seed + 50, 80, params)
        n_ties += equal(from_params(params), Golden(params), inputs)
    assert n_ties > 0


@pytest.mark.parametrize("threshold", [0, 5, 6, 7, 12])
def test_a_potential_equal_to_the_threshold_does_not_fire(threshold):
    params = random_params(1, (4, 2), 4, 4)
    params.weights[0][:] = [[3, 3], [3, 3], [-1, 1], [1, -1]]  # 6 after two inputs
    params.thresholds[0][:] = threshold
    times = np.array([[0, 1, 2, 2], [0, 1, 4, 4], [4, 4, 4, 4]], np.uint8)
    equal(from_params(params), Golden(params), times)
    fired = from_params(params)(torch.from_numpy(times).long())[0].times[1].tolist()
    assert fired == [0 if threshold < 3 else 1 if threshold < 6 else 4] * 2


def test_forward_with_a_fraction_in_the_threshold_equals_its_export():
    net = SpikingNetwork((20, 12, 5), (3, 3), 7)
    generator = torch.Generator().manual_seed(4)
    for layer in net.dense:
        layer.shadow.copy_(torch.rand(layer.shadow.shape, generator=generator) * 2 - 0.8)
        layer.threshold.fill_(4.99)
    params = to_params(net, InputSpec(height=4, width=5, x_max=16), "made")
    assert all((limits == 4).all() for limits in params.thresholds)
    inputs = random_spike_times(5, 100, params)
    equal(net, Golden(params), inputs)


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_export_and_import_change_nothing(bits):
    params = random_params(7, (9, 8, 3), bits)
    again = to_params(from_params(params), params.spec.input, params.name)
    assert again.digest == params.digest
    assert again.thresholds[0].dtype == np.int32


def test_a_tie_is_never_both_right():
    # Both outputs fire at step 0 with equal potentials: only the lower index is right.
    params = random_params(1, (3, 2), 1, 4)
    params.weights[0][:] = 1
    params.thresholds[0][:] = 1
    inputs = torch.tensor([[0, 0, 0]] * 2)
    right = decide(from_params(params)(inputs)[0]) == torch.tensor([0, 1])
    assert right.tolist() == [True, False]


def test_encoder_equals_encode():
    rng = np.random.default_rng(0)
    for x_max, crop, n_steps in ((255, 3, 8), (16, 0, 5), (16, 1, 16)):
        spec = InputSpec(height=9, width=8, x_max=x_max, crop=crop)
        images = rng.integers(0, x_max, (30, 9, 8), endpoint=True).astype(np.uint8)
        times = Encoder(spec, n_steps, torch.device("cpu"))(torch.from_numpy(images))
        np.testing.assert_array_equal(times.numpy(), latency(images, spec, n_steps))


@pytest.mark.parametrize("crop", [0, 2])
def test_colours_are_numbered_last(crop):
    rng = np.random.default_rng(4)
    images = rng.integers(0, 256, (5, 9, 8, 3)).astype(np.uint8)
    dataset = Dataset("cifar10", images, np.zeros(5, np.int64), 255)
    spec = input_spec(dataset, DataRecipe(name="cifar10", colour=True, crop=crop))
    assert spec.channels == 3
    times = latency(images, spec, 7)
    width = spec.post.width
    for row, column, channel in ((0, 0, 1), (2, 3, 0), (4, 3, 2)):
        value = images[:, row + crop, column + crop, channel].astype(int)
        expected = (255 - value) * 7 // 255
        assert times[:, (row * width + column) * 3 + channel].tolist() == expected.tolist()
    few = torch.from_numpy(kept(dataset, spec, 7))
    for rasters in (False, True):
        encoder = Encoder(spec, 7, torch.device("cpu"), rasters=rasters)
        wanted = once(times, 7) if rasters else times
        np.testing.assert_array_equal(encoder(few).numpy(), wanted)
    with pytest.raises(ValueError, match=r"^images must be \[n, 9, 8, 3\], not \[5, 9, 8\]$"):
        latency(images[..., 0], spec, 7)


def test_colours_move_together():
    grey = torch.randint(1, 256, (20, 9, 8), generator=torch.Generator().manual_seed(1))
    images = torch.stack([grey, grey // 2, 255 - grey], dim=1).to(torch.uint8)
    recipe = AugmentRecipe(shift_pixels=2.0, rotate_degrees=10, flip=True)
    seeds = [torch.Generator().manual_seed(3) for _ in range(4)]
    moved = augment(images, recipe, 255, seeds[0], colours=True)
    for channel in range(3):
        alone = augment(images[:, channel], recipe, 255, seeds[channel + 1])
        assert torch.equal(moved[:, channel], alone)


@pytest.mark.parametrize("colours", [False, True])
def test_cutout_makes_a_square_black(colours):
    n, side = 200, 3
    shape = (n, 3, 9, 8) if colours else (n, 9, 8)
    images = torch.full(shape, 7, dtype=torch.uint8)
    recipe = AugmentRecipe(cutout_pixels=side)
    made = augment(images, recipe, 16, torch.Generator().manual_seed(1), colours=colours)
    if colours:
        assert (made == made[:, :1]).all()
        made = made[:, 0]
    assert set(made.unique().tolist()) == {0, 7}
    sizes, places = set(), set()
    for image in made:
        rows, columns = ((image == 0).any(dim=axis).nonzero().flatten() for axis in (1, 0))
        square = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert (square == 0).all()
        sizes.add(tuple(square.shape))
        if square.shape == (side, side):
            places.add((int(rows[0]), int(columns[0])))
    assert sizes == {(a, b) for a in (2, 3) for b in (2, 3)}  # cut off at the edges
    assert len(places) > 30  # of 7 x 6
    assert torch.equal(images, torch.full(shape, 7, dtype=torch.uint8))


def test_augment_moves_images_by_the_seed_only():
    images = torch.zeros(40, 9, 9, dtype=torch.uint8)
    images[:, 2, 5] = 16
    nothing = augment(images, AugmentRecipe(), 16, torch.Generator())
    assert nothing is images
    mirror = AugmentRecipe(flip=True)
    made = [augment(images, mirror, 16, torch.Generator().manual_seed(s)) for s in (1, 1, 2)]
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])
    where = {tuple(p[1:].tolist()) for p in (made[0] == 16).nonzero()}
    assert where == {(2, 5), (2, 3)}
    shifted = augment(images, AugmentRecipe(shift_pixels=2.0), 16, torch.Generator().manual_seed(1))
    assert shifted.dtype == torch.uint8
    assert shifted.max() <= 16
    assert len({tuple(p[1:].tolist()) for p in (shifted > 4).nonzero()}) > 9


def test_initial_thresholds_lie_where_asked():
    recipe = SstdpRecipe(rule="sstdp", hidden_level=0.0, output_level=1.0, weight_mean=0.1)
    net = SpikingNetwork((64, 200, 10), (4, 4), 8)
    inputs = torch.from_numpy(
        random_spike_times(3, 300, random_params(1, (64, 10), n_steps=8))
    ).long()
    networks.initialise(net, recipe, inputs, torch.Generator().manual_seed(1))
    traces = net(inputs)
    final = traces[1].potentials[:, -1].float()
    expected = final.mean() + final.std()
    assert net.dense[1].threshold.item() == pytest.approx(expected.item(), rel=1e-3)
    fired = (traces[0].times < 8).float().mean().item()
    assert 0.3 < fired < 0.75
    assert net.dense[0].threshold.numel() == 1


def test_redraw_changes_only_the_chosen_neurons():
    net = SpikingNetwork((20, 6), (4,), 4)
    layer = net.dense[0]
    layer.shadow.fill_(-0.9)
    which = torch.tensor([False, True, False, False, True, False])
    recipe = SstdpRecipe(rule="sstdp", weight_spread=0.5, weight_mean=0.1)
    networks.redraw(layer, which, recipe, False, torch.Generator().manual_seed(1))
    assert (layer.shadow[:, ~which] == -0.9).all()
    assert (layer.shadow[:, which] >= -0.4).all()
    assert (layer.shadow[:, which] <= 0.6).all()
    assert layer.shadow[:, 1].unique().numel() > 10


def test_measured_accuracy_is_golden_s():
    params = random_params(2, (64, 24, 10), 4, 8, uniform=True)
    shape = InputSpec(height=8, width=8, x_max=16)
    spec = dataclasses.replace(params.spec, input=shape)
    params = dataclasses.replace(params, spec=spec)
    dataset = datasets.load("digits", "test")
    decisions = Golden(params).decide(latency(dataset.images, shape, 8))
    expected = (decisions == dataset.labels).mean()
    net = from_params(params)
    learner = SstdpLearner(net, SstdpRecipe(rule="sstdp"))
    assert accuracy(learner, dataset, shape) == pytest.approx(expected)
    assert accuracy(learner, dataset, shape, rounded=False) == pytest.approx(expected)
    net.dense[0].shadow.mul_(0.97).add_(0.01)
    before = [net.dense[0].rounded]
    accuracy(learner, dataset, shape, rounded=False)
    assert before == [net.dense[0].rounded] == [True]


def test_whole_pixels_blur_nothing():
    images = torch.randint(0, 17, (40, 8, 9), generator=torch.Generator().manual_seed(1))
    images = images.to(torch.uint8)
    recipe = AugmentRecipe(shift_pixels=1.0, whole_pixels=True)
    moved = augment(images, recipe, 16, torch.Generator().manual_seed(2))
    found = set()
    for before, after in zip(images, moved, strict=True):
        framed = torch.nn.functional.pad(before, [1, 1, 1, 1])
        ways = [
            (y, x)
            for y in range(3)
            for x in range(3)
            if torch.equal(framed[y : y + 8, x : x + 9], after)
        ]
        assert len(ways) == 1
        found.add(ways[0])
    assert len(found) == 9


@pytest.mark.parametrize("bits", [1, 4])
def test_the_product_is_the_same_by_integers_and_by_reals(bits, monkeypatch):
    """A processor without fast products of int8 takes the others (`integers_are_faster`)."""
    layer = layers.Dense(300, 40, bits, 5)
    torch.nn.init.uniform_(layer.shadow, -1, 1)
    inputs = torch.randint(0, 6, (7, 300))
    found = []
    for faster in (True, False):
        monkeypatch.setattr(layers, "integers_are_faster", lambda faster=faster: faster)
        found.append(layer(inputs).potentials)
    assert found[0].dtype == found[1].dtype == torch.int32
    assert torch.equal(*found)
    rows = (inputs[0][None, :] <= torch.arange(5)[:, None]).to(torch.int64)
    by_hand = rows @ layer.integer_weights().to(torch.int64)
    assert torch.equal(found[0][0].to(torch.int64), by_hand)
