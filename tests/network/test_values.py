"""Inputs that bring values: widths, and who may take them (contract, sections 1 and 3)."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from direct_nets import direct
from multi_spike_nets import multi_spike
from samples import learning_params, random_network

from hwgen.data.encoding import planes
from hwgen.data.inputs import encode_images
from hwgen.errors import ParamsError
from hwgen.network.layers.dense import DenseSpec
from hwgen.network.layers.kinds import narrowest

PHASED = direct(random_network(3, "3x4-9-4", psp="phased/ramp", weight_bits=3), x_max=100)
AGAIN = direct(multi_spike(3, "3x4-9-4", weight_bits=3))


@pytest.mark.parametrize("n_steps", [1, 3, 8, 200])
@pytest.mark.parametrize("input_bits", [1, 5, 8])
def test_a_two_phase_layer_is_as_wide_as_it_must_be(n_steps, input_bits):
    """All inputs at most, once; then the largest drive in each step."""
    layer = narrowest(
        DenseSpec(
            n_pre=7, n_post=1, weight_bits=3, potential_bits=0, psp="ramp", phased=True,
            input_bits=input_bits,
        ),
        n_steps,
    )  # fmt: skip
    most = 7 * 3 * (2**input_bits - 1)
    assert 2 ** (layer.slope_bits - 2) <= most < 2 ** (layer.slope_bits - 1)
    drive = layer.max_drive(n_steps)
    assert most <= n_steps * drive < most + n_steps
    highest = most + n_steps * drive
    assert 2 ** (layer.potential_bits - 2) <= highest < 2 ** (layer.potential_bits - 1)


def test_a_drive_may_not_be_larger():
    most = PHASED.spec.layers[0].max_drive(PHASED.spec.n_steps)
    assert most == -(-12 * 3 * 127 // 6)
    PHASED.drives[0][2] = most
    PHASED.check()
    with pytest.raises(ParamsError, match=rf"0\.drives\[2\] is {most + 1}, expected 1..{most} \("):
        replace(PHASED, drives=(PHASED.drives[0] + (np.arange(9) == 2), PHASED.drives[1])).check()


def changed(net, index, **fields):
    layers = list(net.spec.layers)
    layers[index] = replace(layers[index], **fields)
    return replace(net, spec=replace(net.spec, layers=tuple(layers)))


def with_encoding(net, encoding):
    return replace(net, spec=replace(net.spec, input=replace(net.spec.input, encoding=encoding)))


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (
            changed(AGAIN, 0, input_bits=7),
            r"layers\[0\]\.input_bits is 7 with input 'direct' and x_max 255, expected 8",
        ),
        (changed(AGAIN, 1, input_bits=8, potential_bits=31), r"layers\[1\]\.input_bits is 8"),
        (
            with_encoding(AGAIN, "rate"),
            r"layers\[0\]\.input_bits is 8 with input 'rate' and x_max 255, expected 0",
        ),
        (
            with_encoding(random_network(3, "3x4-9-4", weight_bits=3), "direct"),
            r"layers\[0\] is dense with input 'direct', expected a dense or conv2d layer that is",
        ),
        (
            with_encoding(multi_spike(3, "4x4-P2-9-4"), "direct"),
            r"layers\[0\] is pool2d with input 'direct', expected a dense or conv2d layer that is",
        ),
        (
            direct(learning_params("phased/ramp", 4, "3x4-9-4", seed=3)),
            r"layers\[0\] learns, expected a later layer only",
        ),
        (
            with_encoding(random_network(3, "3x4-9-4"), "events"),
            "readout is 'first_spike' with input 'events'",
        ),
    ],
)
def test_who_takes_values(net, message):
    AGAIN.check()
    with pytest.raises(ParamsError, match=message):
        net.check()


def test_a_later_layer_learns():
    net = learning_params("phased/ramp", 4, "3x4-9-4", seed=3, layers="last")
    direct(net).check()


def test_bit_planes_are_those_of_the_values():
    values = np.array([[[0, 1, 2], [100, 64, 37]]], np.uint8)
    given = replace(PHASED.spec.input, height=2, width=3)
    found = planes(values, given)
    assert (given.n_planes, found.shape) == (7, (1, 7, 6))
    for p, (row, column) in product(range(7), product(range(2), range(3))):
        wanted = int(values[0, row, column]) // 2**p % 2
        assert found[0, p, 3 * row + column] == wanted
    cropped = replace(AGAIN.spec, input=replace(AGAIN.spec.input, height=4, width=4, crop=1))
    image = np.arange(16, dtype=np.uint8).reshape(1, 4, 4)
    inner = encode_images(image, cropped)
    assert inner[0].T.tolist() == [[int(b) for b in f"{v:08b}"[::-1]] for v in (5, 6, 9, 10)]
    with pytest.raises(ValueError, match="at most 100, not 101"):
        planes(values + np.uint8(1), given)
