"""TT-LBPTT with bias, any leak, fractions, another order, equality, values: against golden, plain
loops and plain autograd; and what the file then holds."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
import torch
from heard import heard
from torch.nn.functional import conv2d, cross_entropy, linear
from truncated_nets import DIRECT, gradients, learnt, network, network_spec, spikes, values

from hwgen.data import datasets
from hwgen.data.inputs import encoded
from hwgen.golden import Golden
from hwgen.network import params_file
from hwgen.recipe import DataRecipe, NetworkRecipe, Recipe, TruncatedRecipe
from hwgen.training import loop
from hwgen.training.accuracy import accuracy
from hwgen.training.multi_spike import cost, lif, quantisation_error
from hwgen.training.multi_spike.lif import Dynamics
from hwgen.training.quantize import to_params

pytestmark = pytest.mark.train

OPTIONS = {
    "bias": {"bias": True},
    "any leak": {"leak_shift": 4, "leak_times": 3},
    "a long leak": {"leak_shift": 10, "leak_times": 717, "n_steps": 5},
    "fractions": {"fraction_bits": 5, "leak_shift": 2},
    "leak first": {"order": "leak, reset"},
    "at": {"fires": "at"},
    "all": {
        "bias": True,
        "leak_shift": 5,
        "leak_times": 11,
        "fraction_bits": 4,
        "order": "leak, reset",
        "fires": "at",
    },
}


def as_golden_sees_it(made, inputs):
    """Of a network in training: spikes of each layer uint8 [n, n_steps, n_neurons]; potentials of
    the output."""
    potentials, found = made.rest(len(inputs)), [[] for _ in made.spec.layers]
    for part in made.windows(inputs):
        for index, output in enumerate(made.blocks[0].run(part, potentials[0])):
            flat = output.movedim(2, -1) if output.dim() == 5 else output
            found[index].append(flat.flatten(2).transpose(0, 1))
    rasters = [torch.cat(layer, dim=1).detach().numpy().astype(np.uint8) for layer in found]
    return rasters, potentials[0][-1].detach().numpy()


@pytest.mark.parametrize("reset", ["zero", "subtract"])
@pytest.mark.parametrize("readout", ["potential", "spike_count"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_training_computes_what_golden_computes(options, readout, reset):
    spec = network_spec("6C3p1-P2-11", reset=reset, readout=readout, **options)
    made = network(spec, truncation_steps=4).eval()
    params = to_params(made, spec.input, "small")
    inputs = spikes(40, spec, density=0.25)
    trace = Golden(params).run(inputs.numpy())
    rasters, potentials = as_golden_sees_it(made, inputs)
    for found, wanted in zip(rasters, trace.spike_times, strict=True):
        assert np.array_equal(found, wanted)
    assert np.array_equal(potentials, trace.potentials[-1])
    assert np.array_equal(made.decide(inputs)[0].numpy(), heard(trace))
    assert all(0.01 < layer.mean() < 0.99 for layer in rasters[:-1])


@pytest.mark.parametrize("hidden", ["6C3p1-P2-11", "12-9"])
@pytest.mark.parametrize("x_max", [1, 13, 255])
@pytest.mark.parametrize("options", [{}, OPTIONS["all"]], ids=["plain", "all"])
def test_training_takes_values_as_golden_takes_their_bit_planes(options, x_max, hidden):
    spec = network_spec(hidden, given=DIRECT | {"x_max": x_max}, **options)
    made = network(spec, truncation_steps=4).eval()
    params = to_params(made, spec.input, "small")
    inputs = values(40, spec)
    places = np.arange(x_max.bit_length())[None, :, None]
    trace = Golden(params).run((inputs.numpy()[:, None] >> places & 1).astype(np.uint8))
    rasters, potentials = as_golden_sees_it(made, inputs)
    for found, wanted in zip(rasters, trace.spike_times, strict=True):
        assert np.array_equal(found, wanted)
    assert np.array_equal(potentials, trace.potentials[-1])
    assert np.array_equal(made.decide(inputs)[0].numpy(), heard(trace))
    assert all(0.01 < layer.mean() < 0.99 for layer in rasters[:-1])


def of_a_plain_loop(currents, limit, dynamics):
    """Spikes and the last potential of one neuron, in exact fractions."""
    v, fired = Fraction(0), []
    for current in currents:
        v += int(current)
        fires = v >= limit if dynamics.fires == "at" else v > limit
        left = v
        if fires:
            left = Fraction(0) if dynamics.reset == "zero" else v - limit
        leaks_before = dynamics.order == "leak, reset" and dynamics.reset == "subtract"
        part = Fraction(dynamics.leak_times, 2**dynamics.leak_shift) if dynamics.leak_shift else 0
        v = left - floor((v if leaks_before else left) * part)
        fired.append(fires)
    return fired, v


@pytest.mark.parametrize(
    "dynamics",
    [
        Dynamics("subtract", 3, leak_times=5),
        Dynamics("subtract", 15, leak_times=29491),
        Dynamics("subtract", 2, order="leak, reset"),
        Dynamics("zero", 2, order="leak, reset"),
        Dynamics("subtract", 0, fires="at"),
        Dynamics("zero", 4, leak_times=7, fires="at"),
        Dynamics("subtract", 4, leak_times=7, order="leak, reset", fires="at"),
        Dynamics("subtract", 0, leak_times=1),
    ],
    ids=str,
)
def test_the_neuron_against_a_plain_loop(dynamics):
    rng = np.random.default_rng(4)
    # Up to 23 bits, where a product with the leak is not exact in float32.
    for scale, limit in ((1, 21), (20_011, 420_231)):
        currents = rng.integers(-40, 50, (9, 200)) * scale
        found, end = lif.window(
            torch.from_numpy(currents)[:, None].float(),
            torch.zeros(1, 200),
            torch.tensor([float(limit)]),
            torch.tensor([5.0]),
            dynamics,
        )
        for index in range(200):
            fired, v = of_a_plain_loop(currents[:, index], limit, dynamics)
            assert found[:, 0, index].tolist() == fired
            assert int(end[0, index]) == v


class _Spike(torch.autograd.Function):
    """The rectangle: the only derivative that autograd cannot know."""

    @staticmethod
    def forward(ctx, over, width, at):
        ctx.save_for_backward(over, width)
        return (over >= 0).float() if at else (over > 0).float()

    @staticmethod
    def backward(ctx, gradient):
        over, width = ctx.saved_tensors
        return gradient * (over.abs() < width) / (2 * width), None, None


def _floored(x):
    return x + (x.floor() - x).detach()


def naive(made, inputs):
    """Output potentials by autograd, a step at a time, all layers in each step."""
    potentials = [layer.rest(len(inputs)) for layer in made.layers]
    side = made.spec.input.height
    for step in range(made.n_steps):
        given = inputs if made.spec.input.encoding == "direct" else inputs[:, step]
        x = given.float().view(-1, side, side, 2).permute(0, 3, 1, 2)
        for index, layer in enumerate(made.layers):
            spec, shape = layer.spec, layer._shape
            if x.dim() == 4 and spec.kind == "dense":
                x = x.permute(0, 2, 3, 1).flatten(1)
            weights = layer.weights() * 2**spec.fraction_bits
            v = potentials[index] + (
                conv2d(x, weights, padding=spec.padding)
                if spec.kind == "conv2d"
                else linear(x, weights)
            )
            if spec.reset == "never":
                potentials[index] = v
                continue
            if spec.bias_bits:
                bias = layer.offset * layer.scale
                v = v + (bias + (bias.round() - bias).detach()).view(shape)
            limit = _floored(layer.level * layer.scale).view(shape)
            width = (made.recipe.width * layer.scale).view(shape)
            x = _Spike.apply(v - limit, width, spec.fires == "at")
            fired = x.detach()  # no gradient through the reset
            left = v * (1 - fired) if spec.reset == "zero" else v - fired * limit.detach()
            leaks = v if spec.order == "leak, reset" and spec.reset == "subtract" else left
            leaks = leaks.double() * spec.leak_times / 2**spec.leak_shift
            potentials[index] = left - _floored(leaks).float()
    return potentials[-1]


@pytest.mark.parametrize("reset", ["zero", "subtract"])
@pytest.mark.parametrize("hidden", ["12-9", "5C3p1-7"])
@pytest.mark.parametrize("direct", [False, True])
def test_gradients_are_those_of_autograd(hidden, reset, direct):
    given = {"given": DIRECT} if direct else {}
    spec = network_spec(hidden, reset=reset, **OPTIONS["all"], **given)
    made = network(spec).eval()  # scales stand still, so that both see the same
    inputs, labels = (values if direct else spikes)(16, spec), torch.arange(16) % 4
    found = learnt(made, inputs, labels)
    cross_entropy(made.scores(torch.zeros(1), naive(made, inputs)), labels).backward()
    wanted = gradients(made)
    names = [name for name in found if name.endswith(("shadow", "offset"))]
    assert len(names) == 5
    for name in names + [name for name in found if name.endswith("level")][:2]:
        assert wanted[name].abs().max() > 1e-6, name  # there is something to compare
        atol = 1e-5 * float(wanted[name].abs().max())
        torch.testing.assert_close(found[name], wanted[name], rtol=1e-4, atol=atol)


def test_biases_are_rounded_and_as_narrow_as_they_can_be(tmp_path):
    made = network(network_spec("3-2", leak_shift=0, side=2, bias=True)).eval()
    first, second, _ = made.layers
    with torch.no_grad():
        for layer in (first, second):
            layer.scale.fill_(4.0)
        first.offset.copy_(torch.tensor([1.9, -0.88, 0.1]))  # 7.6, -3.52, 0.4
        second.offset.copy_(torch.tensor([0.0, 0.1]))
    params = to_params(made, made.spec.input, "small")
    assert [bias.tolist() for bias in params.biases] == [[8, -4, 0], [0, 0], []]
    # 8 takes 4 bits and the sign; 2 is the narrowest there is.
    assert [layer.bias_bits for layer in params.spec.layers] == [5, 2, 0]
    # 8 inputs of at most 7, and 15: 6 steps of 71 are 426; 3 of 7, and 1: 6 of 22 are 132.
    assert [layer.potential_bits for layer in params.spec.layers[:2]] == [10, 9]
    params_file.save(params, tmp_path / "params.safetensors")
    again = params_file.load(tmp_path / "params.safetensors")
    assert again.digest == params.digest
    changes = quantisation_error.changes(made, small_recipe())
    told = next(change for change in changes if change.name == "layer 0, bias 1, the worst of 3")
    assert (told.requested, told.actual) == (pytest.approx(-3.52), -4)
    assert told.error == pytest.approx(0.48)


def test_a_threshold_beyond_all_potentials_is_beyond_them_in_the_file():
    # Two inputs of weight 1 and a bias of 1 reach 3, the largest number of 3 bits with a sign.
    spec = network_spec("1", side=1, n_steps=1, weight_bits=1, leak_shift=0, fires="at", bias=True)
    made = network(spec).eval()
    layer = made.layers[0]
    with torch.no_grad():
        layer.shadow.fill_(1.0)
        layer.scale.fill_(1.0)
        layer.offset.fill_(1.0)
        layer.level.fill_(5.0)
    params = to_params(made, spec.input, "small")
    inputs = torch.ones(1, 1, 2, dtype=torch.uint8)
    trace = Golden(params).run(inputs.numpy())
    assert trace.potentials[0].tolist() == [[3]]
    assert trace.spike_times[0].tolist() == [[[0]]]
    assert as_golden_sees_it(made, inputs)[0][0].tolist() == [[[0]]]


def small_recipe(encoding="rate", training=None, **fields):
    fields = {"leak_shift": 4, "leak_times": 3, "bias": True} | fields
    return Recipe(
        name="small",
        data=DataRecipe(name="digits", encoding=encoding),
        network=NetworkRecipe(
            n_steps=4, hidden="24", weight_bits=4, reset="subtract", readout="potential", **fields
        ),
        training=training or TruncatedRecipe(rule="tt-lbptt", epochs=2),
    )


@pytest.fixture(scope="module")
def sets():
    return [datasets.load("digits", split) for split in ("train", "validation")]


def test_a_recipe_asks_for_them(sets):
    wanted = small_recipe(fraction_bits=3, order="leak, reset", fires="at")
    learner = loop.train(wanted, *sets).learner
    params = to_params(learner.network, learner.network.spec.input, "small")
    hidden, output = params.spec.layers
    assert (hidden.leak_shift, hidden.leak_times, hidden.fraction_bits) == (4, 3, 3)
    assert (hidden.order, hidden.fires) == ("leak, reset", "at")
    assert hidden.bias_bits >= 2
    assert params.biases[0].any()  # learnt: they begin at 0
    usual = (output.reset, output.leak_shift, output.leak_times, output.fraction_bits)
    assert usual == ("never", 0, 1, 0)
    assert (output.order, output.fires, output.bias_bits) == ("reset, leak", "above", 0)


def test_images_are_values(sets):
    learner = loop.train(small_recipe("direct", leak_shift=0, leak_times=1), *sets).learner
    params = to_params(learner.network, learner.network.spec.input, "small")
    assert params.spec.input.encoding == "direct"
    # Digits have values 0..16.
    assert [layer.input_bits for layer in params.spec.layers] == [5, 0]
    test_set = datasets.load("digits", "test")
    decided = Golden(params).run(encoded(test_set, params.spec)).decisions
    right = float((decided == test_set.labels).mean())
    assert right > 0.7
    assert accuracy(learner, test_set, params.spec.input) == pytest.approx(right, abs=1e-9)


def test_the_mean_of_the_last_epochs_is_tried(sets):
    training = TruncatedRecipe(rule="tt-lbptt", epochs=4, average_epochs=3)
    trained = loop.train(small_recipe(training=training), *sets)
    assert trained.average_accuracy > 0.5
    assert loop.train(small_recipe(), *sets).average_accuracy is None


def test_spreads_are_settled_anew():
    spec = network_spec("9-7", bias=True)
    made = network(spec)
    for layer in made.layers:
        if layer.offset is not None:
            layer.offset.data.zero_()
    inputs = spikes(20, spec, seed=9)
    made.settle([inputs])
    wanted = [layer.scale.clone() for layer in made.layers]
    for layer in made.layers:
        layer.scale.mul_(3.0)
    made.settle([inputs[:10], inputs[10:]])
    for layer, scale in zip(made.layers, wanted, strict=True):
        torch.testing.assert_close(layer.scale, scale, rtol=0.1, atol=0)


def test_label_smoothing_is_of_the_loss():
    spec = network_spec("", n_steps=2)
    inputs, labels = spikes(8, spec), torch.arange(8) % 4
    made = network(spec, label_smoothing=0.2).eval()
    found = made.learn(inputs, labels, lambda: None)[1]
    potentials = torch.from_numpy(as_golden_sees_it(made, inputs)[1])
    logarithms = made.scores(torch.zeros(1), potentials).detach().log_softmax(dim=1)
    wanted = torch.full_like(logarithms, 0.2 / 4)
    wanted[torch.arange(8), labels] += 0.8
    assert found == pytest.approx(float(-(wanted * logarithms).sum()), rel=1e-5)


def test_what_values_cost_is_counted_as_it_occurs():
    spec = network_spec("8C3p1-P2-16", side=8, n_steps=6, given=DIRECT)
    inputs, labels = values(8, spec), torch.arange(8) % 4
    found = cost.measure(network(spec, truncation_steps=2), inputs, labels)
    assert found.macs == found.forward_macs + found.weight_macs + found.error_macs
    picture = 8 * 8 * 8 * 9 * 2  # of a window: neurons, synapses of each
    behind = 6 * (16 * 4 * 4 * 8 + 16 * 4)
    assert found.forward_macs == 8 * (3 * picture + behind)
