"""Data sets that lack classes, or nearly all samples: outputs are the set's classes, and what
cannot be used is refused by name before anything is trained."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from commands import hwgen_command
from recipes import recipe
from samples import learning_params, random_network

from hwgen.data import datasets
from hwgen.data.dataset import Dataset
from hwgen.data.datasets import load
from hwgen.data.for_network import check_alike, check_input
from hwgen.errors import DataError, RecipeError
from hwgen.evaluation.accuracy import evaluate
from hwgen.flows import learn, train
from hwgen.onchip import initial
from hwgen.onchip import run as onchip_run
from hwgen.recipe import LearningSpec, OnChipRecipe
from hwgen.training import loop

SSTDP = '[training]\nrule = "sstdp"\nepochs = 1\nbatch_size = 50\nlearning_rate = 0.01\n'


def digits_of(monkeypatch, *, classes=range(10), n=None):
    """The data set holds only these."""
    images, labels = datasets._digits()
    chosen = np.flatnonzero(np.isin(labels, list(classes)))[:n]
    monkeypatch.setattr(datasets, "_digits", lambda: (images[chosen], labels[chosen]))


def recipe_file(path, *, validation=0.1):
    path.write_text(
        f'name = "small"\ndescription = ""\nseed = 3\n[data]\nname = "digits"\n'
        f'validation = {validation}\n[network]\nn_steps = 6\nhidden = "12"\nweight_bits = 4\n'
        f"{SSTDP}"
    )
    return path


@pytest.mark.parametrize("classes", [range(7), [0], [3]])
def test_outputs_are_the_classes_of_the_data_set(monkeypatch, tmp_path, classes):
    digits_of(monkeypatch, classes=classes, n=200)
    path = recipe_file(tmp_path / "recipe.toml")
    done = train.train(path, tmp_path / "m")
    assert len(done.evaluation.confusion) == 10
    assert 0 <= done.accuracy["golden, test"] <= 1


def test_outputs_of_a_course_are_the_classes_of_the_data_set(monkeypatch):
    digits_of(monkeypatch, classes=range(3))
    ramp = dataclasses.replace(recipe().network, psp="ramp")
    course = dataclasses.replace(
        recipe(), network=ramp, training=OnChipRecipe(rule="on-chip"), learning=LearningSpec()
    )
    assert initial.initial_params(course, load("digits", "train")).spec.n_classes == 10
    coloured = Dataset("cifar10", np.zeros((2, 8, 8, 3), np.uint8), np.array([0, 9]), 255)
    with pytest.raises(RecipeError, match=r"data\.colour: on-chip courses take grey images"):
        initial.initial_params(course, coloured)


def test_five_images(monkeypatch, tmp_path):
    """Of five, one is to test; of four, a tenth is none, and a fourth is one."""
    digits_of(monkeypatch, n=5)
    path = recipe_file(tmp_path / "recipe.toml")
    with pytest.raises(
        DataError, match=r"^digits: no validation samples of 5 with validation = 0.1"
    ):
        train.train(path, tmp_path / "m")
    assert not (tmp_path / "m").exists()
    recipe_file(path, validation=0.25)
    done = train.train(path, tmp_path / "m")
    assert done.evaluation.n_images == 1


@pytest.mark.parametrize("n", [1, 4])
def test_no_test_set(monkeypatch, n):
    digits_of(monkeypatch, n=n)
    with pytest.raises(DataError, match=f"^digits: no test samples of {n}; give more samples$"):
        load("digits", "test")


def small(n, *, size=8, split="test"):
    """Of any name, so that only what is there can tell."""
    images = np.zeros((n, size, size), np.uint8)
    return Dataset("own", images, np.zeros(n, np.int64), 16, split=split)


def test_parts_that_are_not_alike_are_refused_before_training(monkeypatch, tmp_path):
    parts = {"train": small(3), "validation": small(3), "test": small(3, size=9)}
    monkeypatch.setattr(train, "parts_of_recipe", lambda recipe, **rest: parts)
    monkeypatch.setattr(loop, "train", lambda *given, **rest: pytest.fail("it was trained"))
    path = recipe_file(tmp_path / "recipe.toml")
    with pytest.raises(
        DataError, match=r"^own: test images are 9x9, expected 8x8, as those of the "
    ):
        train.train(path, tmp_path / "m")
    parts["test"] = small(0)
    with pytest.raises(DataError, match=r"^own: 0 test samples, expected at least 1$"):
        train.train(path, tmp_path / "m")


def test_nothing_divides_by_no_samples():
    params, nothing = random_network(1, "8x8-9-10"), small(0)
    taught = learning_params("ramp", 8, "8x8-10", shadow_bits=12)
    config = onchip_run.RunConfig(n_samples=1)
    for use in (
        lambda: check_alike(small(1, split="train"), nothing),
        lambda: check_input(params, nothing),
        lambda: evaluate(params, nothing),
        lambda: loop.train(recipe(), load("digits", "train"), nothing),
        lambda: loop.train(recipe(), nothing, load("digits", "test")),
        lambda: onchip_run.learn(taught, nothing, nothing, config),
    ):
        with pytest.raises(DataError, match=r"^own: 0 test samples, expected at least 1$"):
            use()


def test_learning_of_labels_that_no_sample_has(monkeypatch, tmp_path):
    digits_of(monkeypatch, classes=range(5))
    options = learn.LearnOptions(labels=frozenset({9}), out=tmp_path / "m", n_samples=5)
    with pytest.raises(DataError, match=r"^digits: 0 train samples, expected at least 1$"):
        learn.run("digits-learn", options)


@pytest.mark.filterwarnings("error")
def test_more_points_than_samples():
    params = learning_params("ramp", 8, "8x8-10", shadow_bits=12)
    spec = dataclasses.replace(params.spec, input=dataclasses.replace(params.spec.input, x_max=16))
    params = dataclasses.replace(params, spec=spec)
    train_set, test = load("digits", "train").first(40), load("digits", "test").first(20)
    config = onchip_run.RunConfig(n_samples=3, n_points=10)
    course = onchip_run.learn(params, train_set, test, config)
    learnt = [point.n_learnt for point in course.curve]
    assert learnt == [0, 1, 2, 3]
    assert all(a < b for a, b in pairwise(learnt))


def test_the_command_refuses_in_one_line(tmp_path):
    """Labels that none of the digits has."""
    done = hwgen_command("learn", "digits-learn", "--labels", "12", cwd=tmp_path)
    assert done.returncode == 2
    read, refused = done.stderr.splitlines()
    assert read.startswith("hwgen: digits is read from ")
    assert refused.startswith("hwgen: error: ")
