"""What ships: every model's files belong together, and its card tells the truth."""

import json
from pathlib import Path

import numpy as np
import pytest
from shipped import check_vectors, need_real_data

from hwgen import recipe
from hwgen.data.for_network import data_of
from hwgen.data.inputs import encoded
from hwgen.evaluation.accuracy import evaluate
from hwgen.model import folder as model_folder
from hwgen.network.learning_unit import FORWARD_BITS

TRAINED = [name for name in model_folder.shipped() if model_folder.find(name).params_path.is_file()]


def test_what_ships():
    assert {"digits", "mnist-binary", "mnist-real", "mnist-up5k"} <= set(model_folder.shipped())
    assert {"fashion-binary", "fashion-real", "mnist-csnn-binary"} <= set(model_folder.shipped())
    assert {"mnist-csnn-real", "mnist-csnn-fast", "caltech-csnn-binary"} <= set(
        model_folder.shipped()
    )
    assert {"mnist-csnn-25f", "mnist-csnn-up5k", "fashion-csnn-real"} <= set(model_folder.shipped())
    assert {"digits-learn", "mnist-learn", "mnist-up5k-learn"} <= set(model_folder.shipped())
    # The demo trains digits itself; cifar-csnn is still in training.
    assert set(model_folder.shipped()) - set(TRAINED) <= {"digits", "cifar-csnn"}


@pytest.mark.parametrize("name", model_folder.shipped())
def test_recipe(name):
    loaded = recipe.load(model_folder.find_recipe(name))
    assert loaded.name == name
    assert loaded.description


@pytest.mark.parametrize("name", TRAINED)
def test_params_are_of_the_recipe(name):
    folder = model_folder.find(name)
    params, wanted = folder.params(), recipe.load(folder.recipe_path)
    assert params.spec.n_steps == wanted.network.n_steps
    assert params.spec.shape.split("-", 1)[1] == "-".join(
        [wanted.network.hidden, str(params.spec.n_classes)]
    )
    bits, learns = wanted.network.weight_bits, params.spec.learning_layers
    for index, layer in enumerate(params.spec.layers):
        if layer.kind != "pool2d":  # layers that go on learning are given finer weights
            trained = wanted.training.rule != "on-chip"
            finer = trained and index in learns
            assert layer.weight_bits == (max(bits, FORWARD_BITS) if finer else bits)
    stored = params.provenance["recipe"]  # fields younger than that are as by default
    assert type(wanted.training)(**stored["training"]) == wanted.training
    assert stored["seed"] == params.provenance["seed"] == wanted.seed


@pytest.mark.parametrize("name", TRAINED)
def test_vectors(name):
    folder = model_folder.find(name)
    params = folder.params()
    vectors = folder.vectors(params)
    check_vectors(params, vectors)
    need_real_data()
    test = data_of(params, "test")
    n = len(vectors.labels)
    expected = encoded(test, params.spec, slice(n))
    assert (vectors.inputs == expected).all()
    assert (vectors.labels == test.labels[:n]).all()


@pytest.mark.parametrize("name", TRAINED)
def test_card_tells_the_truth(name):
    folder = model_folder.find(name)
    params = folder.params()
    need_real_data()
    result = evaluate(params, data_of(params, "test"))
    own = {"caltech-csnn-binary": 616, "digits-learn": 359, "nmnist-csnn": 100}
    assert result.n_images == own.get(name, 10_000)
    accuracy = params.provenance["accuracy"]
    assert result.accuracy == accuracy["golden, test"]
    if "course" not in params.provenance:  # trained, not learnt on chip
        assert result.accuracy == accuracy["fake-quantized, test"]
    assert int(np.trace(np.array(result.confusion))) == result.n_correct
    card = folder.card_path.read_text()
    assert params.digest in card
    assert f"| golden, test | {100 * result.accuracy:.2f} % |" in card


@pytest.mark.parametrize(
    ("name", "at_least"),
    [
        ("mnist-real", 0.981),
        ("mnist-binary", 0.970),
        ("fashion-real", 0.88),
        ("fashion-binary", 0.873),
        ("mnist-csnn-binary", 0.992),
        ("mnist-csnn-real", 0.992),
        ("mnist-csnn-fast", 0.985),
        ("mnist-csnn-25f", 0.985),
        ("mnist-csnn-up5k", 0.97),
        ("caltech-csnn-binary", 0.992),
        ("fashion-csnn-real", 0.928),
        ("fashion-direct-csnn", 0.915),
        ("digits-learn", 0.95),
        ("mnist-learn", 0.975),
        ("mnist-up5k-learn", 0.955),
    ],
)
def test_accuracy_promised(name, at_least):
    params = model_folder.find(name).params()
    assert params.provenance["accuracy"]["golden, test"] >= at_least
    assert params.spec.n_steps <= 32
    if "csnn" not in name:
        sizes = [layer.n_post for layer in params.spec.layers]
        assert len(sizes) == 2
        assert sizes[0] <= 600


def readme_rows():
    """The rows of the README's two tables, from what was measured."""
    for name in TRAINED:
        folder = model_folder.find(name)
        params = folder.params()
        results = json.loads((folder.path / "results.json").read_text())
        bits = params.spec.weighted[0].weight_bits
        evaluation = results["evaluation"]
        n_least = 100 if "csnn" in name and "mnist" in name else 20
        simulated = {
            key.removeprefix("cosim "): entry
            for key, entry in results.items()
            if key.startswith("cosim ")
        }
        assert {entry["digest"] for entry in results.values()} == {params.digest}
        assert simulated
        for entry in simulated.values():
            assert entry["n_mismatches"] == 0
            assert entry["n_samples"] >= n_least
        yield (
            f"| `{name}` | {params.spec.shape} | {'binary' if bits == 1 else f'{bits} bits'} "
            f"| {params.spec.n_steps} | {100 * evaluation['accuracy']:.2f} % "
            f"| {100 * evaluation['decided_by_spike']:.0f} % |"
        )
        for board in sorted(key[6:] for key in results if key.startswith("synth ")):
            r = results[f"synth {board}"]
            lanes = "/".join(map(str, r["lanes"][:-1]))  # of the hidden layers
            run = simulated[",".join(map(str, r["lanes"]))]
            yield (
                f"| `{name}` | `{board}` | {lanes} | {r['luts']} of {r['luts_capacity']} "
                f"| {r['brams']} of {r['brams_capacity']} | {r['fmax_hz'] / 1e6:.1f} MHz "
                f"| {run['cycles_per_sample']:.0f} |"
            )


def test_readme_tells_the_truth():
    readme = (Path(__file__).parents[2] / "README.md").read_text().splitlines()
    shown = [line for line in readme if line.startswith("| `") and "| `hwgen " not in line]
    assert sorted(shown) == sorted(readme_rows())
