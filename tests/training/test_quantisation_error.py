"""What changes at export is said, and refused where it is too much; what cannot be trained."""

import dataclasses
import re

import pytest
from truncated_nets import network, network_spec

from hwgen.data import datasets
from hwgen.errors import RecipeError
from hwgen.recipe import DataRecipe, NetworkRecipe, Recipe, SstdpRecipe, TruncatedRecipe
from hwgen.training import loop
from hwgen.training.multi_spike import quantisation_error

pytestmark = pytest.mark.train


def recipe(training=None, encoding="rate", **fields):
    fields = {"reset": "zero", "leak": 0.5, "readout": "potential"} | fields
    return Recipe(
        name="small",
        data=DataRecipe(name="digits", encoding=encoding),
        network=NetworkRecipe(n_steps=4, hidden="8", weight_bits=4, **fields),
        training=training or TruncatedRecipe(rule="tt-lbptt", epochs=1),
    )


@pytest.fixture(scope="module")
def sets():
    return [datasets.load("digits", split) for split in ("train", "validation")]


@pytest.mark.parametrize(
    ("leak", "shift", "kept"),
    [(1, 0, 1), (0.5, 1, 0.5), (0.6, 1, 0.5), (0.7, 2, 0.75), (0.94, 4, 0.9375), (0, 1, 0.5)],
)
def test_the_nearest_shift(leak, shift, kept):
    assert quantisation_error.nearest_shift(leak) == shift
    assert quantisation_error.kept(shift) == kept


def test_a_leak_that_no_shift_gives_is_refused(sets):
    message = (
        "small: leak: requested 0.7, actual 0.75, error 0.05, above training.tolerance 0.01; "
        "ask for what there is, give leak_shift and leak_times, or raise the tolerance"
    )
    with pytest.raises(RecipeError, match=f"^{re.escape(message)}$"):
        loop.train(recipe(leak=0.7), *sets)
    lenient = TruncatedRecipe(rule="tt-lbptt", epochs=1, tolerance=0.06)
    trained = loop.train(recipe(lenient, leak=0.7), *sets)
    assert trained.learner.network.layers[0].spec.leak_shift == 2
    said = [
        str(change)
        for change in quantisation_error.changes(trained.learner.network, recipe(leak=0.7))
    ]
    assert said[0] == "leak: requested 0.7, actual 0.75, error 0.05"


def test_what_a_layer_loses_is_the_worst_of_it():
    made = network(network_spec("9"))
    layer = made.layers[0]
    layer.level.data.fill_(2.0)
    layer.scale.fill_(4.0)
    layer.scale[3] = 4.45  # 8.9, and 8 of it
    first, limit, last = quantisation_error.changes(made, recipe(leak=None, leak_shift=1))
    assert limit.name == "layer 0, threshold 3, the worst of 9"
    assert (limit.requested, limit.actual) == (pytest.approx(8.9), 8)
    assert limit.error == pytest.approx(0.9)
    layer.rounded = False
    real = layer.weights()
    layer.rounded = True
    wanted = ((real - layer.weights()).square().mean() / real.square().mean()).sqrt().detach()
    assert first.error == pytest.approx(float(wanted))
    assert 0.05 < first.error < 0.3  # 4 bits
    assert last.name == "layer 1, weights, root mean square"  # an output that only integrates


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reset": "never"}, "rule 'tt-lbptt' needs network.reset 'zero' or 'subtract'"),
        ({"readout": "first_spike"}, "needs network.readout 'spike_count' or 'potential'"),
        ({"leak_shift": 1}, "network has leak and leak_shift, expected one of them"),
        ({"leak_times": 3}, "network has leak and leak_times, expected one of them"),
        (
            {"leak": None, "leak_shift": 1, "leak_times": 3},
            r"layers\[0\]\.leak_times is 3 with leak_shift 1, expected at most 2",
        ),
        ({"psp": "ramp"}, "rule 'tt-lbptt' needs network.psp 'step'"),
        ({"n_steps": 255, "weight_bits": 8, "leak": 1, "hidden": "2000"}, "potentials of 27 bits"),
    ],
)
def test_what_cannot_be_trained_is_one_line(sets, change, message):
    wanted = recipe()
    wanted = dataclasses.replace(wanted, network=dataclasses.replace(wanted.network, **change))
    with pytest.raises(RecipeError, match=message) as caught:
        loop.train(wanted, *sets)
    assert "\n" not in str(caught.value)


def test_other_rules_want_none_of_it(sets):
    once = {"reset": "never", "leak": None, "readout": "first_spike"}
    other = SstdpRecipe(rule="sstdp", epochs=1)
    with pytest.raises(RecipeError, match="rule 'sstdp' trains neurons that fire once: reset"):
        loop.train(recipe(other), *sets)
    for name, value in (
        *(("bias", True), ("leak_times", 3), ("fraction_bits", 2)),
        *(("order", "leak, reset"), ("fires", "at")),
    ):
        message = f"neurons that fire once: {name} is for rule = 'tt-lbptt'$"
        with pytest.raises(RecipeError, match=message):
            loop.train(recipe(other, encoding="latency", **once, **{name: value}), *sets)
    with pytest.raises(RecipeError, match="encoding 'direct' gives values, and no spikes"):
        loop.train(recipe(other, encoding="direct", **once), *sets)
    with pytest.raises(RecipeError, match="encoding 'rate' gives many spikes an input"):
        loop.train(recipe(other, **once), *sets)
    loop.train(recipe(other, encoding="latency", **once), *sets)


def test_images_can_fire_once(sets):
    trained = loop.train(recipe(encoding="latency"), *sets)
    assert trained.history[-1].loss < 3
