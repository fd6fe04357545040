"""The fields of neurons that fire again: widths, ranges, files (contract, section 1)."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from multi_spike_nets import multi_spike
from samples import random_network

from hwgen.errors import ParamsError
from hwgen.hdl.neurons.leak import signed_digits
from hwgen.network import params_file
from hwgen.network.layers.dense import DenseSpec
from hwgen.network.layers.kinds import narrowest

ALL = multi_spike(
    3,
    "6x5-4C3p1-P2-7-3",
    reset="subtract",
    leak_shift=6,
    weight_bits=4,
    neuron={
        "leak_times": 3,
        "fraction_bits": 3,
        "bias_bits": 6,
        "order": "leak, reset",
        "fires": "at",
    },
)


@given(
    weight_bits=some.integers(1, 8),
    n_pre=some.integers(1, 9),
    n_steps=some.integers(1, 5),
    reset=some.sampled_from(["zero", "subtract"]),
    leak=some.integers(0, 15).flatmap(
        lambda shift: some.tuples(some.just(shift), some.integers(1, 2**shift))
    ),
    fraction_bits=some.integers(0, 12),
    input_bits=some.sampled_from([0, 1, 3, 8]),
    bias_bits=some.sampled_from([0, 2, 3, 9]),
    order=some.sampled_from(["reset, leak", "leak, reset"]),
    fires=some.sampled_from(["above", "at"]),
    thresholds=some.lists(some.integers(0, 2**31), max_size=2),
)
@settings(max_examples=300, deadline=None)
def test_no_potential_leaves_its_width(thresholds, n_steps, leak, **fields):
    """A neuron driven up, down, or not, in every sequence of steps, against the contract's width.

    By hand, in integers without a width; with thresholds that are just reached, among others.
    """
    shift, times = leak
    layer = DenseSpec(n_post=1, potential_bits=2, leak_shift=shift, leak_times=times, **fields)
    if layer.min_potential_bits(n_steps, multi_spike=True) > 31:
        return
    layer = narrowest(layer, n_steps, multi_spike=True)
    gain = layer.n_pre * layer.max_weight * max(1, 2**layer.input_bits - 1)
    gain = gain * 2**layer.fraction_bits + layer.max_bias
    limit, up = 2 ** (layer.potential_bits - 1), [0]
    for _ in range(n_steps):
        v = up[-1] + gain
        up.append(v - v * times // 2**shift if shift else v)
        thresholds = [*thresholds, v, v - 1]
    for threshold in {min(abs(t), layer.max_threshold) for t in thresholds}:
        reached = {0}
        for _ in range(n_steps):
            driven = {v + sign * gain for v in reached for sign in (-1, 0, 1)}
            assert all(-limit <= v < limit for v in driven)
            reached = {after(v, threshold, layer) for v in driven}
            assert all(-limit <= v < limit for v in reached)


def after(full, threshold, layer):
    """What is left of a potential at the end of a step."""
    v = full
    if full > threshold or (full == threshold and layer.fires == "at"):
        v = 0 if layer.reset == "zero" else full - threshold
    first = layer.order == "leak, reset" and layer.reset == "subtract"
    of = full if first else v
    return v - of * layer.leak_times // 2**layer.leak_shift if layer.leak_shift else v


def test_a_strong_leak_before_the_reset_needs_more():
    """6 weights of 1, and 7/8 leaks. Up, at a threshold of 6: 6 - 6 - 5. Then down: -11, 5 bits;
    what leaks of what is left leaves at most 1: then -7, 4 bits."""
    fields = {"n_pre": 6, "n_post": 1, "weight_bits": 1, "potential_bits": 2}
    fields |= {"reset": "subtract", "leak_shift": 3, "leak_times": 7}
    for order, bits in (("leak, reset", 5), ("reset, leak", 4)):
        layer = DenseSpec(order=order, **fields)
        assert layer.min_potential_bits(2, multi_spike=True) == bits


def test_no_bit_is_too_many():
    """Without a leak all weights and biases upwards reach the highest bit."""
    net = multi_spike(
        1, "1x5-3-2", leak_shift=0, n_steps=6, weight_bits=3,
        neuron={"bias_bits": 4, "fraction_bits": 2},
    )  # fmt: skip
    most = 6 * (5 * 3 * 4 + 7)
    assert 2 ** (net.spec.layers[0].potential_bits - 1) > most
    assert 2 ** (net.spec.layers[0].potential_bits - 2) <= most


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"leak_times": 3, "leak_shift": 1},
            r"leak_times is 3 with leak_shift 1, expected at most 2",
        ),
        (
            {"leak_times": 2, "leak_shift": 0},
            r"leak_times is 2 with leak_shift 0, expected at most 1",
        ),
        ({"bias_bits": 1}, r"bias_bits is 1, expected 0 \(no bias\) or 2\.\.31"),
    ],
)
def test_fields_that_contradict(fields, message):
    leak_shift = fields.get("leak_shift", 1)
    with pytest.raises(ParamsError, match=message):
        multi_spike(1, "1x5-3-2", leak_shift=leak_shift, neuron=fields).check()


def test_fields_of_neurons_that_fire_again_only():
    net = random_network(1, "1x5-3-2")
    for fields in (
        {"fraction_bits": 1},
        {"bias_bits": 3},
        {"order": "leak, reset"},
        {"fires": "at"},
    ):
        layers = (replace(net.spec.layers[0], **fields), net.spec.layers[1])
        with pytest.raises(ParamsError, match=f"has {next(iter(fields))} without a reset"):
            replace(net, spec=replace(net.spec, layers=layers)).check()


def test_a_bias_out_of_range():
    net = multi_spike(1, "1x5-3-2", neuron={"bias_bits": 3})
    net.biases[0][1] = -4
    with pytest.raises(
        ParamsError, match=r"0\.biases\[1\] is -4, expected within \+-3 \(3-bit bia"
    ):
        net.check()


def test_files_keep_the_new_fields_and_old_ones_their_digest(tmp_path):
    net = ALL
    params_file.save(net, tmp_path / "p")
    again = params_file.load(tmp_path / "p")
    assert (again.digest, again.spec) == (net.digest, net.spec)
    assert [b.tolist() for b in again.biases] == [b.tolist() for b in net.biases]
    fields = net.spec.to_json()["layers"][0]
    assert {"leak_times", "fraction_bits", "bias_bits", "order", "fires"} <= fields.keys()
    old = multi_spike(3, "3x4-9-4", reset="subtract", leak_shift=2).spec.to_json()["layers"][0]
    assert not {"leak_times", "fraction_bits", "bias_bits", "order", "fires"} & old.keys()


def test_signed_digits():
    for number in range(1, 600):
        digits = signed_digits(number)
        assert sum(sign << place for place, sign in digits) == number
        places = [place for place, _ in digits]
        assert all(b - a > 1 for a, b in pairwise(places))
