"""Work folders are one run's; files are whole."""

import subprocess
import sys
from pathlib import Path

import pytest

from hwgen.errors import HwgenError
from hwgen.files import exclusive, free_folder

HOLD = "import sys; from pathlib import Path; from hwgen.files import exclusive\n"
HOLD += "with exclusive(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"


@pytest.fixture
def held(tmp_path: Path):
    """A folder in which another process is at work."""
    folder = tmp_path / "work"
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        yield folder
        other.kill()


def test_a_folder_belongs_to_one_run(held: Path) -> None:
    with (
        pytest.raises(HwgenError, match=r"work: another run of hwgen is at work in this folder"),
        exclusive(held),
    ):
        pass
    assert free_folder(held) == held.with_name("work-2")
    assert free_folder(held) == held.with_name("work-3")  # the second is kept for this process
    with exclusive(held.with_name("work-2")):
        assert free_folder(held) == held.with_name("work-4")
    assert free_folder(held) == held.with_name("work-2")  # it is free again


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "work")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        other.stdout.readline()
        other.kill()
    assert free_folder(tmp_path / "work") == tmp_path / "work"
