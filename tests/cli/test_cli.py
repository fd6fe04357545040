"""The command line, as a user and as a script see it."""

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer
from commands import hwgen_command, model_folder, run_json
from samples import learning_params, random_network, random_params
from typer.testing import CliRunner

import hwgen
from hwgen.cli import app, options
from hwgen.cli.design import choose
from hwgen.cli.verb import Answer, verb
from hwgen.errors import HwgenError, MismatchError
from hwgen.network import params_file

VERBS = ["demo", "train", "evaluate", "verilog", "cosim", "verify", "build", "estimate", "info"]
VERBS += ["models", "boards", "learn", "flash", "run", "report"]


@pytest.fixture
def folder(tmp_path):
    return model_folder(tmp_path / "m", random_params(1, (64, 9, 10), 1, n_steps=4))


@pytest.fixture
def pictures(tmp_path):
    """A convolutional network of all kinds of layers."""
    net = random_network(
        1, "8x8-5C3s2p1-P2-10", psp="triangle/ramp", tau_steps=2, weight_bits=3, n_steps=4
    )
    return model_folder(tmp_path / "m", net)


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
        (["build", "m", "--board", "icebraker"], "unknown board 'icebraker'; did you mean"),
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


@pytest.mark.parametrize(
    ("lanes", "message"),
    [
        ("5,4", "--lanes is '5,4', expected 3 numbers as in 16,10"),
        ("6,1,9", "--lanes is '6,1,9': layer 0 has 5 filters, so its lanes must be 1..5, not 6"),
        ("5,2,9", "'5,2,9': layer 1 has 1 lane, as it pools, so its lanes must be 1..1, not 2"),
        ("5,1,11", "'5,1,11': layer 2 has 10 neurons, so its lanes must be 1..10, not 11"),
    ],
)
def test_lanes_of_pictures(pictures, lanes, message):
    done = hwgen_command("cosim", "m", "--lanes", lanes, cwd=pictures.parent)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert message in line


def test_lanes_of_a_layer_that_learns():
    params = learning_params("phased/ramp", 4, "1x12-9-5")
    with pytest.raises(HwgenError, match=r"'3,5': layer 0 learns, so its lanes must be a power of"):
        choose(params, "3,5")
    assert choose(params, "9,5").lanes == (9, 5)
    assert choose(params, "4,2").lanes == (4, 2)


def test_default_lanes_of_pictures(pictures):
    params = params_file.load(pictures / "params.safetensors")
    assert choose(params).lanes == (5, 1, 10)
    assert choose(params, "2,1,3").lanes == (2, 1, 3)
    assert choose(params, "", "icebreaker").lanes == (5, 1, 10)


def test_damaged_file_is_one_line(folder):
    path = folder / "params.safetensors"
    path.write_bytes(path.read_bytes()[:-5])
    done = hwgen_command("info", "m", cwd=folder.parent)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("hwgen: error: m/params.safetensors: not a whole safetensors file: ")


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


def test_text_of_info_of_events(monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "200")
    done = hwgen_command("info", "nmnist-csnn", cwd=tmp_path)
    for expected in (
        "34x34x2, events, 30000 us a step",
        "12-bit potentials, reset by subtraction, leak 1/4, threshold 5..10",
        "pool 2x2, 15x15x12 -> 7x7x12, a spike in each step",
        "64 -> 10, 4-bit weights, 14-bit potentials  ",  # it just adds
    ):
        assert expected in done.stdout


def test_text_of_info_of_pictures(pictures, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    done = hwgen_command("info", "m", cwd=pictures.parent)
    rows = [line.split() for line in done.stdout.splitlines()]
    lines = [" ".join(word for word in row if word.strip("│┃")) for row in rows]
    limits = params_file.load(pictures / "params.safetensors").thresholds
    for expected in (
        "shape 8x8-5C3s2p1-P2-10",
        "synapses 805",  # 11 x 11 of places and taps, 5 filters; 20 x 10
        "layer 0 conv 3x3, 8x8x1 -> 4x4x5, 3-bit weights, 7-bit potentials, triangle of 2 steps, "
        f"threshold {limits[0].min()}..{limits[0].max()}",
        "layer 1 pool 2x2, 4x4x5 -> 2x2x5, earliest spike",
        "layer 2 20 -> 10, 3-bit weights, 9-bit potentials, ramp, "
        f"threshold {limits[2].min()}..{limits[2].max()}",
    ):
        assert expected in lines


def test_card_of_pictures(pictures):
    result = run_json("evaluate", "m", "--record", cwd=pictures.parent)
    card = (pictures / "card.md").read_text()
    assert "- network: 8x8-5C3s2p1-P2-10, weights 3 bits / 3 bits, 4 steps, 805 synapses" in card
    assert f"| synaptic additions | {result['n_synaptic_ops']:,.0f} |" in card
    assert f"| additions of a rate code, 4 steps | {result['n_rate_additions']:,.0f} |" in card
    assert "| multiply-accumulates of an artificial network of this shape | 805 |" in card
    assert 0 < result["n_synaptic_ops"] < 3 * 805


def functions():
    for path in sorted(Path(hwgen.cli.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                yield f"{path.stem}.{node.name}", node


def test_functions_are_short_and_take_little():
    """Options of a verb are fields of a dataclass (`hwgen.cli.verb`), not parameters."""
    for name, node in functions():
        n_parameters = len(node.args.posonlyargs + node.args.args + node.args.kwonlyargs)
        assert n_parameters <= 8, name
        assert node.end_lineno - node.lineno < 60, name


@dataclass(frozen=True, kw_only=True)
class Said:
    what: Annotated[str, typer.Argument(help="To say.")]
    loud: Annotated[bool, typer.Option("--loud", help="Say it loud.")] = False
    json: options.Json = False


def test_a_verb_is_made_of_its_options():
    def fail():
        raise MismatchError("said")

    def say(given: Said) -> Answer:
        """Say a word."""
        word = given.what.upper() if given.loud else given.what
        return Answer(json={"said": word}, print_result=lambda: print(word), check=fail)

    app = typer.Typer()
    app.command()(verb(say))
    for arguments, printed in ((["a", "--loud"], "A\n"), (["a", "--json"], '{\n "said": "a"\n}\n')):
        done = CliRunner().invoke(app, arguments)
        assert done.stdout == printed
        assert isinstance(done.exception, MismatchError)  # in the end, when all is told
    assert CliRunner().invoke(app, []).exit_code == 2  # what has no default must be given
    told = CliRunner().invoke(app, ["--help"]).stdout
    assert "Say a word." in told
    assert "Say it loud." in told


@pytest.mark.parametrize("verb", ["check", "vectors"])
def test_an_old_name_of_a_verb_works_and_is_not_shown(verb):
    runner = CliRunner()
    assert runner.invoke(app, [verb, "--help"]).exit_code == 0
    listed = runner.invoke(app, ["--help"], env={"COLUMNS": "200", "TERM": "dumb"}).output
    assert f" {verb} " not in listed


def test_the_old_name_of_capture_works(folder):
    arguments = ["run", str(folder), "--replay", "no.jsonl", "--record", "x.jsonl"]
    result = CliRunner().invoke(app, arguments)
    assert "no recording of a line" in str(result.exception)
    assert "--record" not in CliRunner().invoke(app, ["run", "--help"]).output
