"""Deep networks in training: forward pass against golden, both derivatives against the rules."""

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
from hwgen.network.layers.conv2d import ConvSpec
from hwgen.network.layers.dense import DenseSpec
from hwgen.network.layers.pool2d import PoolSpec
from hwgen.network.spec import InputSpec
from hwgen.recipe import DataRecipe, NetworkRecipe, Recipe, SstdpRecipe, StidiRecipe
from hwgen.training.accuracy import accuracy
from hwgen.training.autograd.firing import Kernel, fire
from hwgen.training.autograd.stidi import DeepNetwork
from hwgen.training.loop import train
from hwgen.training.quantised import Weighted
from hwgen.training.quantize import to_params

INPUT = InputSpec(height=9, width=8, x_max=255)
PSPS = [("step", 0), ("ramp", 0), ("triangle", 1), ("triangle", 2)]


def network(hidden, bits=1, psp="ramp", tau=0, n_steps=5, seed=0, **recipe):
    layers = notation.layers(
        hidden, INPUT.post, 4, n_steps=n_steps, weight_bits=bits, psp=psp, tau_steps=tau
    )
    net = DeepNetwork(INPUT, layers, n_steps, StidiRecipe(rule="stidi", **recipe))
    net.initialise(torch.Generator().manual_seed(seed))
    return net


def images(seed, n=40):
    rng = np.random.default_rng(seed)
    return (rng.integers(0, 256, (n, 9, 8)) * (rng.random((n, 9, 8)) < 0.6)).astype(np.uint8)


@pytest.mark.parametrize("hidden", ["", "12", "4C3-P2-7", "3C2s2p1-5C3p1-P2", "5C4-2C1s3-6-9"])
@pytest.mark.parametrize(("psp", "tau"), PSPS)
def test_the_integers_are_golden_s(hidden, psp, tau):
    any_fired = False
    for bits, seed in ((1, 1), (4, 2), (1, 3)):
        net = network(hidden, bits, psp, tau, seed=seed, level=0.3)
        times = latency(images(seed), INPUT, 5)
        inputs = torch.from_numpy(times).long()
        net.train()
        for _ in range(20):
            net.run(inputs, 5)[0]  # settles the running spreads
        net.eval()
        with torch.no_grad():
            potentials = net.run(inputs, 5)[0]
            net.output_threshold.fill_(max(0, int(potentials.max()) // 2))
            labels, steps, firing = net.decide(inputs)
        trace = Golden(to_params(net, INPUT, "made")).run(times)
        np.testing.assert_array_equal(potentials[-1].numpy(), trace.potentials[-1])
        np.testing.assert_array_equal(labels.numpy(), heard(trace))
        np.testing.assert_array_equal(steps.numpy(), trace.decision_steps)
        any_fired |= bool((trace.spike_times[-1] < 5).any())
        assert not hidden or 0.05 < firing < 1
    assert any_fired


def test_a_wrong_threshold_is_seen():
    net = network("4C3-P2-7", seed=3, level=0.3)
    inputs = latency(images(3), INPUT, 5)
    net.train()
    net.run(torch.from_numpy(inputs).long(), 5)
    params = to_params(net.eval(), INPUT, "made")
    params.thresholds[0][:] += 1
    with torch.no_grad():
        potentials = net.run(torch.from_numpy(inputs).long(), 5)[0][-1].numpy()
    assert (Golden(params).run(inputs).potentials[-1] != potentials).any()


@pytest.mark.parametrize(("psp", "tau"), PSPS)
def test_psp_is_the_contract_s(psp, tau):
    def contract(age):
        if age < 0:
            return 0
        rising = {"step": 1, "ramp": age + 1}
        return rising.get(psp, max(0, min(age + 1, 2 * tau - age - 1)))

    got = Kernel(psp, tau).at(torch.arange(8), 7)
    assert got.tolist() == [[contract(t - spike) for spike in range(8)] for t in range(7)]


@pytest.mark.parametrize("every", [2, 4])
def test_coarse_time_is_sampled_fine_time(every):
    """The input loses nothing; a hidden neuron's PSP is the mean of those of the steps within."""
    n_steps = 8
    net = network("", n_steps=n_steps)
    inputs = torch.from_numpy(latency(images(3), INPUT, n_steps)).long()
    coarse = net.run(inputs, n_steps // every)[0]
    assert torch.equal(coarse, net.run(inputs, n_steps)[0][every - 1 :: every])

    fine = Kernel("ramp").at(torch.arange(n_steps), n_steps)[every - 1 :: every]
    kernel, n = Kernel("ramp", 0, every), n_steps // every
    got = kernel.at(kernel.times(torch.arange(n)), n)
    assert torch.equal(got, fine.unflatten(1, (n, every)).mean(dim=2))
    assert kernel.gain(n, torch.device("cpu"))[0].tolist() == [(every + 1) / 2] + [every] * (n - 1)


@pytest.mark.parametrize(("psp", "tau"), PSPS)
def test_surrogate_is_that_of_has_fired_states(psp, tau):
    """Each step's own state "has fired by now", with a window; the PSP follows from its states."""
    torch.manual_seed(4)
    n_steps, width = 6, 0.5
    excess = torch.randn(n_steps, 3, 4).cumsum(0).sub(0.5).requires_grad_()
    wanted = torch.randn(n_steps, 3, 4)
    psp_now = fire(
        excess,
        torch.ones(4),
        torch.zeros(4),
        displacement=False,
        width=width,
        kernel=Kernel(psp, tau),
    )
    (psp_now * wanted).sum().backward()
    rises = Kernel(psp, tau).at(torch.zeros(1), n_steps).flatten().diff(prepend=torch.zeros(1))
    expected = torch.zeros_like(excess)
    for s in range(n_steps):
        state = sum(rises[t - s] * wanted[t] for t in range(s, n_steps))
        expected[s] = state * (excess[s].abs() < width) / (2 * width)
    assert torch.allclose(excess.grad, expected, atol=1e-5)
    assert (expected != 0).any()


@pytest.mark.parametrize("tau", [2, 3])
def test_displacement_is_stidi_bp_s(tau):
    """Weight steps and errors of a dense layer, neuron by neuron, from the rule's equations.

    algorithms: dE/dw_ji = dE/dt_j * (-t_j / theta) * eps(t_j - t_i);
    dE/dt_i = sum_j dE/dt_j * (-t_j / theta) * (-w_ji on the rising flank, + on the falling).
    """
    rng = np.random.default_rng(tau)
    n_steps, n_pre, n_post = 7, 5, 4
    first = torch.from_numpy(rng.normal(1, 2, (n_steps, 1, n_pre))).float().cumsum(0) - 4
    first.requires_grad_()
    weights = torch.from_numpy(rng.normal(0.3, 1, (n_post, n_pre))).float().requires_grad_()
    theta, theta_pre = 2.0, 1.5
    options = {"displacement": True, "width": 1.0, "kernel": Kernel("triangle", tau)}
    psp = fire(first + theta_pre, torch.ones(n_pre), torch.full((n_pre,), theta_pre), **options)
    psp.retain_grad()
    potentials = psp @ weights.T
    out = fire(potentials, torch.ones(n_post), torch.full((n_post,), theta), **options)
    wanted = torch.from_numpy(rng.normal(0, 1, (n_steps, 1, n_post))).float()
    (out * wanted).sum().backward()

    def kernel(age):
        return max(0, min(age + 1, 2 * tau - age - 1)) if age >= 0 else 0

    def flank(age):
        return 0 if age < 0 or age >= 2 * tau else 1 if age < tau else -1

    t_pre = [next((t for t in range(n_steps) if first[t, 0, i] > 0), n_steps) for i in range(n_pre)]
    error_pre = np.zeros(n_pre)
    for j in range(n_post):
        above = potentials[:, 0, j].detach().numpy() - theta
        fired = np.flatnonzero(above > 0)
        t_j = int(fired[0]) if len(fired) else n_steps - 1  # silent: counts as the last step ...
        learns = t_j if len(fired) else int(above.argmax())  # ... and learns at its peak
        error = -sum(flank(t - t_j) * float(wanted[t, 0, j]) for t in range(n_steps))
        by_potential = error * -(learns + 1) / theta
        for i in range(n_pre):
            step = by_potential * kernel(learns - t_pre[i])
            assert weights.grad[j, i] == pytest.approx(step, abs=1e-4)
            t_i = min(t_pre[i], n_steps - 1)
            error_pre[i] += by_potential * -flank(learns - t_i) * float(weights[j, i].detach())
    for i in range(n_pre):
        gradient = first.grad[:, 0, i]
        fired = t_pre[i] < n_steps
        at = t_pre[i] if fired else int(first[:, 0, i].argmax())
        assert gradient[at] == pytest.approx(error_pre[i] * -(at + 1) / theta_pre, abs=1e-3)
        assert (gradient != 0).sum() <= 1


def recipe(epochs=12, hidden="6C3-P2-24", **training):
    return Recipe(
        name="small",
        seed=3,
        data=DataRecipe(name="digits"),
        network=NetworkRecipe(n_steps=4, hidden=hidden, weight_bits=4, psp="ramp"),
        training=StidiRecipe(
            rule="stidi", epochs=epochs, batch_size=50, **({"coarse_epochs": 2} | training)
        ),
    )


@pytest.fixture(scope="module")
def sets():
    return datasets.load("digits", "train", seed=3), datasets.load("digits", "validation", seed=3)


@pytest.mark.train
@pytest.mark.parametrize(("gradient", "enough"), [("surrogate", 0.8), ("displacement", 0.75)])
def test_it_learns_and_resumes(sets, tmp_path, gradient, enough):
    wanted = recipe(gradient=gradient)
    whole = train(wanted, *sets)
    assert whole.history[-1].best_accuracy > enough
    path = tmp_path / "checkpoint.pt"

    with pytest.raises(StopError):
        train(wanted, *sets, checkpoint=path, reporter=StopsAt(3))
    resumed = train(wanted, *sets, checkpoint=path, resume=True)
    digests = {to_params(x.learner.network, x.input_spec, "x").digest for x in (whole, resumed)}
    assert len(digests) == 1
    test = datasets.load("digits", "test")
    params = to_params(whole.learner.network, whole.input_spec, "x")
    decisions = Golden(params).decide(latency(test.images, params.spec.input, 4))
    assert accuracy(whole.learner, test, whole.input_spec) == (decisions == test.labels).mean()


@pytest.mark.train
def test_labels_that_say_nothing_teach_nothing(sets):
    rng = np.random.default_rng(1)
    parts = [dataclasses.replace(part, labels=rng.permutation(part.labels)) for part in sets]
    assert train(recipe(6), *parts).history[-1].best_accuracy < 0.25


def test_early_weight_counts_the_steps_before_the_last():
    inputs = torch.from_numpy(latency(images(5), INPUT, 5)).long()
    labels = torch.arange(40) % 4
    gradients = []
    for weight in (0.0, 0.5):
        net = network("6", early_weight=weight)
        net.train()
        net.set_gradients(inputs, labels, 5)
        gradients.append(net.layers[0].shadow.grad.clone())
    assert not torch.allclose(*gradients)


def test_coarse_epochs_have_fewer_steps():
    net = network("6", coarse_epochs=2, coarse_steps=3)
    assert [net.n_points(epoch) for epoch in range(4)] == [3, 3, 5, 5]
    net = network("6", coarse_epochs=2, coarse_steps=9)
    assert net.n_points(0) == 5


def test_weights_are_centred_and_rounded():
    layer = Weighted(notation.layers("3C2", INPUT.post, 4, n_steps=4, weight_bits=3)[0], 1)
    drawn = torch.rand(layer.shadow.shape, generator=torch.Generator().manual_seed(1))
    layer.shadow.data = drawn
    weights = layer.weights()
    assert set(weights.unique().tolist()) >= {-1, 0, 1}
    layer.shadow.data = drawn + 0.25
    assert torch.equal(layer.weights(), weights)
    layer.shadow.data = drawn * torch.tensor([1e-3, 1.0, 30.0]).view(-1, 1, 1, 1)
    assert torch.equal(layer.weights(), weights)
    layer.rounded = False
    assert layer.weights().flatten(1).mean(dim=1).abs().max() < 1e-6


@pytest.mark.parametrize(
    ("hidden", "rule", "message"),
    [
        ("20c5", "stidi", "'20c5' is no layer; expected words like '20C5', 'P2' or '1000'"),
        ("P2-10", "stidi", "pooling must follow a convolution"),
        ("3C3-P2-P2", "stidi", "pooling must follow a convolution"),
        ("3C3", "sstdp", "rule 'sstdp' trains dense layers with psp 'step'; use rule = 'stidi'"),
        ("3C9", "stidi", "layers.0. has 0 neurons, expected 1..65536"),
    ],
)
def test_networks_refused(sets, hidden, rule, message):
    wanted = recipe(hidden=hidden)
    if rule == "sstdp":
        wanted = dataclasses.replace(wanted, training=SstdpRecipe(rule="sstdp"))
    with pytest.raises(RecipeError, match=message):
        train(wanted, *sets)


def test_layout():
    layers = notation.layers("20C5s2p1-P2-7", INPUT.post, 3, n_steps=4, weight_bits=1, psp="ramp")
    conv, pool, dense, last = layers
    assert isinstance(conv, ConvSpec)
    assert (conv.filters, conv.size, conv.stride, conv.padding) == (20, 5, 2, 1)
    assert isinstance(pool, PoolSpec)
    assert pool.pre == conv.post == (4, 3, 20)
    assert pool.post == (2, 1, 20)
    assert isinstance(dense, DenseSpec)
    assert (dense.n_pre, dense.n_post, last.n_post) == (40, 7, 3)
    assert dense.potential_bits == (40 * 4).bit_length() + 1
