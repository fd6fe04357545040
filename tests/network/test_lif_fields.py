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
    n_steps=some.integers(1, 40),
    reset=some.sampled_from(["zero", "subtract"]),
    leak=some.integers(0, 15).flatmap(
        lambda shift: some.tuples(some.just(shift), some.integers(1, 2**shift))
    ),
    fraction_bits=some.integers(0, 12),
    bias_bits=some.sampled_from([0, 2, 3, 9]),
    order=some.sampled_from(["reset, leak", "leak, reset"]),
    fires=some.sampled_from(["above", "at"]),
    threshold=some.integers(0, 2**31),
    draws=some.randoms(use_true_random=False),
)
@settings(max_examples=300, deadline=None)
def test_no_potential_leaves_its_width(threshold, draws, n_pre, n_steps, leak, **fields):
    """Neurons driven as far as can be, up, down, or at random, against the width of the contract.

    One neuron, by hand, in integers without a width.
    """
    shift, times = leak
    layer = (
        narrowest(
            DenseSpec(
                n_pre=n_pre,
                n_post=1,
                potential_bits=2,
                leak_shift=shift,
                leak_times=times,
                **fields,
            ),
            n_steps,
            multi_spike=True,
        )
        if _fits(n_pre, n_steps, shift, times, fields)
        else None
    )
    if layer is None:
        return
    limit, threshold = 2 ** (layer.potential_bits - 1), min(threshold, layer.max_threshold)
    for drive in (lambda: 1, lambda: -1, lambda: draws.choice([-1, 0, 1])):
        v = 0
        for _ in range(n_steps):
            for _ in range(n_pre):  # one by one: no order of events may overflow
                v += drive() * layer.max_weight * 2**layer.fraction_bits
                assert -limit <= v < limit
            v += drive() * layer.max_bias
            assert -limit <= v < limit
            full = v
            if full > threshold or (full == threshold and layer.fires == "at"):
                v = 0 if layer.reset == "zero" else full - threshold
            first = layer.order == "leak, reset" and layer.reset == "subtract"
            if shift:
                v -= (full if first else v) * times // 2**shift
            assert -limit <= v < limit


def _fits(n_pre, n_steps, shift, times, fields):
    """Whether a potential of 31 bits is enough."""
    wide = DenseSpec(
        n_pre=n_pre, n_post=1, potential_bits=2, leak_shift=shift, leak_times=times, **fields
    )
    return wide.min_potential_bits(n_steps, multi_spike=True) <= 31


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
