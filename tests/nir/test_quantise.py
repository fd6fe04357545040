"""Scales, leaks and widths of integers: exact where there is an exact one."""

from dataclasses import replace

import numpy as np
import pytest

from hwgen.errors import NirError
from hwgen.network.layers.shape import Shape
from hwgen.nir import dialects, quantise, scales
from hwgen.nir.chain import RealLayer
from hwgen.nir.quantise import Place, Wanted

PLACE = Place(where="layer 0", is_last=False)


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        (1.0, (0, 1)),
        (0.875, (3, 1)),
        (0.5, (1, 1)),
        (0.0, (1, 2)),
        (0.25, (2, 3)),
        (0.9, (15, 3277)),  # 3276.8: 0.0061 % too much
        (0.999984, (15, 1)),  # 0.52 of 2**-15
    ],
)
def test_leaks_are_the_nearest_and_the_shortest(keep, expected):
    assert quantise.leak(keep) == expected


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        (0.9, (9, 51)),  # 0.39 % too little; 64 - 16 + 2 + 1, of 13 / 128 it were 1.6 %
        (0.875, (3, 1)),
        (0.8, (8, 51)),
    ],
)
def test_where_weights_are_rounded_leaks_have_few_adders(keep, expected):
    assert quantise.leak(keep, 0.005) == expected


@pytest.mark.parametrize(
    ("column", "weight_bits", "integers", "scale", "bits"),
    [
        ([-3, 5, 0], None, [-3, 5, 0], 1, 4),
        ([-7, 7, 0], None, [-7, 7, 0], 1, 4),
        ([1, -1, 1], None, [1, -1, 1], 1, 1),
        ([0.5, -0.5, 0.5], None, [1, -1, 1], 2, 1),
        ([0.75, -0.25, 0], None, [3, -1, 0], 4, 3),
        ([-3, 5, 0], 8, [-3, 5, 0], 1, 8),
        ([-127, 100, 1], None, [-127, 100, 1], 1, 8),
        ([0, 0, 0], None, [0, 0, 0], 1, 2),
    ],
)
def test_multiples_of_something_are_kept(column, weight_bits, integers, scale, bits):
    made = scales.choose(np.array(column, float)[:, None], weight_bits, together=False)
    assert made.weights[:, 0].tolist() == integers
    assert made.scales[0] == pytest.approx(scale)
    assert made.weight_bits == bits
    assert made.is_exact


def test_real_weights_have_a_scale_each_of_little_error():
    weights = np.random.default_rng(1).normal(size=(200, 5)) * [1, 2, 3, 4, 5]
    made = scales.choose(weights, None, together=False)
    assert (made.weight_bits, made.is_exact) == (8, False)
    error = np.sqrt(np.mean((made.weights / made.scales - weights) ** 2, axis=0))
    # The largest of 200 is 3 to 4 deviations: steps of so much / 127, and their error; with some
    # room, as their sum counts, too.
    assert (error / weights.std(axis=0) < 5 / 127 / np.sqrt(12)).all()
    few = scales.choose(weights, 3, together=False)
    # At 3 bits cutting the largest pays: less error than with the largest as the largest.
    by_largest = 3 / np.abs(weights).max(axis=0)
    naive = np.round(weights * by_largest) / by_largest
    error = ((few.weights / few.scales - weights) ** 2).sum()
    assert error < 0.7 * ((naive - weights) ** 2).sum()
    assert np.abs(few.weights).max() == 3
    assert len(set(scales.choose(weights, None, together=True).scales)) == 1


REAL = RealLayer(
    names=("0", "1"),
    pre=Shape(1, 1, 3),
    post=Shape(1, 1, 2),
    weights=np.array([[1.0, 2], [-3, 0], [5, 1]]),
    biases=np.zeros(2),
    thresholds=np.array([7.0, 4.5]),
    keep=1.0,
)


def made(source="euler", reset="zero", *, wanted=None, place=PLACE, n_steps=10, **given):
    rule = dialects.rule(source, reset=reset)
    return quantise.layer(replace(REAL, **given), rule, n_steps, wanted or Wanted(), place)


@pytest.mark.parametrize(
    ("source", "reset", "expected", "bits"),
    [
        ("euler", "zero", [7, 4], 0),  # above 4.5: above 4
        ("spikingjelly", "zero", [7, 5], 0),  # at 4.5: at 5
        ("snntorch", "subtract", [14, 9], 1),  # what is subtracted is exact
    ],
)
def test_thresholds_fire_as_the_real_ones(source, reset, expected, bits):
    layer = made(source, reset)
    assert layer.thresholds.tolist() == expected
    assert layer.spec.fraction_bits == bits
    assert layer.spec.fires == ("at" if source == "spikingjelly" else "above")
    assert layer.spec.order == ("leak, reset" if source == "snntorch" else "reset, leak")
    # 3 inputs of at most 7, in 10 steps: 210, and the fraction; and a sign.
    assert layer.spec.potential_bits == 9 + bits


def test_biases_have_fraction_bits_as_far_as_they_change_anything():
    layer = made(biases=np.array([0.25, -1]))
    assert (layer.spec.fraction_bits, layer.spec.bias_bits) == (2, 4)
    assert layer.biases.tolist() == [1, -4]
    assert layer.thresholds.tolist() == [28, 18]
    odd = made(biases=np.array([0.1, -1]))
    assert odd.spec.fraction_bits == 12
    assert odd.biases.tolist() == [410, -4096]
    assert [c.name for c in odd.changes][1].startswith("layer 0, bias 0, the worst of 2")
    assert odd.changes[1].error == pytest.approx(abs(410 / 4096 - 0.1))


def test_fraction_bits_give_way_where_potentials_have_no_room():
    many = {"pre": Shape(1, 1, 3000), "weights": np.tile(REAL.weights, (1000, 1)) * 25}
    layer = made(keep=0.875, n_steps=200, **many)
    # 3000 x 127 in each step, of which about 8 stay: 22 bits, a sign, and 8 below.
    assert (layer.spec.potential_bits, layer.spec.fraction_bits) == (31, 8)
    assert made(keep=0.875).spec.fraction_bits == 12
    few = made(keep=0.875, wanted=Wanted(fraction_bits=3))
    assert few.spec.fraction_bits == 3


def test_rounded_weights_have_no_more_fraction_bits_than_they_are_worth():
    weights = np.random.default_rng(0).normal(size=(3, 2))
    # Eight steps are remembered: three bits, and two more.
    assert made(keep=0.875, weights=weights).spec.fraction_bits == 5
    values = Place(where="layer 0", is_last=False, input_bits=8)
    assert made(keep=0.875, weights=weights, place=values).spec.fraction_bits == 0


def test_leaks_that_no_shift_has_are_refused():
    with pytest.raises(NirError, match=r"^layer 0, part kept after a step: requested 0\.9999, .*"):
        made(keep=0.9999)
    layer = made(keep=0.9999, wanted=Wanted(tolerance=0.1))
    # 3.28 of 2**-15 becomes 3: 8.4 % less leaks.
    assert layer.changes[0].error == pytest.approx(1 - 3 / 3.2768)


def test_outputs_that_integrate_have_a_reset_only_where_they_need_one():
    plain = made(thresholds=None)
    assert (plain.spec.reset, plain.spec.fraction_bits) == ("never", 0)
    assert plain.thresholds.tolist() == [plain.spec.max_threshold] * 2
    leaky = made(thresholds=None, keep=0.875, biases=np.array([1.0, 2]))
    assert (leaky.spec.reset, leaky.spec.leak_shift, leaky.spec.bias_bits > 0) == ("zero", 3, True)
    assert leaky.spec.fires == "above"


def test_errors_of_a_neuron_cancel_out():
    """Each input adds its error in each step that it fires: what counts is their sum, too."""
    weights = np.random.default_rng(2).normal(size=(40, 30))
    made = scales.choose(weights, None, together=False)
    errors = made.weights / made.scales - weights
    # Of 40 independent errors the sum would be sqrt(40) of them on average.
    assert np.abs(errors.sum(axis=0)).mean() < 0.25 * np.sqrt(40) * errors.std()
