"""Exit codes: 1 says that hardware and golden differ, and nothing else does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from commands import hwgen_command, model_folder
from samples import random_params

from hwgen.cli import exits
from hwgen.cli.verb import Answer, verb
from hwgen.errors import HwgenError, MismatchError
from hwgen.files import require_writable, write_atomic

HWGEN = [sys.executable, "-m", "hwgen"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "m"
    model_folder(path, random_params(1, (64, 9, 10), 1, n_steps=4))
    (path.parent / "file").write_text("mine")
    return path


def code_of(function, capfd) -> tuple[int, str]:
    """Exit code, and what is on stderr, of a verb that does this."""
    with pytest.raises(SystemExit) as end:
        exits.leave(function)
    return end.value.code, capfd.readouterr().err


def raises(error: BaseException):
    def function() -> None:
        raise error

    return function


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (MismatchError("spike 3 differs"), 1, "hwgen: mismatch: spike 3 differs\n"),
        (HwgenError("no such thing"), 2, "hwgen: error: no such thing\n"),
        (OSError(28, "No space left", "a/b"), 2, "hwgen: error: a/b: No space left\n"),
        (OSError("unplugged"), 2, "hwgen: error: unplugged\n"),
        (PermissionError(13, "Permission denied"), 2, "hwgen: error: Permission denied\n"),
        (
            ModuleNotFoundError("No module named 'torch'", name="torch.nn"),
            2,
            "hwgen: error: torch cannot be imported (No module named 'torch'); "
            "`pip install 'hwgen[train]'`\n",
        ),
        (
            ModuleNotFoundError("No module named 'h5py'", name="h5py"),
            2,
            "hwgen: error: h5py cannot be imported (No module named 'h5py'); "
            "`pip install 'hwgen[nir]'`\n",
        ),
        (MemoryError(), 2, "hwgen: error: not enough memory; try fewer samples, or close other "),
        (KeyboardInterrupt(), 130, "hwgen: interrupted; what was finished is kept\n"),
        (BrokenPipeError(32, "Broken pipe"), 141, ""),
        (SystemExit(1), 141, ""),  # as rich and typer leave if nobody reads
    ],
)
def test_each_error_has_its_code_and_a_line(error, code, line, capfd) -> None:
    found, told = code_of(raises(error), capfd)
    assert found == code
    assert told.startswith(line)
    assert told.count("\n") == bool(line)


def test_a_fault_of_hwgen_shows_its_traceback_and_is_no_mismatch(capfd) -> None:
    found, told = code_of(raises(ZeroDivisionError("x")), capfd)
    assert found == 3
    assert "Traceback" in told
    assert told.endswith("hwgen: this is a fault of hwgen; please report it\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verilog", "m", "-o", "file/x.v"], "file/x.v: cannot be written: Not a directory"),
        (["verilog", "m", "-o", "."], ".: cannot be written: is a folder, expected the name of "),
        (["verilog", "m", "-o", "a" * 300], f"{'a' * 300}: cannot be written: File name too long"),
        (["report", "m", "-o", "file/x/y.html"], "file/x/y.html: cannot be written: Not a dir"),
        (["run", "m", "--simulate", "--capture", "file/x"], "file/x: cannot be written: Not a "),
        (["cosim", "m", "--build-dir", "file"], "file: no folder to work in: File exists; name "),
        (["verify", "m", "--build-dir", "file/b"], "file/b: no folder to work in: Not a dir"),
        (["build", "m", "--board", "icebreaker", "--build-dir", "file"], "file: no folder to "),
        (
            ["conformance", "export", "m", "-o", "file"],
            "file: no folder to work in: File",
        ),
        (["info", "b" * 300], "File name too long"),
    ],
)
def test_what_cannot_be_written_is_an_error_of_one_line(folder, arguments, message) -> None:
    done = hwgen_command(*arguments, cwd=folder.parent)
    assert done.returncode == 2, done.stderr
    *_, line = done.stderr.splitlines()
    assert line.startswith("hwgen: error: ")
    assert message in line
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert (folder.parent / "file").read_text() == "mine"


@pytest.mark.parametrize("arguments", [["models"], ["models", "--json"], ["--help"], ["--version"]])
def test_a_full_disk_behind_stdout(arguments, tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*HWGEN, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path
        )
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("hwgen: error: ")
    assert line.endswith("No space left on device")


@pytest.mark.parametrize("arguments", [["models"], ["boards", "--json"], ["--help"]])
def test_a_pipe_that_nobody_reads(arguments, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*HWGEN, *arguments], stdout=writer, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_train_without_torch(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('blocked', name='torch')")
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [*HWGEN, "train", "digits"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert line == (
        "hwgen: error: torch cannot be imported (blocked); `pip install 'hwgen[train]'`"
    )


def test_caches_go_elsewhere_if_home_cannot_be_written(folder, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("no folder")
    environment = os.environ | {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path)}
    environment.pop("XDG_CACHE_HOME", None)
    done = subprocess.run(
        [*HWGEN, "verilog", "m", "-o", str(tmp_path / "core.v")],
        cwd=folder.parent,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    place = tmp_path / f"hwgen-{os.getuid()}"
    assert done.stderr.splitlines()[0] == (
        f"hwgen: {tmp_path}/home/.cache: cannot be written (Not a directory); caches are in {place}"
    )
    assert place.stat().st_mode & 0o777 == 0o700


def test_a_verdict_outranks_what_cannot_be_printed(tmp_path: Path) -> None:
    def differ() -> None:
        raise MismatchError("spike 3 differs")

    def full() -> None:
        raise OSError(28, "No space left on device")

    from dataclasses import dataclass

    @dataclass(frozen=True, kw_only=True)
    class Options:
        json: bool = False

    def compare(options: Options) -> Answer:
        return Answer(json={}, print_result=full, check=differ)

    compare.__annotations__ = {"options": Options, "return": Answer}
    app = typer.Typer()
    app.command()(verb(compare))
    with pytest.raises(MismatchError):
        app([], standalone_mode=False)


def test_a_file_is_refused_before_work_and_nothing_is_made(tmp_path: Path) -> None:
    require_writable(tmp_path / "a" / "b" / "x.v")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "x", tmp_path, tmp_path / "new" / ("n" * 256)):
        with pytest.raises(HwgenError, match=r": cannot be written: "):
            require_writable(path)
    with pytest.raises(HwgenError, match=r"x: cannot be written: "):
        write_atomic(tmp_path / "file" / "x", "text")


def test_a_name_may_be_as_long_as_it_can_be(tmp_path: Path) -> None:
    write_atomic(tmp_path / ("n" * 255), "text")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("n" * 255, "text")]
