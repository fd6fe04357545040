"""The command line, as a user and as a script see it."""

import json
import subprocess
import sys

import pytest
from samples import random_params
from typer.testing import CliRunner

import hwgen
from hwgen import params as params_file
from hwgen.cli import app
from hwgen.train import make_vectors
from hwgen.vectors import save as save_vectors

VERBS = ["demo", "train", "evaluate", "verilog", "cosim", "synth", "info", "models", "boards"]


def hwgen_command(*arguments, cwd):
    """A real process: what a shell sees."""
    return subprocess.run(
        [sys.executable, "-m", "hwgen", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path):
    """A model folder with a network for 8x8 digits and its vectors."""
    import dataclasses

    from hwgen import data
    from hwgen.spec import InputSpec

    params = random_params(1, (64, 9, 10), 1, n_steps=4)
    spec = dataclasses.replace(params.spec, input=InputSpec(height=8, width=8, x_max=16))
    provenance = {"data": {"name": "digits"}, "seed": 0, "accuracy": {"golden, test": 0.1}}
    params = dataclasses.replace(params, spec=spec, provenance=provenance)
    params_file.save(params, tmp_path / "m" / "params.safetensors")
    vectors = make_vectors(params, data.load("digits", "test"))
    save_vectors(vectors, tmp_path / "m" / "vectors.safetensors")
    return tmp_path / "m"


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_an_example(verb):
    result = CliRunner().invoke(app, [verb, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert result.exit_code == 0
    assert f"Example: hwgen {verb}" in result.output.replace("`", "")
    assert "--json" in result.output


def test_version(tmp_path):
    done = hwgen_command("--version", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"hwgen {hwgen.__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["info", "nosuch"], "nosuch: neither a model folder nor a shipped model; `hwgen models` "),
        (["info", "mnist-binry"], "mnist-binry: neither a model folder nor a shipped model; did "),
        (["train", "nosuch.toml"], "nosuch.toml: neither a recipe nor a shipped model; "),
        (["info", "."], "params.safetensors: no such file; `hwgen train` makes one"),
        (["synth", "m", "--board", "icebraker"], "unknown board 'icebraker'; did you mean"),
        (["cosim", "m", "--lanes", "4"], "--lanes is '4', expected 2 numbers as in 16,10"),
        (["cosim", "m", "--lanes", "99,1"], "--lanes is '99,1': layer 0 has 9 neurons, so its "),
        (["cosim", "m", "--simulator", "vcs"], "--simulator is 'vcs', expected icarus or "),
        (["cosim", "m", "--samples", "0"], "--samples is 0, expected at least 1"),
        (["evaluate", "m", "--data", "x"], "unknown data set 'x': known are digits, mnist, "),
        (["train", "digits", "--device", "tpu"], "--device is 'tpu', expected auto, cpu or cuda"),
    ],
)
def test_error_is_one_line_and_exit_code_2(folder, arguments, message):
    done = hwgen_command(*arguments, cwd=folder.parent)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("hwgen: error: ")
    assert message in line


def test_damaged_file_is_one_line(folder):
    path = folder / "params.safetensors"
    path.write_bytes(path.read_bytes()[:-5])
    done = hwgen_command("info", "m", cwd=folder.parent)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("hwgen: error: m/params.safetensors: not a whole safetensors file: ")


def run_json(*arguments, cwd):
    done = hwgen_command(*arguments, "--json", cwd=cwd)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_json(folder):
    cwd = folder.parent
    digest = params_file.load(folder / "params.safetensors").digest
    assert run_json("info", "m", cwd=cwd)["digest"] == digest
    assert {entry["name"] for entry in run_json("boards", cwd=cwd)} >= {"icebreaker", "ulx3s_85f"}
    assert "digits" in {entry["name"] for entry in run_json("models", cwd=cwd)}
    evaluation = run_json("evaluate", "m", cwd=cwd)
    assert evaluation["n_images"] == 359
    assert evaluation["accuracy"] == evaluation["n_correct"] / 359
    written = run_json("verilog", "m", "-o", "core.v", cwd=cwd)
    assert (written["path"], written["digest"]) == ("core.v", digest)
    assert f"// params {digest}" in (cwd / "core.v").read_text()


@pytest.mark.cosim
def test_cosim(folder):
    result = run_json("cosim", "m", "--samples", "4", "--lanes", "4,5", cwd=folder.parent)
    assert result["n_mismatches"] == 0
    assert result["n_compared"] > 4 * 2 * 19
    assert result["n_samples"] == 4


def test_text_of_info(folder):
    done = hwgen_command("info", "m", cwd=folder.parent)
    assert "64-9-10" in done.stdout
    assert "1-bit weights" in done.stdout
