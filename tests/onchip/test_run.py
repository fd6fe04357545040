"""Courses of on-chip learning: from nothing, from a trained network, in another shift."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from reporters import Heard, StopError, StopsAt
from samples import random_network, random_spike_times

from hwgen import recipe as recipe_file
from hwgen.data import datasets
from hwgen.data.shifts import DistributionShift, select_classes
from hwgen.errors import DataError, HwgenError, ParamsError, RecipeError
from hwgen.flows import learn as flows_learn
from hwgen.golden import Golden
from hwgen.model.folder import ModelFolder
from hwgen.network import learning_unit, params_file
from hwgen.network.learning import LearningSpec
from hwgen.onchip import run
from hwgen.onchip.initial import initial_params
from hwgen.package_data import package_data

DIGITS = package_data("models") / "digits-learn" / "recipe.toml"


@pytest.fixture(scope="module")
def sets():
    return [datasets.load("digits", part, seed=1) for part in ("train", "test")]


@pytest.fixture(scope="module")
def first(sets):
    return initial_params(recipe_file.load(DIGITS), sets[0])


def test_from_nothing_to_digits(sets, first):
    heard = Heard()
    made = run.learn(
        first,
        *sets,
        run.RunConfig(n_samples=3000, n_points=3, seed=2),
        reporter=heard,
    )
    accuracies = [point.test_accuracy for point in made.curve]
    assert accuracies[0] < 0.25
    assert accuracies[-1] > 0.88  # seen: 0.90 to 0.93
    assert [point.n_learnt for point in made.curve] == [0, 1000, 2000, 3000]
    assert heard.advances == [(n, 3000) for n in (0, 1000, 2000, 3000)]
    assert heard.notes == [f"test {100 * accuracy:.2f} %" for accuracy in accuracies]
    assert made.params.provenance["parent"] == first.digest != made.params.digest
    made.params.check()


def test_a_course_is_the_same_each_time(sets, first):
    digests = {
        run.learn(
            first, *sets, run.RunConfig(n_samples=300, n_points=points, seed=seed)
        ).params.digest
        for points, seed in ((1, 2), (3, 2), (1, 2))
    }
    assert len(digests) == 1
    other = run.learn(first, *sets, run.RunConfig(n_samples=300, n_points=1, seed=3))
    assert other.params.digest not in digests


def test_newborn_neurons_use_their_steps(sets, first):
    inputs = run.latency(sets[0].images[:200], first.spec.input, first.spec.n_steps)
    times = Golden(first).run(inputs).spike_times
    n_steps = first.spec.n_steps
    assert 0.3 < (times[0] < n_steps).mean() < 0.7
    assert len(np.unique(times[0])) > n_steps / 2
    assert (times[1].min(axis=1) < n_steps).mean() > 0.1


def test_last_layer_of_a_trained_network(sets):
    net = random_network(1, "8x8-12-10", psp="ramp", weight_bits=4, n_steps=8)
    spec = dataclasses.replace(net.spec, input=dataclasses.replace(net.spec.input, x_max=16))
    net = learning_unit.add_learning_unit(
        dataclasses.replace(net, spec=spec), LearningSpec(layers="last")
    )
    made = run.learn(net, *sets, run.RunConfig(n_samples=500, n_points=1))
    assert (made.params.weights[0] == net.weights[0]).all()
    assert (made.params.weights[1] != net.weights[1]).any()
    assert made.curve[-1].test_accuracy > made.curve[0].test_accuracy


@pytest.mark.parametrize("layers", ["last", "all"])
@pytest.mark.parametrize("bits", [1, 3, 4])
def test_finer_weights_change_no_spike(sets, layers, bits):
    net = random_network(2, "8x8-12-10", psp="phased/ramp", weight_bits=bits, n_steps=8)
    finer = learning_unit.add_learning_unit(net, LearningSpec(layers=layers), 8)
    learns = finer.spec.learning_layers
    assert all(finer.spec.layers[n].weight_bits == 8 for n in learns)
    assert all((finer.weights[n] != net.weights[n]).any() for n in learns)
    inputs = random_spike_times(3, 60, net)
    traces = Golden(net).run(inputs), Golden(finer).run(inputs)
    for old, new in zip(*(trace.spike_times for trace in traces), strict=True):
        assert (old == new).all()
    assert (traces[0].decisions == traces[1].decisions).all()
    assert (traces[0].spike_times[-1] < 8).any()
    # Half of the range is free; what is as fine already stays.
    assert all(np.abs(finer.shadows[n]).max() <= 2**14 + 2**7 for n in learns)
    again = learning_unit.add_learning_unit(finer, LearningSpec(layers="last", hidden_shift=1), 8)
    assert (again.shadows[1] == finer.shadows[1]).all()
    assert again.shadows[0].size == 0


def test_a_course_goes_on_where_it_stopped(sets, first, tmp_path):
    path, options = tmp_path / "half.safetensors", {"n_samples": 400, "n_points": 4, "seed": 2}
    whole = run.learn(first, *sets, run.RunConfig(**options))

    with pytest.raises(StopError):
        run.learn(first, *sets, run.RunConfig(checkpoint=path, **options), reporter=StopsAt(300))
    heard = Heard()
    rest = run.learn(
        first,
        *sets,
        run.RunConfig(checkpoint=path, resume=True, **options),
        reporter=heard,
    )
    assert heard.advances == [(300, 400), (400, 400)]
    assert rest.params.digest == whole.params.digest
    assert [p.n_updates for p in rest.curve] == [p.n_updates for p in whole.curve]
    with pytest.raises(DataError, match=r"of another learning run \(other samples\); delete it"):
        run.learn(
            first,
            *sets,
            run.RunConfig(checkpoint=path, resume=True, **options | {"n_samples": 401}),
        )
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match="not a whole checkpoint"):
        run.learn(first, *sets, run.RunConfig(checkpoint=path, resume=True, **options))


def test_what_cannot_learn_is_refused(sets, first):
    conv = random_network(1, "8x8-3C3-10")
    with pytest.raises(ParamsError, match=r"layers\[0\] has conv2d"):
        learning_unit.add_learning_unit(conv, LearningSpec(layers="all"))
    with pytest.raises(ParamsError, match="shadow_bits is 3, expected at least the 4 bits"):
        learning_unit.add_learning_unit(
            random_network(1, "8x8-10", weight_bits=4), LearningSpec(shadow_bits=3)
        )
    with pytest.raises(DataError, match="no learning unit"):
        run.learn(random_network(1, "8x8-10"), *sets, run.RunConfig(n_samples=1))
    trained = recipe_file.load(package_data("models") / "digits" / "recipe.toml")
    with pytest.raises(RecipeError, match="rule = 'on-chip'"):
        initial_params(trained, sets[0])
    with pytest.raises(RecipeError, match="use `hwgen learn`"):
        _ = recipe_file.load(DIGITS).trained


def test_worlds(sets):
    test = sets[1]
    assert (DistributionShift().apply(test, 0).images == test.images).all()
    dim = DistributionShift(brightness=0.5).apply(test, 0).images
    assert dim.max() == test.x_max // 2
    noisy = DistributionShift(noise=0.2).apply(test, 0).images
    assert 0.1 < (noisy != test.images).mean() < 0.2  # a pixel may show what it would have shown
    assert (noisy == DistributionShift(noise=0.2).apply(test, 0).images).all()
    assert (noisy != DistributionShift(noise=0.2).apply(test, 1).images).any()
    bar = dataclasses.replace(test, images=np.zeros((1, 9, 9), np.uint8))
    bar.images[0, 4, :] = 16
    turned = DistributionShift(rotate_degrees=90).apply(bar, 0).images[0]
    assert (turned[:, 4] == 16).all()
    assert turned.sum() == 9 * 16
    assert set(select_classes(test, frozenset({3, 7})).labels.tolist()) == {3, 7}
    assert len(select_classes(test, frozenset())) == len(test)


def test_the_flow_writes_a_model_folder(tmp_path):
    made, folder = flows_learn.run(
        str(DIGITS),
        flows_learn.LearnOptions(n_samples=60, n_points=2, out=tmp_path / "made", seed=5),
    )
    assert params_file.load(folder / "params.safetensors").digest == made.params.digest
    written = ModelFolder(folder)
    training_samples = written.learning_vectors(made.params)
    assert (training_samples.inputs == written.vectors(made.params).inputs).all()
    assert (training_samples.shadows[1] != made.params.shadows[1]).any()
    curve = json.loads((folder / "curve.json").read_text())
    assert [point["n_learnt"] for point in curve["curve"]] == [0, 30, 60]
    assert (folder / "curve.svg").read_text().startswith("<?xml")
    assert "learnt on chip" in (folder / "card.md").read_text()
    again, _ = flows_learn.run(
        str(folder),
        flows_learn.LearnOptions(n_samples=20, n_points=1, out=tmp_path / "again", shift=3),
    )
    assert again.params.provenance["parent"] != made.params.provenance["parent"]
    assert again.params.spec.learning.hidden_shift == 3
    with pytest.raises(HwgenError, match=r"labels \[11\] are not among the 10 classes"):
        flows_learn.run(
            str(folder),
            flows_learn.LearnOptions(n_samples=20, labels=frozenset({11}), out=tmp_path / "no"),
        )
    assert not (tmp_path / "no").exists()
    with pytest.raises(ParamsError, match="is to be trained first"):
        flows_learn.run(
            str(package_data("models") / "digits" / "recipe.toml"), flows_learn.LearnOptions()
        )


def test_a_picture_is_the_same_each_time(tmp_path, sets, first):
    from hwgen.report import curves

    made = run.learn(first, *sets, run.RunConfig(n_samples=40, n_points=2))
    pictures = []
    for name in ("a.svg", "b.svg"):
        curves.draw({"x": made.curve}, tmp_path / name, "a run")
        pictures.append((tmp_path / name).read_bytes())
    assert pictures[0] == pictures[1]
    assert b"test accuracy" in pictures[0] or b"<path" in pictures[0]


@pytest.mark.parametrize(
    ("script", "arguments", "made"),
    [
        ("distribution_shift.sh", ["digits-learn", "40"], "noisy-all"),
        ("new_class.sh", [str(DIGITS), "2000", "400", "-1"], "ten"),
    ],
)
def test_examples(tmp_path, script, arguments, made):
    here = Path(__file__).parents[2] / "examples" / script
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(
        ["sh", str(here), *arguments], cwd=tmp_path, check=True, env=os.environ | {"PATH": path}
    )
    curve = json.loads((tmp_path / "runs" / made / "curve.json").read_text())["curve"]
    if made == "ten":
        assert curve[0]["test_accuracy"] < 0.88  # the tenth class is not known
        assert curve[-1]["test_accuracy"] > curve[0]["test_accuracy"]
    assert ModelFolder(tmp_path / "runs" / made).params().spec.learning.layers in ("all", "last")
