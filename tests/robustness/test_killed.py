"""kill -9 at any moment: each file under its own name is whole, the old one or the new; and
`--resume` ends where it would have ended.

Most kills are at a chosen operation on files, some at random times. `make fuzz` has more of both.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from samples import random_params
from stand_ins import put_tools, script

from hwgen import recipe
from hwgen.conformance import networks
from hwgen.errors import HwgenError
from hwgen.model import vectors as vectors_file
from hwgen.network import params_file

MORE = int(os.environ.get("HWGEN_FUZZ", "0"))  # 0: the quick run
HELPERS = Path(__file__).parents[1] / "helpers"
NAMES = """
[network]
n_steps = 4
hidden = "6"
weight_bits = 4
"""
TRAINED = 'name = "tiny"\n[data]\nname = "digits"\n' + NAMES
TRAINED += '[training]\nrule = "sstdp"\nepochs = 2\nbatch_size = 500\n'
LEARNT = 'name = "tiny"\n[data]\nname = "digits"\n' + NAMES + 'psp = "ramp"\n'
LEARNT += '[training]\nrule = "on-chip"\nn_samples = 40\n[learning]\nlayers = "all"\n'
CHECKPOINT = {"train": "checkpoint.pt", "learn": "checkpoint.safetensors"}


@contextmanager
def killer(folder, *arguments, plant="", **environment):
    """A function: runs the command up to its n-th operation on files of the folder."""
    command = [sys.executable, HELPERS / "kill_points.py", folder, plant, *arguments]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    env = os.environ | {"OMP_NUM_THREADS": "1"} | environment
    log = folder.with_suffix(".log").open("w")
    with log, subprocess.Popen(command, env=env, stderr=log, **pipes) as process:

        def kill(n):
            process.stdin.write(f"{n}\n")
            process.stdin.flush()
            return int(process.stdout.readline())

        yield kill
        process.stdin.close()


def whole(path, of_recipe=None):
    """Raise if this is half a file."""
    content = path.read_bytes()
    if path.name == "checkpoint.pt":
        from hwgen.training import checkpoint

        assert checkpoint.load(path, of_recipe)
    elif path.name in ("params.safetensors", "checkpoint.safetensors"):
        params_file.load(path)
    elif path.name in ("vectors.safetensors", "lessons.safetensors"):
        params = params_file.load(path.parent / "params.safetensors")
        if vectors_file.digest_of(path) == params.digest:  # else of the old params, and refused
            vectors_file.load(path, params, learns=path.name.startswith("lessons"))
    elif path.suffix == ".json":
        json.loads(content)
    elif path.name == "recipe.toml":
        recipe.load(path)
    elif path.name == "card.md":
        assert content.endswith(b"do not edit.\n")
    elif path.suffix == ".svg":
        assert content.endswith(b"</svg>\n")
    elif path.suffix == ".npy":
        np.load(path)
    else:
        raise AssertionError(f"{path}: what is this?")


def check(folder, of_recipe=None):
    """All files under their own names; those of a write that was cut off have a dot in front."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.name.startswith("."):
            try:
                whole(path, of_recipe)
            except (HwgenError, ValueError, OSError) as error:
                raise AssertionError(f"{path}: {error}") from None


def written(tmp_path, verb):
    path = tmp_path / f"{verb}.toml"
    path.write_text(TRAINED if verb == "train" else LEARNT)
    return path


def digest(folder):
    return params_file.load(folder / "params.safetensors").digest


NEVER = 10**6
# Each kill goes on from what the last has left: more and more is done before it.
POINTS = [*range(1, 40)] if MORE else [3, 6, 9, 13, 16]


@pytest.mark.train
@pytest.mark.parametrize("verb", ["train", "learn"])
def test_killed_at_any_operation_and_resumed(tmp_path, verb):
    source = written(tmp_path, verb)
    first, folder = tmp_path / "first", tmp_path / "killed"
    with killer(first, verb, str(source), "--out", str(first)) as kill:
        assert kill(NEVER) == 0
    n_killed, seen = 0, False
    with killer(folder, verb, str(source), "--out", str(folder), "--resume") as kill:
        for n in POINTS:
            code = kill(n)
            assert code in (0, -9)
            n_killed += code == -9
            check(folder, recipe.load(source))
            seen = seen or (folder / CHECKPOINT[verb]).is_file()
        assert kill(NEVER) == 0
    check(folder, recipe.load(source))
    assert seen
    assert n_killed >= 4
    assert digest(folder) == digest(first)


@pytest.mark.train
@pytest.mark.parametrize("verb", ["train", "learn"])
def test_files_written_in_halves_are_found(tmp_path, verb):
    source, folder = written(tmp_path, verb), tmp_path / "killed"
    with killer(folder, verb, str(source), "--out", str(folder), plant="halves") as kill:
        for n in range(2, 8):
            kill(n)
            try:
                check(folder, recipe.load(source))
            except AssertionError:
                return
    raise AssertionError("no half file was found")


def test_an_export_that_is_killed(tmp_path):
    folder = tmp_path / "out"
    with killer(folder, "vectors", "export", networks.names()[0], "-o", str(folder)) as kill:
        assert kill(NEVER) == 0
        right = {path.name: path.read_bytes() for path in folder.glob("[!.]*")}
        shutil.rmtree(folder)
        for n in range(2, 14, 2):
            kill(n)
            for path in folder.glob("[!.]*"):
                assert path.read_bytes() == right[path.name]
        assert kill(NEVER) == 0
        assert {path.name for path in folder.glob("[!.]*")} == set(right)


# Synthesis, with stand-ins for the tools; the one that packs takes its time in the middle.


@pytest.fixture
def tools(tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    put_tools(folder)
    script(
        folder / "icepack",
        f"folder = pathlib.Path({str(folder)!r})\n"
        "out = open(sys.argv[2], 'wb', buffering=0)\nout.write(b'half')\n"
        "slow = folder / 'slow'\n"
        "(folder / 'packing').touch()\n"
        "time.sleep(60 if slow.exists() else 0)\nout.write(b'whole')",
    )
    return folder


def synth(tmp_path, tools, patch=""):
    """`hwgen build`, in a group of processes of its own."""
    params_file.save(random_params(0), tmp_path / "m" / "params.safetensors")
    out = tmp_path / "built"
    code = f"{patch}\nimport sys\nfrom hwgen.cli import main\nmain()"
    arguments = ["build", tmp_path / "m", "--board", "icebreaker", "--build-dir", out]
    env = os.environ | {"PATH": f"{tools}:{os.environ['PATH']}"}
    for name in ("YOSYS", "NEXTPNR_ICE40", "ICEPACK"):
        env.pop(name, None)
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=env,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return process, out / "top.bin"


@pytest.mark.parametrize(
    ("patch", "left"),
    [
        ("", b"old"),
        ("import hwgen.build.synthesis\nhwgen.build.synthesis._NEW = 'top'", b"half"),
    ],  # planted
    ids=["right", "planted"],
)
def test_a_bitstream_is_the_old_one_or_the_new(tmp_path, tools, patch, left):
    process, bitstream = synth(tmp_path, tools, patch)
    assert process.wait() == 0
    assert bitstream.read_bytes() == b"halfwhole"
    bitstream.write_bytes(b"old")
    (tools / "packing").unlink()
    (tools / "slow").touch()
    process, _ = synth(tmp_path, tools, patch)
    for _ in range(6000):
        if (tools / "packing").exists():
            break
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert bitstream.read_bytes() == left
    (tools / "slow").unlink()
    process, _ = synth(tmp_path, tools, patch)
    assert process.wait() == 0
    assert bitstream.read_bytes() == b"halfwhole"


# At random times.

if MORE:  # minutes

    @pytest.mark.train
    @pytest.mark.parametrize("seed", range(5))
    @pytest.mark.parametrize("verb", ["train", "learn"])
    def test_killed_at_random_times(tmp_path, verb, seed):
        source, rng = written(tmp_path, verb), random.Random(seed)
        command = [sys.executable, "-m", "hwgen", verb, source, "--resume", "--out"]
        first, folder = tmp_path / "first", tmp_path / "killed"
        began = time.monotonic()
        subprocess.run([*command, first], check=True, capture_output=True)
        seconds = time.monotonic() - began
        for _ in range(6):
            process = subprocess.Popen(
                [*command, folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            time.sleep(seconds * rng.uniform(0.3, 1.0))
            process.kill()
            process.wait()
            check(folder, recipe.load(source))
        subprocess.run([*command, folder], check=True, capture_output=True)
        assert digest(folder) == digest(first)
