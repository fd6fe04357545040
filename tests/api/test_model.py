"""`import hwgen`: what the command line does, with arrays and objects."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from stand_ins import needs
from typer.testing import CliRunner

import hwgen
from hwgen.api import samples
from hwgen.cli import app
from hwgen.data import datasets
from hwgen.errors import DataError, ParamsError
from hwgen.model.folder import find_recipe

DIGITS = "digits-learn"


def told(*arguments: object) -> dict:
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_import_loads_nothing_heavy() -> None:
    code = (
        "import hwgen, sys; print([m for m in ('numpy', 'torch', 'amaranth') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert {"load", "train", "Model"} <= set(dir(hwgen))
    with pytest.raises(AttributeError, match="module 'hwgen' has no attribute 'lode'"):
        _ = hwgen.lode


def test_what_is_no_model() -> None:
    with pytest.raises(ParamsError, match="no-such: neither a model folder nor a shipped model"):
        hwgen.load("no-such")


def test_evaluate_is_that_of_the_command_line() -> None:
    model, said = hwgen.load(DIGITS), told("evaluate", DIGITS)
    found = model.evaluate().to_json()
    assert {k: v for k, v in found.items() if k != "images_per_s"}.items() <= {
        key: tuple(map(tuple, value)) if key == "confusion" else value
        for key, value in said.items()
    }.items()


def test_arrays_torch_data_sets_and_reals_are_the_same_samples() -> None:
    model = hwgen.load(DIGITS)
    tests = datasets.load("digits", "test").first(200)
    expected = model.decide(tests.images).tolist()
    n_right = sum(a == b for a, b in zip(expected, tests.labels.tolist(), strict=True))
    assert 190 <= n_right < 200
    reals = tests.images / np.float32(16)
    pairs = [(image[None], int(label)) for image, label in zip(reals, tests.labels, strict=True)]
    for data in (tests, (tests.images, tests.labels.tolist()), (reals, tests.labels), pairs):
        assert model.evaluate(data).n_correct == n_right


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((2, 64)), [0, 1], r"images are \[2, 64\], expected \[n, height, width\] or"),
        (
            np.zeros((2, 8, 8)),
            [0],
            r"labels are int64 \[1\], expected integers \[2\], one an",
        ),
        (np.zeros((2, 8, 8)), [0, 0.5], r"labels are float64 \[2\], expected integers"),
        (np.zeros((2, 8, 8)), [0, -1], "labels hold -1, expected 0 to 65535"),
        (np.full((2, 8, 8), 1.5), [0, 1], "images hold 1.5 to 1.5, expected 0 to 1 of float64"),
        (np.full((2, 8, 8), 17), [0, 1], "images hold 17 to 17, expected 0 to 16, as the network"),
        (np.full((2, 8, 8), np.nan), [0, 1], "images hold nan to nan"),
        (
            np.zeros((2, 9, 8)),
            [0, 1],
            "images are 9x8 with values up to 16, but digits-learn takes 8x8",
        ),
        (np.zeros((2, 8, 8, 3)), [0, 1], "images have 3 channels, but digits-learn takes 1"),
        (np.zeros((2, 8, 8)), [0, 10], "label 10, but digits-learn knows 10 classes"),
    ],
)
def test_arrays_that_do_not_fit(images, labels, message) -> None:
    with pytest.raises(DataError, match=f"^arrays: {message}"):
        hwgen.load(DIGITS).evaluate((images, labels))


def test_colours_of_tensors_go_last() -> None:
    image = np.arange(24).reshape(3, 2, 4)
    found, labels = samples._columns([(image, 1), (image, 0)])
    assert found.shape == (2, 2, 4, 3)
    assert found[0, 1, 2].tolist() == [6, 14, 22]
    assert labels.tolist() == [1, 0]


def test_verilog_and_estimate_are_those_of_the_command_line(tmp_path: Path) -> None:
    model = hwgen.load(DIGITS)
    told("verilog", DIGITS, "--lanes", "4,2", "-o", tmp_path / "core.v")
    assert model.verilog(lanes=(4, 2)) == (tmp_path / "core.v").read_text()
    assert "module hwgen_axi" in model.verilog(bus="axi")
    said = told("estimate", DIGITS, "--board", "ulx3s_25f")
    assert json.loads(json.dumps(model.estimate("ulx3s_25f").to_json())) == said


def test_results_show_themselves() -> None:
    shown = hwgen.load(DIGITS).estimate("ulx3s_25f")._repr_html_()
    assert shown.startswith("<table><tr><td>board</td><td>ulx3s_25f</td></tr>")
    assert "<td>fits</td><td>True</td>" in shown


@pytest.mark.synth
def test_verify_with_own_arrays(tmp_path: Path) -> None:
    needs("yosys", "g++")
    model = hwgen.load(DIGITS)
    tests = datasets.load("digits", "test").first(30)
    data = tests.images, tests.labels
    found = model.verify(data, samples=20, stall=0.1, n_processes=1, build_dir=tmp_path / "v")
    assert (found.n_mismatches, found.n_samples) == (0, 20)
    assert list(found.decisions) == model.decide(tests.images[:20]).tolist()
    found.check()


@pytest.mark.synth
def test_run_on_the_compiled_board() -> None:
    needs("yosys", "g++")
    found = hwgen.load(DIGITS).run(samples=5)
    assert found.decisions == found.expected
    assert found.n_different == 0


@pytest.mark.cosim
def test_cosim(tmp_path: Path) -> None:
    found = hwgen.load(DIGITS).cosim(samples=2, build_dir=tmp_path / "c")
    assert (found.n_mismatches, found.n_samples) == (0, 2)


def test_train_with_own_arrays(tmp_path: Path) -> None:
    text = find_recipe("digits").read_text()
    short = re.sub(r"epochs = \d+", "epochs = 1", text)
    (tmp_path / "recipe.toml").write_text(short)
    rng = np.random.default_rng(1)
    parts = {}
    for split, n in (("train", 120), ("validation", 30), ("test", 30)):
        labels = rng.integers(0, 10, n)
        images = np.zeros((n, 6, 10), np.uint8)
        images[np.arange(n), :, labels] = 16
        parts[split] = samples.from_arrays(images, labels, x_max=16, name="stripes")
    model = hwgen.train(tmp_path / "recipe.toml", parts, out=tmp_path / "out", device="cpu")
    assert model.params.provenance["data"] == {
        "name": "stripes", "n_train": 120, "n_validation": 30, "n_test": 30,
    }  # fmt: skip
    assert (model.params.spec.input.height, model.params.spec.input.width) == (6, 10)
    with pytest.raises(DataError, match="data lack test, expected data sets for train, valid"):
        hwgen.train(tmp_path / "recipe.toml", {k: parts[k] for k in ("train", "validation")})
    again = model.save(tmp_path / "copy")
    assert hwgen.load(str(tmp_path / "copy")).params.digest == again.params.digest
