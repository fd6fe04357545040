"""No run takes the folder of another: its model, its checkpoint, or while it is at work."""

import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from commands import model_folder
from samples import random_params
from text_files import RECIPE

from hwgen.conformance import json_export
from hwgen.errors import DataError, HwgenError, ParamsError
from hwgen.files import exclusive
from hwgen.flows import demo, learn, train
from hwgen.model.folder import ModelFolder
from hwgen.network import params_file

ON_CHIP = """
name = "y"
[data]
name = "digits"
[network]
n_steps = 4
hidden = ""
weight_bits = 4
psp = "ramp"
[training]
rule = "on-chip"
n_samples = 20
[learning]
layers = "all"
"""
HOLD = "import sys; from pathlib import Path; from hwgen.files import exclusive\n"
HOLD += "with exclusive(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"


def recipe(path: Path, text: str = RECIPE + "epochs = 1\n") -> Path:
    path.write_text(text)
    return path


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A folder that holds a model of somebody."""
    return model_folder(tmp_path / "other", random_params(1, (64, 9, 10), 1, n_steps=4))


def content(folder: Path) -> dict[str, bytes]:
    """Of all files, by name, but the lock."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {p.name: p.read_bytes() for p in files if not p.name.startswith(".")}


@pytest.mark.parametrize("resume", [False, True])
def test_another_model_is_refused_before_any_work(other: Path, monkeypatch, resume: bool) -> None:
    from hwgen.onchip import run as onchip_run
    from hwgen.training import loop

    for module, name in ((loop, "train"), (onchip_run, "learn")):
        monkeypatch.setattr(module, name, lambda *_, **__: pytest.fail("it worked"))
    before, path = content(other), other.with_name("recipe.toml")
    with pytest.raises(ParamsError, match=r"other: holds another model, random \([0-9a-f]{16}\), "):
        train.train(recipe(path), other, resume=resume)
    with pytest.raises(ParamsError, match=r"would be lost; name another folder by --out, or give "):
        learn.run(str(recipe(path, ON_CHIP)), learn.LearnOptions(out=other, resume=resume))
    assert content(other) == before
    (other / "params.safetensors").write_bytes(b"half")
    with pytest.raises(ParamsError, match=r"holds a params.safetensors that cannot be read, which"):
        train.train(recipe(path), other, resume=resume)


@pytest.mark.train
def test_train_takes_its_own_folder_and_others_if_told(other: Path) -> None:
    path, out = recipe(other.with_name("recipe.toml")), other.with_name("out")
    first = train.train(path, out).digest
    assert train.train(path, out).digest == first  # the same again
    assert train.train(path, out, resume=True).digest == first
    with pytest.raises(ParamsError, match=r"out: holds another model, x \("):
        train.train(path, out, seed=1)
    (out / "params.safetensors").unlink()
    with pytest.raises(DataError, match=r"checkpoint\.pt: made by another recipe or another hwgen"):
        train.train(path, out, seed=1)
    assert train.train(path, out, seed=1, overwrite=True).digest != first
    _forget_younger_fields(out)
    assert train.train(path, out, seed=1).digest != first
    with pytest.raises(ParamsError, match=r"out: holds another model, x \("):
        train.train(path, out)
    made = train.train(path, other, overwrite=True)
    assert params_file.load(other / "params.safetensors").digest == made.digest


def _forget_younger_fields(out: Path) -> None:
    """As of a model made before recipes had them."""
    params = params_file.load(out / "params.safetensors")
    made = dict(params.provenance["recipe"])
    made["network"] = {k: v for k, v in made["network"].items() if k not in ("bias", "leak")}
    provenance = dict(params.provenance) | {"recipe": made}
    params_file.save(replace(params, provenance=provenance), out / "params.safetensors")


def test_learn_takes_its_own_folder_and_others_if_told(other: Path) -> None:
    path, out = str(recipe(other.with_name("recipe.toml"), ON_CHIP)), other.with_name("out")
    first, _ = learn.run(path, learn.LearnOptions(out=out))
    with pytest.raises(ParamsError, match=r"out: holds another model, y \("):
        learn.run(path, learn.LearnOptions(out=out))  # it may have seen other images
    again, _ = learn.run(path, learn.LearnOptions(out=out, resume=True))
    assert again.params.digest == first.params.digest
    with pytest.raises(ParamsError, match=r"out: holds another model, y \("):
        learn.run(path, learn.LearnOptions(out=out, resume=True, seed=1))
    other_run, _ = learn.run(path, learn.LearnOptions(out=out, seed=1, overwrite=True))
    assert params_file.load(out / "params.safetensors").digest == other_run.params.digest


@pytest.mark.parametrize("verb", ["train", "learn", "demo", "export"])
def test_two_runs_never_share_a_folder(other: Path, verb: str) -> None:
    out = other.with_name("out")
    path = other.with_name("recipe.toml")
    runs = {
        "train": lambda: train.train(recipe(path), out),
        "learn": lambda: learn.run(str(recipe(path, ON_CHIP)), learn.LearnOptions(out=out)),
        "demo": lambda: demo.run(out),
        "export": lambda: json_export.export(ModelFolder(other), out),
    }
    command = [sys.executable, "-c", HOLD, str(out)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(HwgenError, match=r"out: another run of hwgen is at work in"):
            runs[verb]()
        holder.kill()
    assert content(out) == {}


def test_a_run_may_ask_again_but_another_thread_is_another_run(tmp_path: Path) -> None:
    refused: list[str] = []

    def ask() -> None:
        try:
            with exclusive(tmp_path):
                pass
        except HwgenError as error:
            refused.append(str(error))

    def in_a_thread() -> int:
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
        return len(refused)

    with exclusive(tmp_path):
        with exclusive(tmp_path), exclusive(tmp_path / "inside"):
            assert in_a_thread() == 1
        assert in_a_thread() == 2  # what is inside does not give it away
    assert in_a_thread() == 2
