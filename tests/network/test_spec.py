"""What a network is: shapes, synapses and widths, against plain counting and golden's extremes."""

import json

import numpy as np
import pytest
from samples import random_network, random_params

from hwgen.golden import Golden
from hwgen.network.layers.conv2d import ConvSpec, taps
from hwgen.network.layers.kinds import dense
from hwgen.network.spec import InputSpec, NetworkSpec

SHAPES = [
    "28x28-20C5-P2-40C5-P2-1000-10",
    "9x8-4C3s2p1-P2-7-3",
    "8x8-P2-3C2p1-P3-4",
    "5x6-4C1s3-3",
    "6x5-3C5p4-P2-4",
]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_shape_is_what_it_was_made_of(shape):
    assert random_network(0, shape).spec.shape == shape


def test_dense_networks_have_no_pictures_in_their_shape():
    assert random_params(0, (12, 9, 4)).spec.shape == "12-9-4"
    assert random_network(0, "3x4-9-4").spec.shape == "12-9-4"


def test_shapes_by_hand():
    layers = random_network(0, SHAPES[0]).spec.layers
    posts = [(24, 24, 20), (12, 12, 20), (8, 8, 40), (4, 4, 40), (1, 1, 1000), (1, 1, 10)]
    assert [layer.post for layer in layers] == posts
    assert [layer.n_pre for layer in layers] == [784, 11520, 2880, 2560, 640, 1000]
    assert [layer.n_fan_in for layer in layers if layer.kind != "pool2d"] == [25, 500, 640, 1000]
    # 9 rows, padding 1, size 3, stride 2: at -1, 1, 3, 5, 7; 8 columns: at -1, 1, 3, 5
    assert random_network(0, SHAPES[1]).spec.layers[0].post == (5, 4, 4)


def conv_layers():
    for size in (1, 2, 3, 5):
        for stride in (1, 2, 3, 4):
            for padding in range(size):
                for height, width in ((5, 7), (6, 5), (1, 9)):
                    layer = ConvSpec(
                        height=height, width=width, channels=2, filters=3, size=size,
                        stride=stride, padding=padding, weight_bits=1, potential_bits=9,
                    )  # fmt: skip
                    if layer.n_post:
                        yield layer


def test_taps_against_the_definition():
    n_layers = 0
    for layer in conv_layers():
        n_layers += 1
        for n, n_out in ((layer.height, layer.post.height), (layer.width, layer.post.width)):
            expected = [[] for _ in range(n)]
            for out in range(n_out):
                for tap in range(layer.size):
                    position = out * layer.stride + tap - layer.padding
                    if 0 <= position < n:
                        expected[position].append((out, tap))
            assert [taps(layer, n, position) for position in range(n)] == expected
    assert n_layers > 80


def test_every_output_position_fits_and_no_other_does():
    for layer in conv_layers():
        for n, n_out in ((layer.height, layer.post.height), (layer.width, layer.post.width)):
            last = (n_out - 1) * layer.stride + layer.size - layer.padding
            assert last <= n + layer.padding < last + layer.stride


def test_synapses_against_counting():
    for layer in conv_layers():
        count = 0
        for y in range(layer.post.height):
            for x in range(layer.post.width):
                for i in range(layer.size):
                    for j in range(layer.size):
                        row = y * layer.stride + i - layer.padding
                        column = x * layer.stride + j - layer.padding
                        if 0 <= row < layer.height and 0 <= column < layer.width:
                            count += layer.channels * layer.filters
        assert layer.n_synapses == count
    # 20 filters of 25 on 24 x 24; none in a pool; 40 of 500 on 8 x 8
    parts = [24 * 24 * 20 * 25, 0, 64 * 40 * 500, 0, 640 * 1000, 1000 * 10]
    assert random_network(0, SHAPES[0]).spec.n_synapses == sum(parts)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize(
    ("psp", "tau_steps", "n_steps", "highest"),
    [
        ("step", 0, 7, 1),
        ("ramp", 0, 7, 7),
        ("triangle", 3, 3, 3),  # at its peak when the sample ends
        ("triangle", 9, 4, 4),  # never comes to its knee
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_an_extreme_network_needs_every_bit(bits, psp, tau_steps, n_steps, highest, sign):
    """All inputs fire at once, all weights are the largest; some patch is not at an edge."""
    net = random_network(
        0, "5x5-2C3p1-3", psp=psp, tau_steps=tau_steps, weight_bits=bits, n_steps=n_steps
    )
    for weights in net.weights:
        weights[:] = sign * net.spec.layers[0].max_weight
    for thresholds in net.thresholds:
        thresholds[:] = 0
    potentials = Golden(net).run(np.zeros((1, 25), np.uint8)).potentials
    largest = {1: 1, 2: 1, 4: 7, 8: 127}[bits]
    for layer, values in zip(net.spec.layers, potentials, strict=True):
        n_active = layer.n_fan_in if layer.kind == "conv2d" or sign == 1 else 0
        bound = n_active * largest * highest
        assert np.abs(values).max() == bound
        if bound:
            assert 2 ** (layer.potential_bits - 2) <= bound < 2 ** (layer.potential_bits - 1)
            assert layer.min_potential_bits(n_steps) == layer.potential_bits


def test_the_triangle_is_never_higher_than_its_knee():
    layer = random_network(0, "5x5-4", psp="triangle", tau_steps=3).spec.layers[0]
    widths = [layer.min_potential_bits(n_steps) for n_steps in range(1, 9)]
    # 25, 50, then 75 at most
    assert widths == [6, 7, 8, 8, 8, 8, 8, 8]


def test_slopes():
    net = random_network(0, "5x5-2C3-4", psp="ramp/step", weight_bits=4)
    # 9 * 7 = 63; the step needs none
    assert [layer.slope_bits for layer in net.spec.layers] == [7, 0]


def test_the_step_leaves_no_trace_in_the_json():
    net = random_network(0, "5x5-2C3-4", psp="step/ramp")
    first, second = json.loads(json.dumps(net.spec.to_json()))["layers"]
    assert not {"psp", "tau_steps"} & set(first)
    assert (second["psp"], second["tau_steps"]) == ("ramp", 0)


def test_narrowest_dense_layer():
    assert dense(784, 10, 1).potential_bits == 11
    assert dense(784, 10, 8).potential_bits == 18


def test_layers_with_weights():
    spec = random_network(0, SHAPES[0]).spec
    assert [layer.kind for layer in spec.weighted] == ["conv2d", "conv2d", "dense", "dense"]


def test_channels_are_written_where_they_say_something():
    def written(**fields):
        given = InputSpec(height=3, width=2, x_max=9, **fields)
        layer = dense(given.n_inputs, 2, 4)
        return NetworkSpec(n_steps=4, input=given, layers=(layer,)).to_json()["input"]

    sides = {"height": 3, "width": 2, "x_max": 9, "crop": 0}
    assert written() == sides
    assert written(channels=3) == sides | {"channels": 3}
    assert written(encoding="rate", channels=3) == sides | {"encoding": "rate", "channels": 3}
    assert written(encoding="events", step_us=5) == sides | {
        "encoding": "events",
        "channels": 1,
        "step_us": 5,
    }
