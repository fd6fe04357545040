"""What a file is written to: a new file, the file behind a link, or into what is no file."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from commands import hwgen_command, model_folder
from samples import random_params

from hwgen.errors import HwgenError
from hwgen.files import require_writable, write_atomic

MANY = b"0123456789" * 20_000  # more than a pipe holds


def fifo(path: Path) -> Path:
    os.mkfifo(path)
    return path


def test_a_fifo_is_written_into_and_stays(tmp_path: Path) -> None:
    path, got = fifo(tmp_path / "fifo"), []
    reader = threading.Thread(target=lambda: got.append(path.read_bytes()), daemon=True)
    reader.start()
    require_writable(path)
    write_atomic(path, MANY)
    reader.join(timeout=10)
    assert got == [MANY]
    assert stat.S_ISFIFO(path.lstat().st_mode)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.getuid() != 0, reason="makes a device")
def test_a_device_is_written_into_and_stays(tmp_path: Path) -> None:
    null, full = tmp_path / "null", tmp_path / "full"
    for path, minor in ((null, 3), (full, 7)):
        try:
            os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, minor))
            path.open("wb").close()
        except OSError as error:
            pytest.skip(f"no devices here: {error}")
    write_atomic(null, MANY)
    with pytest.raises(HwgenError, match=r"full: cannot be written: No space left on device$"):
        write_atomic(full, MANY)
    assert [stat.S_ISCHR(path.lstat().st_mode) for path in (null, full)] == [True, True]


def test_the_file_behind_links_is_replaced_whole_and_the_links_stay(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    file, middle, link = tmp_path / "there" / "file", tmp_path / "there" / "m", tmp_path / "link"
    file.write_text("old")
    middle.symlink_to("file")
    link.symlink_to(middle)
    before = file.stat().st_ino
    with file.open() as old:
        write_atomic(link, "new")
        assert old.read() == "old"  # replaced, not written over
    assert (file.read_text(), file.is_symlink()) == ("new", False)
    assert file.stat().st_ino != before
    assert link.readlink() == middle
    assert middle.readlink() == Path("file")
    assert sorted(p.name for p in file.parent.iterdir()) == ["file", "m"]


def test_a_link_to_nothing_makes_its_file_and_one_to_itself_is_refused(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("new/file")
    write_atomic(link, "text")
    assert (tmp_path / "new" / "file").read_text() == "text"
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(HwgenError, match=r"loop: cannot be written: is a link that leads to itse"):
        write_atomic(tmp_path / "loop", "text")


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/proc/self/fd/1", "/dev/fd/1"])
@pytest.mark.parametrize("is_pipe", [True, False])
def test_stdout_goes_on_where_it_is(tmp_path: Path, name: str, is_pipe: bool) -> None:
    code = "import sys; from pathlib import Path; from hwgen.files import write_atomic\n"
    code += "print('first'); write_atomic(Path(sys.argv[1]), 'file\\n'); print('last')"
    file = tmp_path / "out"
    file.write_text("before\n")
    with file.open("a") as output:
        done = subprocess.run(
            [sys.executable, "-c", code, name],
            stdout=subprocess.PIPE if is_pipe else output,
            text=True,
            check=True,
        )
    told = done.stdout if is_pipe else file.read_text().removeprefix("before\n")
    assert told == "first\nfile\nlast\n"
    assert file.read_text().startswith("before\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return model_folder(tmp_path / "m", random_params(1, (64, 9, 10), 1, n_steps=4))


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_verilog_on_stdout_is_all_that_is_there(folder: Path, more: list[str]) -> None:
    cwd = folder.parent
    assert hwgen_command("verilog", "m", "-o", "core.v", cwd=cwd).returncode == 0
    done = hwgen_command("verilog", "m", "-o", "-", *more, cwd=cwd)
    assert (done.returncode, done.stdout) == (0, (cwd / "core.v").read_text())
    assert '"top": "hwgen_core"' in done.stderr if more else "module hwgen_core" in done.stderr
    assert not (cwd / "-").exists()
    refused = hwgen_command("verilog", "m", "--wrapper", "axi", "-o", "-", cwd=cwd)
    assert refused.returncode == 2
    assert "--output is '-', expected a name that ends in .v" in refused.stderr


def test_verilog_into_a_fifo(folder: Path) -> None:
    path = fifo(folder.parent / "fifo")
    with subprocess.Popen(["cat", path], stdout=subprocess.PIPE, text=True) as reader:
        assert hwgen_command("verilog", "m", "-o", path, cwd=folder.parent).returncode == 0
        assert "module hwgen_core" in reader.communicate(timeout=10)[0]
    assert stat.S_ISFIFO(path.lstat().st_mode)


def readers():
    """What reads a file that a user names, each by one line of its own."""
    from hwgen.boards import board
    from hwgen.conformance import check
    from hwgen.data import cifar10, idx, images, nmnist
    from hwgen.host import Replay
    from hwgen.model import vectors
    from hwgen.network import params_file
    from hwgen.network.spec import InputSpec
    from hwgen.recipe import load

    spec = InputSpec(height=8, width=8, x_max=16)
    params = random_params(1, (64, 9, 10), 1, n_steps=4)
    return {
        "params": params_file.load,
        "vectors": lambda path: vectors.load(path, params),
        "recipe": load,
        "board.toml": board.load,
        "results": lambda path: check.check(path, None),
        "picture": lambda path: images.load([path], spec),
        "recording": lambda path: nmnist.read(path, 8, 8),
        "replay": Replay,
        "idx": idx.read_idx,
        "test_batch.bin": lambda path: cifar10.load(path.parent, test=True),
    }


@pytest.mark.parametrize("name", sorted(readers()))
@pytest.mark.parametrize("kind", ["a FIFO", "a device"])
def test_what_has_no_end_is_not_read(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / name
    if kind == "a FIFO":
        fifo(path)
    else:
        path.symlink_to("/dev/zero")
    refused: list[BaseException] = []

    def read() -> None:
        try:
            readers()[name](path)
        except HwgenError as error:
            refused.append(error)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(timeout=10)
    assert not thread.is_alive()
    (error,) = refused
    assert str(error).startswith(f"{path}: ")
    assert f"is {kind}, expected a regular file" in str(error)


@pytest.mark.parametrize("verb", ["info", "train", "learn"])
def test_verbs_refuse_a_fifo_at_once(tmp_path: Path, verb: str) -> None:
    fifo(tmp_path / "fifo")
    done = subprocess.run(
        [sys.executable, "-m", "hwgen", verb, "fifo"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("hwgen: error: fifo: ")
    assert line.endswith("is a FIFO, expected a regular file")
