"""No verb measures a model on samples that it was trained on, or it says so.

Digits have no test set of their own: which images are one depends on the seed of the training.
"""

import ast
import dataclasses
import gzip
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from samples import random_params
from typer.testing import CliRunner

import hwgen.report.page
from hwgen import recipe
from hwgen.cli import app
from hwgen.data import datasets, for_network, labelled
from hwgen.data.dataset import Dataset
from hwgen.data.inputs import encoded
from hwgen.errors import DataError
from hwgen.evaluation import accuracy
from hwgen.flows import learn, train
from hwgen.host import run
from hwgen.model import folder as model_folder
from hwgen.model.folder import ModelFolder
from hwgen.network import params_file
from hwgen.network.learning import LearningSpec
from hwgen.network.learning_unit import FORWARD_BITS, add_learning_unit
from hwgen.network.spec import InputSpec
from hwgen.report import results
from hwgen.training import loop
from hwgen.verification import cosim, verify

ROOT = Path(__file__).resolve().parents[2]
SEED, VALIDATION = 3, 0.15
N_STEPS = 17  # each grey value of digits another step: what goes in tells which image it was


class StopError(Exception):
    """Thrown where all is known that a test looks at."""


def rows(samples):
    """What tells samples apart, in a set: no two digits are equal."""
    return {row.tobytes() for row in np.ascontiguousarray(samples).reshape(len(samples), -1)}


def network(**provenance):
    made = random_params(1, (64, 9, 10), 1, n_steps=N_STEPS)
    spec = dataclasses.replace(made.spec, input=InputSpec(height=8, width=8, x_max=16))
    return dataclasses.replace(made, spec=spec, provenance=provenance)


@pytest.fixture(scope="module")
def trained():
    """The images that training has for `models/digits` with our seed, and its provenance."""
    digits = recipe.load(model_folder.find_recipe("digits"))
    assert digits.data.validation == VALIDATION  # not the default
    seen = {}

    def caught(recipe, train_set, validation_set, **rest):
        seen["train"], seen["validation"] = train_set.images, validation_set.images
        raise StopError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "train", caught)
        with pytest.raises(StopError):
            train.train(model_folder.find_recipe("digits"), Path("nowhere"), seed=SEED)
    return seen | {
        "provenance": {
            "recipe": dataclasses.asdict(digits),
            "data": {"name": "digits", "n_train": 1222, "n_validation": 216, "n_test": 359},
            "seed": SEED,
        }
    }


@pytest.fixture
def folder(trained, tmp_path, monkeypatch):
    """`m`, here: a model trained so."""
    monkeypatch.chdir(tmp_path)
    params_file.save(network(**trained["provenance"]), tmp_path / "m/params.safetensors")
    return ModelFolder(tmp_path / "m")


@pytest.fixture
def pupil(folder):
    """The same model, with a learning unit."""
    params = add_learning_unit(folder.params(), LearningSpec(), FORWARD_BITS)
    params_file.save(params, folder.params_path)
    return folder


def command(*words):
    return CliRunner().invoke(app, list(map(str, words)))


def refused(*words):
    """The message of an error that a user can cause."""
    result = command(*words)
    assert isinstance(result.exception, DataError), result.output
    return str(result.exception)


def by_evaluate(folder, monkeypatch, *words):
    found = []

    def caught(params, dataset, reporter):
        found.append(encoded(dataset, params.spec))
        raise StopError

    monkeypatch.setattr(accuracy, "evaluate", caught)
    command("evaluate", "m", *words)
    return found[0]


def by_verify(folder, monkeypatch, *words):
    found = []

    def caught(job, **rest):
        found.append(job.inputs)
        raise StopError

    monkeypatch.setattr(verify, "run", caught)
    command("verify", "m", *words)
    return found[0]


def by_cosim(folder, monkeypatch, *words):
    found = []

    def caught(job, *args, **rest):
        found.append(job.inputs)
        raise StopError

    monkeypatch.setattr(cosim, "run", caught)
    command("cosim", "m", *words)
    return found[0]


def by_report(folder, monkeypatch):
    return hwgen.report.page._samples(folder, folder.params(), None)[1]


def by_learn(folder, monkeypatch, *words):
    found = []

    def caught(params, train_set, test_set, *config, **rest):
        found.append(encoded(test_set, params.spec))
        raise StopError

    monkeypatch.setattr(learn.onchip_run, "learn", caught)
    command("learn", "m", *words)
    return found[0]


TESTED = {
    "evaluate": by_evaluate,
    "evaluate --data": lambda *a: by_evaluate(*a, "--data", "digits"),
    "verify": by_verify,
    "verify --data": lambda *a: by_verify(*a, "--data", "digits"),
    "verify --data --samples": lambda *a: by_verify(*a, "--data", "digits", "--samples", 200),
    "cosim": lambda *a: by_cosim(*a, "--samples", 359),
    "run": lambda folder, _: run.of_test_set(folder.params(), 359, None).inputs,
    "report": by_report,
    "learn": by_learn,
    "learn --data": lambda *a: by_learn(*a, "--data", "digits"),
}


@pytest.mark.parametrize("verb", TESTED)
def test_no_verb_measures_on_what_was_trained_on(verb, folder, trained, monkeypatch):
    spec = folder.params().spec
    inputs = TESTED[verb](folder, monkeypatch)
    assert len(rows(inputs)) == (200 if "--samples" in verb else 359)
    for part in ("train", "validation"):
        images = trained[part]
        known = rows(encoded(Dataset("digits", images, np.zeros(len(images)), 16), spec))
        assert len(known) == len(images)
        assert rows(inputs) & known == set()


def test_a_course_has_only_what_training_had(folder, trained):
    """Not what chose the epoch, nor what is tested on; so with training samples for a core."""
    for name in ("", "digits"):
        _, train_set, test_set = learn._start("m", name, None)
        assert rows(train_set.images) == rows(trained["train"])
        assert len(test_set) == 359


def test_training_samples_are_of_the_training_set(pupil, trained):
    params = pupil.params()
    images = trained["train"]
    known = rows(encoded(Dataset("digits", images, np.zeros(len(images)), 16), params.spec))
    for name in ("", "digits"):
        assert rows(labelled.choose(params, 1222, name=name).inputs) == known
    assert rows(run.of_training_set(params, 1222, 0, None).inputs) == known
    with pytest.raises(DataError, match="--samples is 1223, but the training set of digits has"):
        labelled.choose(params, 1223)


def test_a_recipe_for_the_chip_holds_out_what_it_says(tmp_path):
    path = tmp_path / "recipe.toml"
    text = model_folder.find_recipe("digits-learn").read_text()
    path.write_text(text.replace('name = "digits"', f'name = "digits"\nvalidation = {VALIDATION}'))
    params, train_set, test_set = learn._start(str(path), "", None)
    assert (len(train_set), len(test_set)) == (1222, 359)
    assert rows(for_network.data_of(params, "test").images) == rows(test_set.images)


def test_what_ships_is_measured_as_it_was():
    """97.49 %, whether its data set is named or not: 350 of 359, none of which it has learnt."""
    told = [
        json.loads(command("evaluate", "digits-learn", *words, "--json").stdout)
        for words in ((), ("--data", "digits"))
    ]
    params = model_folder.find("digits-learn").params()
    assert [(result["n_correct"], result["n_images"]) for result in told] == [(350, 359)] * 2
    for result in told:
        assert result["accuracy"] == params.provenance["accuracy"]["golden, test"]
        assert result["doubt"] == ""


# ---- What cannot be known is said, and is on no card.


@pytest.fixture
def unknown(folder):
    """A model of which nobody knows what it was trained on."""
    params = dataclasses.replace(folder.params(), provenance={"data": {"name": "digits"}})
    params_file.save(params, folder.params_path)
    return folder


DOUBT = (
    "digits has no test set of its own, and the provenance of random names no seed: the test set "
    "drawn by seed 0 may hold samples that it was trained on"
)


def test_a_model_without_a_seed_is_measured_with_a_doubt(unknown, tmp_path):
    for words in ((), ("--data", "digits")):
        assert json.loads(command("evaluate", "m", *words, "--json").stdout)["doubt"] == DOUBT
        shown = "".join(command("evaluate", "m", *words).stdout.replace("│", "").split())
        assert "".join(DOUBT.split()) in shown
    assert run.of_test_set(unknown.params(), 5, None).doubt == DOUBT
    source = hwgen.report.page._samples(unknown, unknown.params(), None)[3]
    assert source == f"359 test images of digits ({DOUBT})"


def test_a_doubt_is_on_no_card(unknown):
    for verb in ("evaluate", "verify"):
        assert refused(verb, "m", "--record") == f"--record is refused: {DOUBT}; leave it out"
    assert refused("learn", "m", "--samples", 10) == (
        f"m: nothing to test what it learns on: {DOUBT}; use another --data"
    )
    assert [path.name for path in unknown.path.iterdir()] == ["params.safetensors"]


def test_a_test_set_of_its_own_leaves_no_doubt(unknown, tmp_path, monkeypatch):
    mnist = Dataset("mnist", np.zeros((1, 28, 28), np.uint8), np.zeros(1, int), 255, split="test")
    assert for_network.doubt(unknown.params(), mnist) == ""
    for split, said in (("train", "the train split"), ("", "no split that is known")):
        told = for_network.doubt(unknown.params(), dataclasses.replace(mnist, split=split))
        assert told == (f"the samples of mnist are of {said}: random may have been trained on them")


def test_another_seed_is_a_doubt(folder):
    params = folder.params()
    assert for_network.doubt(params, datasets.load("digits", "test", seed=SEED)) == ""
    assert "names seed 3: the test set drawn by seed 0 may hold" in for_network.doubt(
        params, datasets.load("digits", "test")
    )


@pytest.mark.parametrize(
    ("drawn", "said"),
    [
        ({"split": "test", "seed": 0}, "the test set drawn by seed 0 may hold samples"),
        ({"split": "train", "seed": SEED}, "the samples of digits are of the train split"),
        ({"split": "validation", "seed": SEED}, "are of the validation split"),
    ],
)
def test_a_card_takes_its_own_test_set_only(folder, drawn, said):
    params = folder.params()
    split, seed = drawn["split"], drawn["seed"]
    result = accuracy.evaluate(params, datasets.load("digits", split, seed=seed).first(30))
    with pytest.raises(DataError, match=f"--record is refused: .*{said}"):
        results.record(folder, result)
    assert not folder.card_path.exists()
    own = accuracy.evaluate(params, for_network.data_of(params, "test"))
    results.record(folder, own)
    assert "Golden on the whole test set" in folder.card_path.read_text()


def write_idx(path, array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(header + array.tobytes()))


def test_another_data_set_is_measured_but_not_recorded(tmp_path, monkeypatch):
    """Of the same shape: the set's own test files, whatever the seed."""
    monkeypatch.chdir(tmp_path)
    for part, n in (("train", 20), ("t10k", 6)):
        images = np.arange(n, dtype=np.uint8)[:, None, None] * np.ones((1, 28, 28), np.uint8)
        write_idx(tmp_path / f"fashion-mnist/{part}-images-idx3-ubyte.gz", images)
        write_idx(tmp_path / f"fashion-mnist/{part}-labels-idx1-ubyte.gz", images[:, 0, 0] % 10)
    made = random_params(1, (784, 9, 10), 1, n_steps=4)
    spec = dataclasses.replace(made.spec, input=InputSpec(height=28, width=28, x_max=255))
    made = dataclasses.replace(made, spec=spec, provenance={"data": {"name": "mnist"}})
    params_file.save(made, tmp_path / "m/params.safetensors")
    given = ("--data", "fashion-mnist", "--data-dir", tmp_path)
    result = json.loads(command("evaluate", "m", *given, "--json").stdout)
    assert (result["n_images"], result["doubt"]) == (6, "")
    for verb in ("evaluate", "verify"):
        assert refused(verb, "m", *given, "--record") == (
            "--record is refused: the card of random tells of mnist, not of fashion-mnist; "
            "leave it out"
        )
    assert not (tmp_path / "m/card.md").exists()


def test_a_model_of_no_data_set(folder):
    params = dataclasses.replace(folder.params(), provenance={})
    params_file.save(params, folder.params_path)
    assert "provenance names no data set; give one by --data" in refused("evaluate", "m")
    assert "names no data set that digits could be; leave it out" in refused(
        "evaluate", "m", "--data", "digits", "--record"
    )


def test_other_files_are_refused(trained, folder):
    made = dict(trained["provenance"])
    made["data"] = made["data"] | {"n_test": 360}
    params_file.save(network(**made), folder.params_path)
    for words in ((), ("--data", "digits")):
        assert "359 test samples, but random was trained when there were 360" in refused(
            "evaluate", "m", *words
        )


def test_what_learnt_another_data_set_is_of_that(trained):
    made = trained["provenance"] | {
        "parent": "",
        "course": {"dataset": "mnist", "n_samples": 1, "n_updates": 1},
    }
    assert for_network.own_name(network(**made)) == "mnist"
    assert for_network.own_name(network(**trained["provenance"])) == "digits"
    assert for_network.own_name(network()) == ""


# ---- Nobody draws for a model in a way of its own.


def draws(path):
    """Calls of `load` with a split, of a file: line, and names of the keywords."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call) or len(node.args) < 2:
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        split = node.args[1]
        constant = getattr(split, "value", None) in ("train", "validation", "test")
        if name == "load" and (constant or getattr(split, "id", None) in ("split", "part")):
            yield node.lineno, {keyword.arg for keyword in node.keywords}


def test_all_draw_by_the_same_functions():
    """Benchmarks without a model draw with a seed that they name."""
    folders = ("hwgen", "benchmarks", "examples", "tools", "sim")
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    (home,) = (path for path in paths if "def data_of(" in path.read_text())
    assert list(draws(home)) != []
    others = {path: [keywords for _, keywords in draws(path)] for path in paths if path != home}
    assert {path.name for path, calls in others.items() if calls} == {"folds.py", "truncation.py"}
    assert all("seed" in keywords for calls in others.values() for keywords in calls)


def test_a_call_is_found(tmp_path):
    path = tmp_path / "a.py"
    path.write_text('x = data.load(name, "test", seed=0)\ny = load("x", split)\nz = load(a, b)\n')
    assert list(draws(path)) == [(1, {"seed"}), (2, set())]


def test_folds_hold_no_sample_of_the_test_set(monkeypatch):
    spec = importlib.util.spec_from_file_location("folds", ROOT / "benchmarks/folds.py")
    folds = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(folds)
    seen = []

    def caught(recipe, training, validation):
        seen.extend([training.images, validation.images])
        raise StopError

    monkeypatch.setattr(folds.loop, "train", caught)
    wanted = dataclasses.replace(recipe.load(model_folder.find_recipe("digits")), seed=SEED)
    with pytest.raises(StopError):
        folds.one(wanted, 5, 0, None)
    test = rows(for_network.data_of_recipe(wanted, "test").images)
    assert len(rows(np.concatenate(seen))) == 1438 - 288
    assert rows(np.concatenate(seen)) & test == set()
