"""Two-phase networks in training: forward pass against golden, the derivative against the rule."""

import dataclasses

import numpy as np
import pytest
import torch
from heard import heard
from reporters import StopError, StopsAt

from hwgen.data import datasets
from hwgen.data.encoding import latency
from hwgen.errors import RecipeError
from hwgen.golden import Golden
from hwgen.network import notation
from hwgen.network.spec import InputSpec
from hwgen.recipe import AugmentRecipe, DataRecipe, NetworkRecipe, PhasedRecipe, Recipe
from hwgen.training import checkpoint, loop
from hwgen.training.autograd.phased import PhasedLayer, PhasedNetwork, _Moments
from hwgen.training.loop import train
from hwgen.training.quantize import to_params

INPUT = InputSpec(height=9, width=8, x_max=255)
N_STEPS = 5


COLOURED = InputSpec(height=9, width=8, x_max=255, channels=3)


def network(hidden, bits=1, seed=0, given=INPUT, **recipe):
    layers = notation.layers(
        hidden, given.post, 4, n_steps=N_STEPS, weight_bits=bits, psp="ramp", phased=True
    )
    net = PhasedNetwork(given, layers, N_STEPS, PhasedRecipe(rule="phased", **recipe))
    net.initialise(torch.Generator().manual_seed(seed))
    return net


def spike_times(seed, n=40, given=INPUT):
    rng = np.random.default_rng(seed)
    shape = (n, 9, 8, 3) if given.channels == 3 else (n, 9, 8)
    images = rng.integers(0, 256, shape) * (rng.random(shape) < 0.6)
    return latency(images.astype(np.uint8), given, N_STEPS)


def settled(net, times):
    """The network in evaluation, with the running means of these inputs."""
    net.train()
    with torch.no_grad():
        for _ in range(60):
            net.run(torch.from_numpy(times).long(), 1)
    return net.eval()


@pytest.mark.parametrize("hidden", ["", "12", "4C3-P2-7", "3C2s2p1-5C3p1-P2", "5C4-2C1s3-6-9"])
@pytest.mark.parametrize(("bits", "given"), [(1, INPUT), (4, INPUT), (2, COLOURED)])
def test_the_integers_are_golden_s(hidden, bits, given):
    times = spike_times(1, given=given)
    net = settled(network(hidden, bits, 2, given), times)
    inputs = torch.from_numpy(times).long()
    with torch.no_grad():
        potentials = net.run(inputs, N_STEPS)[0]
        assert torch.equal(potentials[-1], net.run(inputs, 1)[0][-1])
        net.output_threshold.fill_(max(0, int(potentials.max()) // 2))
        labels, steps, firing = net.decide(inputs)
    params = to_params(net, given, "made")
    trace = Golden(params).run(times)
    np.testing.assert_array_equal(potentials[-1].numpy(), trace.potentials[-1])
    np.testing.assert_array_equal(labels.numpy(), heard(trace))
    np.testing.assert_array_equal(steps.numpy(), trace.decision_steps)
    assert not hidden or 0.05 < firing < 1
    for layer, fired in zip(params.spec.layers, trace.spike_times, strict=True):
        if layer.kind != "pool2d" and layer.phased:
            assert len(np.unique(fired)) > 3  # all activations matter, not just whether it fires


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
    activations = layer.activations(potentials)
    assert activations.flatten().tolist() == [0, 0, 0, 1, 1, 2, 3, 3]
    activations.sum().backward()
    # dt/dV = -1 / drive where a spike can move: not far below the limit, not in the first step
    assert potentials.grad.flatten().tolist() == [0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0]
    assert layer.exported()[1].tolist() == [10 + 3 * 2]


def test_mean_and_variance_are_torch_s_and_so_are_their_derivatives():
    generator = torch.Generator().manual_seed(5)
    for shape in ((30, 4), (7, 4, 5, 6)):
        potentials = torch.randn(shape, generator=generator, dtype=torch.float64) * 9 + 40
        weights = torch.randn(2, 4, generator=generator, dtype=torch.float64)
        found = []
        for moments in (_Moments.apply, plain_moments):
            leaf = potentials.clone().requires_grad_()
            mean, variance = moments(leaf)
            (mean @ weights[0] + variance @ weights[1]).backward()
            found.append((mean.detach(), variance.detach(), leaf.grad))
        for ours, theirs in zip(*found, strict=True):
            torch.testing.assert_close(ours, theirs)


def plain_moments(potentials):
    others = [axis for axis in range(potentials.dim()) if axis != 1]
    return torch.var_mean(potentials, dim=others, correction=0)[::-1]


def test_settling_takes_plain_means_over_all_batches():
    net = network("4C3-P2-7", seed=6)
    batches = [torch.from_numpy(spike_times(seed)).long() for seed in range(5)]
    net.hidden[0].mean.fill_(1e9)  # of other weights: to be forgotten
    net.settle(batches)
    first = net.hidden[0]
    assert first.momentum == network("7").hidden[0].momentum
    with torch.no_grad():
        activations = [(N_STEPS - net.feature_maps(batch)).float() for batch in batches]
        seen = [plain_moments(first.potentials(g[None])[0]) for g in activations]
    for index, kept in enumerate((first.mean, first.variance)):
        torch.testing.assert_close(kept, torch.stack([moments[index] for moments in seen]).mean(0))


@pytest.mark.parametrize(("reach", "learns"), [(1.0, 8), (2.0, 9), (9.0, 10)])
def test_shadows_learn_as_far_as_weights_reach(reach, learns):
    net = network("1", bits=4, seed=1, weight_reach=reach)
    layer = net.hidden[0]
    # Around their mean, divided by 0.357 of their spread, the last two lie beyond 7, and 14.
    shadow = torch.tensor([0.0] * 62 + [-1, 1, -1, 1, -1, 1, -1, 1, -2.7, 6.3]).reshape(1, 72)
    with torch.no_grad():
        layer.shadow.copy_(shadow - shadow.mean())
    scaled = layer.shadow / (0.357 * layer.shadow.square().mean().sqrt())
    assert scaled[0, -2:].tolist() == pytest.approx([-8.8, 20.1], abs=0.1)
    wanted = torch.zeros(1, 72)
    wanted[0, -10:] = 1.0
    (layer.weights() * wanted).sum().backward()
    changed = layer.shadow.grad - layer.shadow.grad[0, 0]  # the mean is taken off all alike
    assert (changed > 0.1).sum() == learns
    assert layer.weights()[0, -2:].tolist() == [-7, 7]


def test_label_smoothing_spreads_what_is_wanted():
    times = torch.from_numpy(spike_times(7)).long()
    labels = torch.arange(len(times)) % 4
    found = []
    for smoothing in (0.0, 0.8):
        net = network("6", seed=7, label_smoothing=smoothing)
        net.train()
        net.set_gradients(times, labels, 1)
        found.append(net.gain.grad.item())
    net = network("6", seed=7).train()
    last = net.run(times, 1)[0][-1]
    spread = (last - last.mean(dim=1, keepdim=True)).std().detach() + 1
    wanted = 0.2 * torch.nn.functional.one_hot(labels, 4) + 0.8 / 4
    scores = (last * (net.gain.exp() / spread)).log_softmax(dim=1)
    (-(wanted * scores).sum(dim=1).mean()).backward()
    assert found[1] == pytest.approx(net.gain.grad.item(), rel=1e-4)
    assert found[0] != pytest.approx(found[1], rel=2e-3)


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


@pytest.mark.train
def test_resuming_gives_the_same_bits_of_all_that_is_random_or_averaged(tmp_path):
    sets = [datasets.load("digits", split, seed=1) for split in ("train", "validation")]
    wanted = dataclasses.replace(
        recipe(label_smoothing=0.1, average_epochs=3, bfloat16=True),
        augment=AugmentRecipe(shift_pixels=1.0, whole_pixels=True, flip=True, cutout_pixels=2),
    )
    wanted = dataclasses.replace(wanted, training=dataclasses.replace(wanted.training, epochs=5))
    whole = train(wanted, *sets)
    path = tmp_path / "checkpoint.pt"

    for _ in range(3):
        with pytest.raises(StopError):
            train(wanted, *sets, checkpoint=path, resume=True, reporter=StopsAt(1, 3, 4))
    resumed = train(wanted, *sets, checkpoint=path, resume=True)
    assert resumed.average_accuracy == whole.average_accuracy is not None
    assert resumed.best_epoch == whole.best_epoch
    for name, tensor in whole.learner.network.state_dict().items():
        assert torch.equal(resumed.learner.network.state_dict()[name], tensor)
    for name, tensor in whole.last.items():
        assert torch.equal(resumed.last[name], tensor)


@pytest.mark.train
def test_the_average_is_of_the_last_epochs_and_wins_only_if_it_is_best():
    sets = [datasets.load("digits", split, seed=1).first(100) for split in ("train", "validation")]
    run = loop._Run(recipe(average_epochs=3), *sets, torch.device("cpu"))
    states = []
    for _ in range(12):
        run.one_epoch()
        states.append(checkpoint.copy(run.learner.network.state_dict()))
    for name, mean in run.average.items():
        expected = torch.stack([state[name] for state in states[-3:]]).mean(dim=0)
        torch.testing.assert_close(mean, expected)
    shadow = "hidden.0.shadow"
    assert not torch.equal(run.average[shadow], states[-1][shadow])
    accuracy = run.try_average()
    best = run.history[-1].best_accuracy
    assert torch.equal(run.best[shadow], run.average[shadow]) == (accuracy >= best)
    run.history[-1] = dataclasses.replace(run.history[-1], best_accuracy=2.0)
    run.best = states[0]
    run.try_average()
    assert run.best is states[0]  # nothing is better than 2
    run.history[-1] = dataclasses.replace(run.history[-1], best_accuracy=0.0)
    assert run.try_average() == accuracy
    assert torch.equal(run.best[shadow], run.average[shadow])


def test_another_psp_is_refused():
    wrong = Recipe(
        name="wrong",
        data=DataRecipe(name="digits"),
        network=NetworkRecipe(n_steps=6, hidden="8", weight_bits=1, psp="step"),
        training=PhasedRecipe(rule="phased"),
    )
    sets = [datasets.load("digits", split, seed=1) for split in ("train", "validation")]
    with pytest.raises(RecipeError, match="psp is 'step' in a two-phase layer, expected 'ramp'"):
        train(wrong, *sets)
