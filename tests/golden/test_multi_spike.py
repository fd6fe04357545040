"""Neurons that fire more than once: golden against plain Python, hardware against golden."""

from dataclasses import replace

import numpy as np
import pytest
from direct_nets import direct, random_inputs
from jobs import inference, twice
from multi_spike_nets import OUTPUT, integrator, multi_spike
from stand_ins import needs

from hwgen.errors import ParamsError
from hwgen.golden import Golden
from hwgen.hdl.verilog import to_verilog
from hwgen.network import params_file
from hwgen.network.design import Design
from hwgen.network.layers.conv2d import ConvSpec
from hwgen.network.layers.pool2d import PoolSpec
from hwgen.network.spikes import n_spikes
from hwgen.protocol.tokens import Kind, sample_tokens
from hwgen.verification import cosim, verify
from hwgen.verification.passes import Pass

NETWORKS = {
    "zero": ("3x4-9-4", (4, 2), {"weight_bits": 1}),
    "subtract": ("3x4-9-4", (9, 4), {"reset": "subtract", "leak_shift": 2, "weight_bits": 4}),
    "no leak": ("3x4-9-4", (3, 3), {"reset": "subtract", "leak_shift": 0, "weight_bits": 3}),
    "potential": ("3x4-9-4", (4, 4), {"leak_shift": 3, "weight_bits": 2, "readout": "potential"}),
    "pictures": ("6x5-4C3p1-P2-7-3", (2, 1, 3, 3), {"leak_shift": 3, "weight_bits": 2}),
    "two convolutions": (
        "6x5x2-3C2-P2-4C2-5",
        (3, 1, 2, 2),
        {"reset": "subtract", "weight_bits": 4},
    ),
    "fraction": (
        "3x4-9-4",
        (4, 2),
        {"leak_shift": 2, "weight_bits": 3, "neuron": {"fraction_bits": 5}},
    ),
    "bias": ("3x4-9-4", (4, 3), {"weight_bits": 3, "neuron": {"bias_bits": 4}}),
    "bias, no leak": (
        "3x4-9-4",
        (9, 4),
        {"reset": "subtract", "leak_shift": 0, "weight_bits": 3, "neuron": {"bias_bits": 3}},
    ),
    "a tenth leaks": (
        "3x4-9-4",
        (3, 4),
        {"leak_shift": 10, "weight_bits": 4, "neuron": {"leak_times": 102, "fraction_bits": 4}},
    ),
    "seven eighths": (
        "3x4-9-4",
        (3, 4),
        {"reset": "subtract", "leak_shift": 3, "weight_bits": 4, "neuron": {"leak_times": 7}},
    ),
    "leak first": (
        "3x4-9-4",
        (9, 2),
        {"reset": "subtract", "weight_bits": 4, "neuron": {"order": "leak, reset"}},
    ),
    "at": ("3x4-9-4", (2, 4), {"reset": "subtract", "neuron": {"fires": "at"}}),
    "at, to zero": ("3x4-9-4", (4, 4), {"neuron": {"fires": "at"}}),
    "all": (
        "6x5-4C3p1-P2-7-3",
        (2, 1, 3, 3),
        {
            "reset": "subtract",
            "leak_shift": 6,
            "weight_bits": 4,
            "neuron": {
                "leak_times": 3,
                "fraction_bits": 3,
                "bias_bits": 6,
                "order": "leak, reset",
                "fires": "at",
            },
        },
    ),
}


DIRECT = {
    "values": ("3x4-9-4", (4, 2), {"weight_bits": 1}),
    "values, subtract": (
        "3x4-9-4",
        (9, 4),
        {"reset": "subtract", "leak_shift": 0, "weight_bits": 4},
    ),
    "colours": (
        "6x5x3-4C3p1-P2-7-3",
        (2, 1, 3, 3),
        {"leak_shift": 3, "weight_bits": 2, "readout": "potential"},
    ),
    "values, all": (
        "6x5-4C3s2-5-3",
        (3, 2, 3),
        {
            "reset": "subtract",
            "leak_shift": 6,
            "weight_bits": 3,
            "neuron": {
                "leak_times": 3,
                "fraction_bits": 3,
                "bias_bits": 10,
                "order": "leak, reset",
                "fires": "at",
            },
        },
    ),
    "one layer": ("3x4-5", (2,), {"weight_bits": 3}),
}


def network(name):
    if name in OUTPUT:
        return integrator(name), (4, 3)
    shape, lanes, how = (NETWORKS | DIRECT)[name]
    net = multi_spike(3, shape, n_steps=7, **how)
    x_max = 16 if name == "values" else 255
    return direct(net, x_max) if name in DIRECT else net, lanes


def by_hand(net, sample):
    """docs/contract.md, sections 4 to 6, a neuron at a time: spikes, final potentials, decision."""
    spec = net.spec
    layers = [
        {"v": [0] * layer.n_post, "fired": [[0] * layer.n_post for _ in range(spec.n_steps)]}
        for layer in spec.layers
    ]
    values = [sum(int(bit) << p for p, bit in enumerate(bits)) for bits in sample.T]
    for t in range(spec.n_steps):
        spikes = values if spec.input.encoding == "direct" else sample[t].tolist()
        for number, (layer, state) in enumerate(zip(spec.layers, layers, strict=True)):
            out = state["fired"][t]
            for i, value in ((i, s) for i, s in enumerate(spikes) if s):
                for j, weight in synapses(net, number, i):
                    if weight is None:
                        out[j] = 1
                    else:
                        state["v"][j] += value * weight * 2**layer.fraction_bits
            if not isinstance(layer, PoolSpec):
                for j in range(layer.n_post):
                    limit = int(net.thresholds[number][j % layer.n_thresholds])
                    if layer.n_biases:
                        state["v"][j] += int(net.biases[number][j % layer.n_thresholds])
                    full = state["v"][j]
                    if full > limit or (full == limit and layer.fires == "at"):
                        out[j] = 1
                        state["v"][j] = 0 if layer.reset == "zero" else full - limit
                    if layer.leak_shift:
                        first = layer.order == "leak, reset" and layer.reset == "subtract"
                        of = full if first else state["v"][j]
                        state["v"][j] -= of * layer.leak_times // 2**layer.leak_shift
            spikes = out
    last = layers[-1]
    counts = [sum(step[j] for step in last["fired"]) for j in range(spec.n_classes)]
    ranked = [(counts[j], last["v"][j], -j) for j in range(spec.n_classes)]
    return [layer["fired"] for layer in layers], [layer["v"] for layer in layers], -max(ranked)[2]


def synapses(net, number, i):
    """(output, weight) of an input; of pooling, no weight."""
    layer = net.spec.layers[number]
    if layer.kind == "dense":
        yield from enumerate(int(w) for w in net.weights[number][i])
        return
    place, channel = divmod(i, layer.channels)
    row, column = divmod(place, layer.width)
    height, width, filters = layer.post
    for y in range(height):
        for x in range(width):
            if isinstance(layer, PoolSpec):
                if (row // layer.size, column // layer.size) == (y, x):
                    yield (y * width + x) * filters + channel, None
                continue
            a = row + layer.padding - y * layer.stride
            b = column + layer.padding - x * layer.stride
            if 0 <= a < layer.size and 0 <= b < layer.size:
                for f in range(filters):
                    weight = int(net.weights[number][a, b, channel, f])
                    yield (y * width + x) * filters + f, weight


@pytest.mark.parametrize("name", [*NETWORKS, *DIRECT, *OUTPUT])
def test_golden_is_as_written(name):
    net, _ = network(name)
    net.check()
    samples = random_inputs(1, 25, net)
    trace = Golden(net).run(samples)
    for n, sample in enumerate(samples):
        fired, potentials, decision = by_hand(net, sample)
        for layer, spec in enumerate(net.spec.layers):
            assert trace.spike_times[layer][n].tolist() == fired[layer]
            if not isinstance(spec, PoolSpec):
                assert trace.potentials[layer][n].tolist() == potentials[layer]
        assert trace.decisions[n] == decision
    assert (trace.spike_times[0].sum(axis=1) > 1).any()  # some fire more than once
    assert (trace.decision_steps == net.spec.n_steps).all()
    synaptic = [sum(1 for _ in synapses(net, 0, i)) for i in range(net.spec.input.n_inputs)]
    assert (trace.synaptic_ops[:, 0] == samples.sum(axis=1, dtype=int) @ synaptic).all()


@pytest.mark.parametrize("leak_shift", [0, 1, 2, 4])
@pytest.mark.parametrize("weight", [1, -1])
def test_potentials_are_as_wide_as_they_must_be(leak_shift, weight):
    """All inputs in all steps, none fires: one bit less would not do, this many do."""
    net = multi_spike(1, "1x5-3-2", leak_shift=leak_shift, n_steps=6, weight_bits=3)
    layer = net.spec.layers[0]
    most, potential = 2 ** (layer.potential_bits - 1), 0
    largest = 0
    for _ in range(net.spec.n_steps):
        potential += 5 * layer.max_weight * weight
        largest = max(largest, abs(potential))
        potential -= potential >> leak_shift if leak_shift else 0
    assert largest < most
    assert weight < 0 or largest >= most // 2


@pytest.mark.cosim
@pytest.mark.parametrize("name", [*NETWORKS, *DIRECT, *OUTPUT])
def test_the_core_equals_golden(name, tmp_path):
    net, lanes = network(name)
    samples = random_inputs(2, 12, net)
    done = cosim.run(twice(net, samples, lanes, tmp_path))
    assert done.mismatch is None
    n_spikes_seen = 12 * net.spec.n_steps * sum(layer.n_post for layer in net.spec.layers)
    assert done.n_compared > n_spikes_seen  # in each of two passes
    assert list(done.decisions) == Golden(net).run(samples).decisions.tolist()


@pytest.mark.synth
@pytest.mark.parametrize("name", ["subtract", "pictures", "values, all"])
def test_the_compiled_core_equals_golden(name, tmp_path):
    needs("yosys", "g++")
    net, lanes = network(name)
    samples = random_inputs(2, 40, net)
    found = verify.run(inference(net, samples, lanes, tmp_path, passes=(Pass(stall=0.2),)))
    assert found.mismatch is None
    assert found.compared["spikes"] == 40 * 7 * sum(layer.n_post for layer in net.spec.layers)
    samples[3, 2, 1] ^= 1  # the core takes other spikes than golden
    wrong = replace(net, thresholds=(net.thresholds[0] + 1, *net.thresholds[1:]))
    text = to_verilog(Design(wrong, lanes)).replace(wrong.digest, net.digest)
    bad = verify.run(inference(net, samples, lanes, tmp_path / "bad", verilog=text))
    assert bad.mismatch is not None
    assert bad.n_mismatches > 1


def test_tokens():
    spikes = np.array([[0, 1, 1], [0, 0, 0], [1, 0, 1]], np.uint8)
    kinds = [(token.kind, token.index) for token in sample_tokens(spikes, 3)]
    step, end = (Kind.END_OF_STEP, 0), (Kind.END_OF_SAMPLE, 0)
    fires = [(Kind.SPIKE, index) for index in (1, 2, 0, 2)]
    assert kinds == [*fires[:2], step, step, *fires[2:], step, end]
    assert n_spikes(spikes[None], 3).tolist() == [4]
    assert n_spikes(np.array([[0, 3, 1], [3, 3, 3]], np.uint8), 3).tolist() == [2, 0]


def changed(net, layer=0, **fields):
    layers = list(net.spec.layers)
    layers[layer] = replace(layers[layer], **fields)
    return replace(net, spec=replace(net.spec, layers=tuple(layers)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda net: changed(net, reset="never", leak_shift=0, potential_bits=20),
            "expected zero or subtract",
        ),
        (
            lambda net: changed(net, 1, reset="never", leak_shift=0, potential_bits=20),
            "expected zero or subtract",
        ),
        (lambda net: changed(net, psp="ramp"), "has psp 'ramp' with the readout 'spike_count'"),
        (
            lambda net: replace(net, spec=replace(net.spec, readout="first_spike")),
            "readout is 'first_spike' with input 'rate'",
        ),
        (
            lambda net: replace(
                net,
                spec=replace(
                    net.spec,
                    readout="first_spike",
                    input=replace(net.spec.input, encoding="latency"),
                ),
            ),
            r"layers\[0\].reset is 'zero' with the readout 'first_spike', expected never",
        ),
        (
            lambda net: replace(
                net, spec=replace(net.spec, input=replace(net.spec.input, encoding="events"))
            ),
            "step_us is 0 with encoding 'events', expected at least 1",
        ),
        (
            lambda net: replace(
                net, spec=replace(net.spec, input=replace(net.spec.input, step_us=5))
            ),
            "step_us is 5 with encoding 'rate'",
        ),
        (
            lambda net: replace(
                net,
                spec=replace(
                    net.spec,
                    input=replace(net.spec.input, encoding="events", channels=3, step_us=5),
                ),
            ),
            "channels is 3 with events, expected 1 or 2",
        ),
        (lambda net: changed(net, potential_bits=4), "potential_bits is 4, too narrow"),
    ],
)
def test_what_does_not_go_together(change, message):
    net, _ = network("zero")
    net.check()
    with pytest.raises(ParamsError, match=message):
        change(net).check()


def test_an_output_that_only_integrates_has_no_threshold():
    net, _ = network("potential")
    lower = replace(net, thresholds=(net.thresholds[0], net.thresholds[1] - 1))
    with pytest.raises(ParamsError, match="with the readout 'potential' no output fires"):
        lower.check()
    with pytest.raises(ParamsError, match="leak_shift is 1 without a reset"):
        changed(net, 1, leak_shift=1).check()
    with pytest.raises(ParamsError, match="without leak_shift or bias_bits; expected 'never'"):
        changed(net, 1, reset="zero").check()
    leaks, _ = network("output leaks")
    for fields in ({"reset": "subtract"}, {"order": "leak, reset"}, {"fires": "at"}):
        with pytest.raises(ParamsError, match="expected 'zero', 'reset, leak' and 'above'"):
            changed(leaks, 1, **fields).check()


@pytest.mark.parametrize("name", [*NETWORKS, *DIRECT, *OUTPUT])
def test_the_file_keeps_it(name, tmp_path):
    net, _ = network(name)
    params_file.save(net, tmp_path / "p.safetensors")
    again = params_file.load(tmp_path / "p.safetensors")
    assert again.spec == net.spec
    assert again.digest == net.digest
    leaks = [layer for layer in net.spec.layers if isinstance(layer, ConvSpec)]
    assert all(layer.leak_shift == again.spec.layers[0].leak_shift for layer in leaks[:1])
