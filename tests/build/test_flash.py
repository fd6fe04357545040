"""Loading a bitstream: which command, and what is said when it fails."""

import dataclasses
import json
import re
from pathlib import Path

import pytest
from samples import random_params
from stand_ins import script
from typer.testing import CliRunner

from hwgen.boards import board
from hwgen.build import flash, origin
from hwgen.cli import app
from hwgen.errors import BoardError, ToolError
from hwgen.network import params_file

ICEBREAKER = board.load("icebreaker")


@pytest.fixture
def loader(tmp_path: Path, monkeypatch) -> Path:
    """An iceprog that notes what it was given, and fails when it is told to."""
    noted = tmp_path / "noted"
    text = (
        f"pathlib.Path({str(noted)!r}).write_text(' '.join(sys.argv[1:]))\n"
        f"sys.exit(pathlib.Path({str(tmp_path / 'fail')!r}).exists())"
    )
    monkeypatch.setenv("ICEPROG", str(script(tmp_path / "iceprog", text)))
    return noted


def test_every_board_says_how() -> None:
    for name in board.names():
        words = board.load(name).flash.split()
        assert words[0] in ("iceprog", "openFPGALoader", "dfu-util")
        assert words.count("{}") == 1


def test_the_loader_gets_the_bitstream(loader: Path, tmp_path: Path, monkeypatch) -> None:
    params = random_params(1, (64, 9, 10), 1, n_steps=4)
    params_file.save(params, tmp_path / "m" / "params.safetensors")
    monkeypatch.chdir(tmp_path)
    built = Path("build") / f"{params.name}-icebreaker" / "top.bin"
    built.parent.mkdir(parents=True)
    built.write_bytes(b"bits")
    origin.write(built, params, ICEBREAKER)
    result = CliRunner().invoke(app, ["flash", "m", "--board", "icebreaker", "--json"])
    assert result.exit_code == 0, result.output
    assert loader.read_text() == str(built)
    assert json.loads(result.stdout)["command"] == ["iceprog", str(built)]
    (tmp_path / "fail").touch()
    result = CliRunner().invoke(app, ["flash", "m", "--board", "icebreaker"])
    assert isinstance(result.exception, ToolError)
    assert str(result.exception).startswith("iceprog failed with status 1; is 1BitSquared iCE")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("retrained", r"holds a model of digest \w{16}, but .* is \w{16}: another model, or from"),
        ("board", "made for the board upduino_v3, not for icebreaker"),
        ("bits", r"is not the file that top\.bin\.json tells of"),
        ("no record", r"no top\.bin\.json beside it says which model it holds"),
        ("damaged", r"top\.bin\.json: damaged; `hwgen build` writes it anew"),
    ],
)
def test_a_bitstream_of_another_model_is_refused(
    loader: Path, tmp_path: Path, monkeypatch, change: str, message: str
) -> None:
    params = random_params(1, (64, 9, 10), 1, n_steps=4)
    params_file.save(params, tmp_path / "m" / "params.safetensors")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "top.bin").write_bytes(b"bits")
    origin.write(tmp_path / "top.bin", params, ICEBREAKER)
    beside = tmp_path / "top.bin.json"
    if change == "retrained":
        params_file.save(
            random_params(2, (64, 9, 10), 1, n_steps=4), tmp_path / "m/params.safetensors"
        )
    elif change == "board":
        beside.write_text(beside.read_text().replace("icebreaker", "upduino_v3"))
    elif change == "bits":
        (tmp_path / "top.bin").write_bytes(b"other bits")
    elif change == "no record":
        beside.unlink()
    else:
        beside.write_text("[1]")
    command = ["flash", "m", "--board", "icebreaker", "--bitstream", "top.bin"]
    result = CliRunner().invoke(app, command)
    assert isinstance(result.exception, BoardError)
    assert re.search(message, str(result.exception)), result.exception
    assert not loader.exists()
    assert CliRunner().invoke(app, [*command, "--any-bitstream"]).exit_code == 0
    assert loader.read_text() == "top.bin"


def test_what_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match=r"top\.bin: no such bitstream; `hwgen build` makes one"):
        flash.command(ICEBREAKER, tmp_path / "top.bin")
    (tmp_path / "top.bit").touch()
    with pytest.raises(BoardError, match=r"top\.bit: a bitstream for icebreaker ends in \.bin"):
        flash.command(ICEBREAKER, tmp_path / "top.bit")
    silent = dataclasses.replace(ICEBREAKER, flash=None)
    with pytest.raises(BoardError, match=r"^icebreaker: its file says no `flash`"):
        flash.command(silent, tmp_path / "top.bin")


def test_a_loader_that_is_not_there(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "top.bin").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("ICEPROG", raising=False)
    with pytest.raises(ToolError, match=r"^iceprog not found; install it, set ICEPROG, or `apt"):
        flash.flash(ICEBREAKER, tmp_path / "top.bin")
