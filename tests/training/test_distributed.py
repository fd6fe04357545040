"""Several processes, as `torchrun` starts them, against one."""

import os
import subprocess
import sys

import pytest
import torch

from hwgen.errors import RecipeError
from hwgen.network import params_file
from hwgen.training import distributed

pytestmark = pytest.mark.train

RECIPE = """
name = "small"
seed = 5
[data]
name = "digits"
encoding = "rate"
[network]
n_steps = 4
hidden = "6C3-P2-20"
weight_bits = 4
reset = "zero"
leak = 0.5
readout = "spike_count"
[training]
rule = "{rule}"
epochs = 2
batch_size = {batch}
learning_rate = 0.002
"""
RULE = "truncation_steps = 2\nblock_layers = 1\n"


def run(tmp_path, name, n, text):
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    command = [sys.executable, "-m"]
    if n > 1:
        launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", str(n)]
        command += [*launcher, "-m"]
    command += ["hwgen", "train", str(path), "--out", str(tmp_path / name), "--device", "cpu"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=environment, check=False
    )


def history(folder):
    content = (folder / "checkpoint.pt").read_bytes()[32:]
    (folder / "plain.pt").write_bytes(content)
    return torch.load(folder / "plain.pt", weights_only=True)["history"]


def test_two_processes_learn_as_one(tmp_path):
    # Batches of 33: the shares are unequal, 17 and 16.
    text = RECIPE.format(rule="tt-lbptt", batch=33) + RULE
    made = {n: run(tmp_path, str(n), n, text) for n in (1, 2)}
    assert [result.returncode for result in made.values()] == [0, 0], made[2].stderr
    one, two = (history(tmp_path / str(n)) for n in (1, 2))
    # Sums in another order: the losses of the first epoch differ by rounding only.
    assert two[0]["loss"] == pytest.approx(one[0]["loss"], rel=1e-3)
    assert two[1]["loss"] == pytest.approx(one[1]["loss"], rel=1e-2)
    assert one[1]["loss"] < 0.8 * one[0]["loss"]
    # Only the first wrote, and told.
    assert made[2].stdout.count("digest") == made[1].stdout.count("digest") == 1
    files = [{path.name for path in (tmp_path / str(n)).iterdir()} - {"plain.pt"} for n in (1, 2)]
    assert files[0] == files[1]
    params = params_file.load(tmp_path / "2" / "params.safetensors")
    assert params.spec.readout == "spike_count"
    assert params.provenance["cost"]["window_steps"] == 2


def test_other_rules_refuse_several_processes(monkeypatch):
    from recipes import recipe

    from hwgen.data import datasets
    from hwgen.training import loop

    monkeypatch.setattr(distributed, "world", lambda: 2)
    sets = [datasets.load("digits", split) for split in ("train", "validation")]
    with pytest.raises(RecipeError, match="'sstdp' trains in one process; of several, as torchrun"):
        loop.train(recipe(1), *sets)
