"""Names of 100 characters that are more than 255 bytes, and names of files made of them."""

from pathlib import Path

import pytest
from commands import hwgen_command, model_folder
from samples import random_params

from hwgen.files import stem
from hwgen.network import params_file

LONG = "\U0001f9e0" * 100  # 400 bytes


def test_a_short_name_is_itself_and_long_ones_stay_apart() -> None:
    for name in ("mnist", "x" * 100, "é" * 50, "[bold red]"):
        assert stem(name) == name
    assert len(stem(LONG).encode()) <= 100
    assert stem(LONG).startswith("\U0001f9e0" * 20)
    assert stem(LONG) != stem(LONG[:-1] + "x")
    assert len({stem("é" * 49 + 3 * c) for c in "abc"}) == 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from dataclasses import replace

    path = tmp_path_factory.mktemp("models") / "m"
    params = replace(random_params(1, (64, 9, 10), 1, n_steps=4), name=LONG)
    return model_folder(path, params)


@pytest.mark.parametrize(
    ("arguments", "made"),
    [
        (["verilog", "m"], "*.v"),
        (["conformance", "export", "m"], "build/*-vectors/params.json"),
        (["report", "m"], "*.html"),
        (["info", "m"], "m/params.safetensors"),
    ],
)
def test_verbs_write_files_of_such_a_model(folder: Path, arguments: list[str], made: str) -> None:
    done = hwgen_command(*arguments, cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    assert len(list(folder.parent.glob(made))) == 1
    assert params_file.load(folder / "params.safetensors").name == LONG


def test_work_folders_of_such_a_model(folder: Path) -> None:
    from hwgen.boards import board
    from hwgen.cli.design import build_folder

    params = params_file.load(folder / "params.safetensors")
    target = board.load("icebreaker")
    assert len(build_folder(params, target).name.encode()) < 200


@pytest.mark.parametrize("option", ["--board", "--lanes", "--build-dir", "--simulator", "--data"])
def test_an_argument_of_300_characters_is_an_error_of_one_line(folder: Path, option: str) -> None:
    verb = "evaluate" if option == "--data" else "cosim"
    done = hwgen_command(verb, "m", option, "n" * 300, cwd=folder.parent)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("hwgen: error: ")
