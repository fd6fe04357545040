"""TT-LBPTT: gradients against autograd, cuts in time and in depth, integers against golden."""

import dataclasses

import numpy as np
import pytest
import torch
from heard import heard
from torch.nn.functional import conv2d, cross_entropy, linear
from truncated_nets import gradients, learnt, network, network_spec, spikes

from hwgen.golden import Golden
from hwgen.training.memory import peak_bytes
from hwgen.training.multi_spike import cost, lif
from hwgen.training.multi_spike.lif import Dynamics
from hwgen.training.quantize import to_params

pytestmark = pytest.mark.train


class _Spike(torch.autograd.Function):
    """The rectangle, on its own: the only derivative that autograd cannot know."""

    @staticmethod
    def forward(ctx, over, width):
        ctx.save_for_backward(over, width)
        return (over > 0).float()

    @staticmethod
    def backward(ctx, gradient):
        over, width = ctx.saved_tensors
        return gradient * (over.abs() < width) / (2 * width), None


def naive(made, inputs):
    """Output potentials by autograd, a step at a time, all layers in each step."""
    potentials = [layer.rest(len(inputs)) for layer in made.layers]
    weights = [layer.weights() for layer in made.layers]
    for step in range(made.n_steps):
        side = made.spec.input.height
        x = inputs[:, step].float().view(-1, side, side, 2).permute(0, 3, 1, 2)
        for index, layer in enumerate(made.layers):
            if x.dim() == 4 and layer.spec.kind == "dense":
                x = x.permute(0, 2, 3, 1).flatten(1)
            if layer.spec.kind == "conv2d":
                current = conv2d(x, weights[index], padding=layer.spec.padding)
            else:
                current = linear(x, weights[index])
            v = potentials[index] + current
            shape = layer._shape
            limit = (layer.level * layer.scale).view(shape)
            limit = limit + (limit.floor() - limit).detach()
            if layer.spec.reset == "never":
                potentials[index] = v
                continue
            x = _Spike.apply(v - limit, (made.recipe.width * layer.scale).view(shape))
            fired = x.detach()  # no gradient through the reset
            v = v * (1 - fired) if layer.spec.reset == "zero" else v - fired * limit.detach()
            lost = v * 2.0**-layer.spec.leak_shift
            potentials[index] = v - (lost + (lost.floor() - lost).detach())
    return potentials[-1]


@pytest.mark.parametrize("reset", ["zero", "subtract"])
@pytest.mark.parametrize("hidden", ["12-9", "5C3p1-7"])
def test_one_window_and_one_block_are_backpropagation_through_time(hidden, reset):
    spec = network_spec(hidden, reset=reset)
    made = network(spec).eval()  # scales stand still, so that both see the same
    inputs, labels = spikes(16, spec), torch.arange(16) % 4
    found = learnt(made, inputs, labels)
    potentials = naive(made, inputs)
    cross_entropy(made.scores(torch.zeros(1), potentials), labels).backward()
    wanted = gradients(made)
    hidden_weights = [name for name in found if name.endswith("shadow")]
    assert len(hidden_weights) == 3
    for name in hidden_weights + [name for name in found if name.endswith("level")][:2]:
        assert wanted[name].abs().max() > 1e-6, name  # there is something to compare
        # Sums of float32 in another order: an error of their largest terms, not of the result.
        atol = 1e-5 * float(wanted[name].abs().max())
        torch.testing.assert_close(found[name], wanted[name], rtol=1e-4, atol=atol)


def test_windows_cut_the_graph():
    # The label's error at the last step must not reach an input that only fired in the first.
    spec = network_spec("", n_steps=4, side=3)
    inputs = torch.zeros(4, 4, spec.input.n_inputs, dtype=torch.uint8)
    inputs[:, 0, 5], inputs[:, 1:, 7] = 1, 1
    seen = {}
    for steps in (4, 1):
        made = network(spec, truncation_steps=steps).eval()
        by_window = []

        def look(made=made, by_window=by_window):
            by_window.append(made.layers[-1].shadow.grad.clone())

        made.learn(inputs, torch.arange(4), look)
        seen[steps] = by_window
    assert [len(seen[4]), len(seen[1])] == [1, 4]

    def reached(gradient, column):  # the mean of a row of weights is taken off: compare with it
        return not torch.allclose(gradient[:, column], gradient[:, 0])

    assert reached(seen[4][0], 5)
    assert reached(seen[4][0], 7)
    assert reached(seen[1][0], 5)
    assert not any(reached(gradient, 5) for gradient in seen[1][1:])
    assert all(reached(gradient, 7) for gradient in seen[1][1:])


def test_blocks_are_detached():
    # Labels reach the first block through its own head only: without that, it has no gradient.
    spec = network_spec("4C3-P2-8")
    inputs, labels = spikes(8, spec), torch.arange(8) % 4
    made = network(spec, block_layers=1).eval()
    assert [len(block.spiking) for block in made.blocks] == [1, 1, 1]

    def first_two(net):
        found = learnt(net, inputs, labels)
        names = {parameter: name for name, parameter in net.named_parameters()}
        return [found[names[layer.shadow]].abs().max() for layer in net.layers[:2]]

    assert first_two(made)[0] > 0
    with torch.no_grad():
        made.blocks[0].head.weight.zero_()
    assert first_two(made)[0] == 0
    assert first_two(made)[1] > 0
    whole = network(spec).eval()
    assert first_two(whole)[0] > 0
    assert not whole.heads


def test_random_heads_are_signs_and_stay():
    made = network(network_spec("4C3-P2-8"), block_layers=1, head="random", head_pool=2)
    before = [head.weight.clone() for head in made.heads]
    assert before[0].abs().unique().tolist() == [1]
    assert before[0].shape == (4, 4)  # 2x2x4 pooled by 2 x 2
    step = torch.optim.SGD([p for g in made.parameter_groups() for p in g["params"]], lr=1).step
    inputs = spikes(8, made.spec)
    made.learn(inputs, torch.arange(8) % 4, step)
    assert all(torch.equal(a, head.weight) for a, head in zip(before, made.heads, strict=True))


@pytest.mark.parametrize("reset", ["zero", "subtract"])
@pytest.mark.parametrize("leak_shift", [0, 1, 3])
@pytest.mark.parametrize("readout", ["potential", "spike_count"])
@pytest.mark.parametrize("bits", [1, 4])
def test_training_computes_what_golden_computes(reset, leak_shift, readout, bits):
    spec = network_spec(
        "6C3p1-P2-11", reset=reset, leak_shift=leak_shift, readout=readout, weight_bits=bits
    )
    made = network(spec, truncation_steps=4).eval()
    params = to_params(made, spec.input, "small")
    assert params.spec == spec
    inputs = spikes(40, spec, density=0.25)
    trace = Golden(params).run(inputs.numpy())
    potentials = made.rest(len(inputs))
    found = [[] for _ in spec.layers]
    for part in made.windows(inputs):
        (outputs,) = [made.blocks[0].run(part, potentials[0])]
        for index, output in enumerate(outputs):
            flat = output.movedim(2, -1) if output.dim() == 5 else output
            found[index].append(flat.flatten(2).transpose(0, 1))
    for layer, wanted in zip(found, trace.spike_times, strict=True):
        assert np.array_equal(torch.cat(layer, dim=1).detach().numpy().astype(np.uint8), wanted)
    hidden = [layer.mean() for layer in trace.spike_times[:-1]]
    assert all(0.01 < rate < 0.99 for rate in hidden)  # they fire, but not always
    assert np.array_equal(made.run(inputs).potentials.numpy(), trace.potentials[-1])
    labels, _ = made.decide(inputs)
    assert np.array_equal(labels.numpy(), heard(trace))


def test_the_neuron_against_a_plain_loop():
    rng = np.random.default_rng(4)
    currents = rng.integers(-40, 50, (9, 30))
    for reset, shift in (("zero", 2), ("subtract", 0), ("subtract", 3), ("never", 0)):
        v, wanted = np.zeros(30, np.int64), []
        for current in currents:
            v = v + current
            fires = v > 21
            v = np.where(fires, 0, v) if reset == "zero" else v - 21 * fires * (reset != "never")
            v = v - (v >> shift) if shift else v
            wanted.append(fires)
        found, end = lif.window(
            torch.from_numpy(currents)[:, None].float(),
            torch.zeros(1, 30),
            torch.tensor([21.0]),
            torch.tensor([5.0]),
            Dynamics(reset, shift),
        )
        assert np.array_equal(found[:, 0].numpy(), np.array(wanted))
        assert np.array_equal(end[0].numpy(), v)


def test_gradients_of_pooling():
    picture = torch.zeros(1, 1, 1, 5, 4)
    picture[..., 0, 2] = picture[..., 3, 0] = picture[..., 3, 1] = 1
    picture.requires_grad_()
    pooled = lif.pool(picture, 2)
    assert pooled.tolist() == [[[[[0, 1], [1, 0]]]]]
    (pooled * torch.tensor([[1.0, 2.0], [4.0, 8.0]])).sum().backward()
    assert picture.grad[0, 0, 0].tolist() == [
        [1, 1, 2, 0],
        [1, 1, 0, 0],
        [0, 0, 8, 8],
        [2, 2, 8, 8],
        [0, 0, 0, 0],  # fills no window
    ]


def test_costs_are_counted_as_they_occur():
    spec = network_spec("8C3p1-P2-8C3-16", side=12, n_steps=8)
    inputs, labels = spikes(8, spec), torch.arange(8) % 4
    whole = cost.measure(network(spec), inputs, labels)
    assert whole.macs == whole.forward_macs + whole.weight_macs + whole.error_macs
    short = cost.measure(network(spec, truncation_steps=2), inputs, labels)
    local = cost.measure(network(spec, truncation_steps=2, block_layers=1), inputs, labels)
    parts = ("forward_macs", "weight_macs", "error_macs", "head_macs")
    assert local.macs == sum(getattr(local, part) for part in parts)
    assert local.error_macs == 0
    assert local.head_macs > 0
    assert short.macs == whole.macs
    # The big map's potentials, 8 x 12 x 12 float32 a step, are kept for all steps, or for two.
    at_least = 8 * spec.layers[0].n_post * 4
    assert whole.saved_bytes > 8 * at_least
    assert 2 * at_least < short.saved_bytes < 0.4 * whole.saved_bytes
    assert local.saved_bytes < short.saved_bytes
    assert dataclasses.asdict(local) == local.to_json()
    assert local.allocated_bytes == 0  # not asked


def test_the_allocator_tells_its_peak():
    def step():
        first = torch.zeros(300, 1000)
        second = torch.ones(100, 1000)
        del first
        return torch.ones(200, 1000), second

    for _ in range(2):  # the first leaves nothing to the second
        peak = peak_bytes(step, torch.device("cpu"))
        assert 4 * 400_000 <= peak < 4 * 401_000

    spec = network_spec("8C3p1-P2-8C3-16", side=12, n_steps=8)
    inputs, labels = spikes(8, spec), torch.arange(8) % 4
    whole, local = (
        cost.measure(network(spec, **how), inputs, labels, ask_allocator=True)
        for how in ({}, {"truncation_steps": 2, "block_layers": 1})
    )
    assert whole.allocated_bytes > whole.saved_bytes
    assert local.saved_bytes < local.allocated_bytes < 0.6 * whole.allocated_bytes
