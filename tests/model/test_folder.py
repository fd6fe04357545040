"""A path to a file means that file; what is no parameter file is refused by name."""

import json
import shutil
from pathlib import Path

import pytest
from samples import random_params
from typer.testing import CliRunner

from hwgen.cli import app
from hwgen.errors import HwgenError, ParamsError, RecipeError, ResultsError
from hwgen.model import folder as model_folder
from hwgen.network import params_file

OWN, OTHER = (random_params(seed, (64, 9, 10), 1, n_steps=4) for seed in (1, 2))


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A model folder with another parameter file in it."""
    params_file.save(OWN, tmp_path / "params.safetensors")
    params_file.save(OTHER, tmp_path / "other.safetensors")
    return tmp_path


@pytest.mark.parametrize("verb", ["info", "verilog", "check"])
def test_a_path_to_a_file_means_that_file(two: Path, verb: str) -> None:
    options = {"verilog": ["-o", str(two / "core.v")], "check": ["--board", "icebreaker", "--json"]}
    more = options.get(verb, ["--json"])
    told = [
        CliRunner().invoke(app, [verb, str(two / name), *more])
        for name in ("params.safetensors", "other.safetensors")
    ]
    assert [result.exit_code for result in told] == [0, 0], told[1].output
    if verb == "info":
        assert [json.loads(x.stdout)["digest"] for x in told] == [OWN.digest, OTHER.digest]
    elif verb == "verilog":  # the digest is in the core's identification
        assert OTHER.digest[:8] in (two / "core.v").read_text()


def test_a_folder_means_its_params(two: Path) -> None:
    assert model_folder.find(str(two)).params().digest == OWN.digest
    assert model_folder.find(str(two / "other.safetensors")).params().digest == OTHER.digest


def test_vectors_and_card_are_not_those_of_another_file(two: Path) -> None:
    folder = model_folder.find(str(two / "other.safetensors"))
    assert folder.vectors_path == two / "other.vectors.safetensors"
    assert folder.learning_vectors_path == two / "other.lessons.safetensors"
    assert model_folder.find(str(two)).vectors_path == two / "vectors.safetensors"
    for verb in ("evaluate", "cosim", "verify"):
        result = CliRunner().invoke(app, [verb, str(two / "other.safetensors"), "--record"])
        assert isinstance(result.exception, ResultsError), result.output
        assert "--record is refused: the card is of the folder's params" in str(result.exception)


def test_what_is_no_parameter_file_is_named() -> None:
    shipped = model_folder.find("mnist-up5k").path
    with pytest.raises(
        ParamsError, match=r"recipe\.toml: a \.toml file, expected a parameter file"
    ):
        model_folder.find(str(shipped / "recipe.toml"))
    with pytest.raises(ParamsError, match=r"holds test vectors, not parameters; give the model fo"):
        model_folder.find(str(shipped / "vectors.safetensors")).params()
    with pytest.raises(RecipeError, match=r"a \.safetensors file, expected a recipe"):
        model_folder.find_recipe(str(shipped / "params.safetensors"))


def test_the_weights_that_a_core_learnt_can_be_evaluated(tmp_path: Path) -> None:
    """`run -o learnt.safetensors` writes such a file, into any folder."""
    path = tmp_path / "learnt.safetensors"
    shutil.copy(model_folder.find("digits-learn").params_path, path)
    result = CliRunner().invoke(app, ["evaluate", str(path), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["digest"] == model_folder.find("digits-learn").params().digest


def test_neither_file_nor_folder_nor_name() -> None:
    with pytest.raises(
        HwgenError, match="neither a model folder nor a shipped model; did you mean"
    ):
        model_folder.find("mnist-up5")
