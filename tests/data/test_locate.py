"""The copy of a data set that a user names is the one that is read, or none; and it is said."""

import gzip
import json

import numpy as np
import pytest
from commands import hwgen_command, model_folder, run_json
from samples import random_params
from typer.testing import CliRunner

from hwgen.cli import app
from hwgen.data import datasets, locate
from hwgen.errors import DataError

KINDS = [(3, "images-idx3"), (1, "labels-idx1")]


def write_mnist(folder, mark, kinds=KINDS):
    """Four images of one grey value, which tells the copy."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("train", "t10k"):
        for n_dims, kind in kinds:
            shape = (4, 28, 28)[:n_dims]
            header = bytes([0, 0, 8, n_dims]) + b"".join(n.to_bytes(4, "big") for n in shape)
            value = mark if n_dims == 3 else 1
            content = header + bytes([value]) * int(np.prod(shape))
            (folder / f"{part}-{kind}-ubyte.gz").write_bytes(gzip.compress(content))
    return folder


@pytest.fixture
def usual(tmp_path, monkeypatch):
    """Copies at the usual places: the cache's is 20 throughout, the system's 30."""
    monkeypatch.delenv("HWGEN_DATA", raising=False)
    monkeypatch.setattr(locate, "_cache", lambda: tmp_path / "cache")
    monkeypatch.setattr(locate, "_SYSTEM", tmp_path / "system")
    write_mnist(tmp_path / "cache/mnist", 20)
    write_mnist(tmp_path / "system/mnist", 30)
    for place, name in (("cache/NMNIST/Test/0", "0.bin"), ("system/cifar-10-batches-bin", "x")):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / name).write_bytes(bytes(5))
    return tmp_path


def mark(**where):
    return int(datasets.load("mnist", "test", **where).images[0, 0, 0])


def test_order_of_places(usual, monkeypatch):
    assert mark() == 20
    for path in (usual / "cache/mnist").iterdir():
        path.unlink()
    assert mark() == 30
    given = write_mnist(usual / "given/mnist", 40)
    assert mark(data_dir=given) == mark(data_dir=given.parent) == 40
    monkeypatch.setenv("HWGEN_DATA", str(given))
    assert mark() == 40
    assert mark(data_dir=write_mnist(usual / "other", 50)) == 50


def test_files_of_two_copies_are_not_mixed(usual):
    """The cache has the images only, as after a download that was cut off."""
    for path in (usual / "cache/mnist").glob("*labels*"):
        path.unlink()
    assert mark() == 30


@pytest.mark.parametrize("by", ["option", "variable"])
@pytest.mark.parametrize("name", ["mnist", "n-mnist", "digits", "caltech-face-motorbike"])
def test_a_folder_that_is_not_there_is_an_error(usual, monkeypatch, by, name):
    wrong = usual / "dta"
    if by == "variable":
        monkeypatch.setenv("HWGEN_DATA", str(wrong))
    with pytest.raises(DataError, match=r"dta: no such folder of data sets; it is what --data-dir"):
        datasets.load(name, "test", data_dir=wrong if by == "option" else None)


@pytest.mark.parametrize("name", ["mnist", "n-mnist", "cifar10", "caltech-face-motorbike"])
def test_a_folder_without_the_set_is_an_error(usual, monkeypatch, name):
    (usual / "empty").mkdir()
    monkeypatch.setattr(locate, "_download", lambda *given: pytest.fail("it was downloaded"))
    with pytest.raises(DataError, match=r"not found: looked for .*; no other place is tried") as e:
        datasets.load(name, "test", data_dir=usual / "empty")
    assert str(usual / "empty") in str(e.value)
    assert str(usual / "cache") not in str(e.value)


def test_verbs_say_which_copy(tmp_path):
    model_folder(tmp_path / "m", random_params(1, (64, 9, 10), 1, n_steps=4))
    for words in (["evaluate", "m"], ["report", "m"], ["learn", "m", "--samples", "2"]):
        assert run_json(*words, cwd=tmp_path)["data_read"] == {"digits": "scikit-learn"}
    done = hwgen_command("evaluate", "m", cwd=tmp_path)
    assert done.stderr.splitlines()[0] == "hwgen: digits is read from scikit-learn"
    assert "data_read" not in run_json("info", "m", cwd=tmp_path)  # it reads none


def test_each_copy_is_said_once(usual, monkeypatch, tmp_path):
    model_folder(tmp_path / "m", random_params(1, (64, 9, 10), 1, n_steps=4))
    monkeypatch.chdir(tmp_path)
    wrong = CliRunner().invoke(app, ["evaluate", "m", "--data", "mnist", "--data-dir", "system"])
    assert wrong.stderr.splitlines() == ["hwgen: mnist is read from system/mnist"]
    assert isinstance(wrong.exception, DataError)  # images of another size
    done = CliRunner().invoke(app, ["learn", "m", "--samples", "2", "--json"])
    assert done.stderr.count("digits is read from") == 1
    assert json.loads(done.stdout)["data_read"] == {"digits": "scikit-learn"}


def test_a_report_with_a_misspelt_folder_is_refused(tmp_path):
    """Though vectors are there, to make one of."""
    model_folder(tmp_path / "m", random_params(1, (64, 9, 10), 1, n_steps=4))
    done = hwgen_command("report", "m", "--data-dir", "dta", cwd=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("hwgen: error: dta: no such folder of data sets")
