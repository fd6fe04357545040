"""`hwgen verify`: chunks, processes, resuming, the verdict, the command line, the card."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import kill_points
import numpy as np
import pytest
from commands import model_folder
from jobs import inference
from reporters import Heard, StopError, StopsAt
from samples import random_params, random_spike_times
from shipped import need_real_data
from typer.testing import CliRunner

from hwgen.cli import app, main
from hwgen.data import datasets
from hwgen.data.encoding import latency
from hwgen.data.for_network import data_of
from hwgen.errors import MismatchError, ToolError
from hwgen.golden import Golden
from hwgen.hdl.verilog import to_verilog
from hwgen.model.folder import find
from hwgen.network import params_file
from hwgen.network.design import Design
from hwgen.progress import SILENT
from hwgen.verification import job, verify, worker

pytestmark = [pytest.mark.synth, pytest.mark.usefixtures("own_cache")]
LANES = (4, 3)


@pytest.fixture(scope="module")
def net():
    return random_params(3, (12, 9, 4), 4)


@pytest.fixture(scope="module")
def inputs(net):
    return random_spike_times(4, 2 * verify.CHUNK + 30, net)


def flipped(net):
    """A weight of the core is wrong by a bit; it still calls itself by the right digest."""
    weights = net.weights[0].copy()
    weights[5, 7] ^= 1
    wrong = dataclasses.replace(net, weights=(weights, *net.weights[1:]))
    text = to_verilog(Design(wrong, LANES))
    for part in (slice(0, 8), slice(8, 16)):
        text = text.replace(
            f"32'd{int(wrong.digest[part], 16)}", f"32'd{int(net.digest[part], 16)}"
        )
    return text


@pytest.mark.parametrize("n_processes", [1, 2])
def test_equal(net, inputs, tmp_path, n_processes):
    heard = Heard()
    trace = Golden(net).run(inputs)
    result = verify.run(
        inference(net, inputs, LANES, tmp_path / "b", truths=trace.decisions),
        n_processes=n_processes,
        reporter=heard,
    )
    result.check()
    n = len(inputs)
    assert result.compared == {
        "spikes": 13 * n,
        "potentials": 13 * n,
        "decisions": 3 * n,
        "registers": 3 * 10,
    }
    assert result.verdict == f"0 mismatches of {29 * n + 30} compared"
    n_heard = n - int(trace.undecided.sum())
    assert n // 2 < n_heard < n
    assert (result.n_samples, result.n_correct, result.speed.n_resumed) == (n, n_heard, 0)
    assert len(heard.advances) == 3
    assert heard.advances[-1] == (n, n)
    assert result.speed.core_images_per_s > 0
    assert result.speed.golden_images_per_s > 0
    assert json.loads(json.dumps(result.to_json()))["n_samples"] == n


def test_planted_fault_is_found(net, inputs, tmp_path):
    wrong = inference(net, inputs, LANES, tmp_path, verilog=flipped(net))
    result = verify.run(wrong, n_processes=1)
    assert result.n_mismatches > 0
    assert result.n_samples == verify.CHUNK  # then it stops
    both = verify.run(wrong, n_processes=2)
    assert both.mismatch == result.mismatch
    assert (result.mismatch.layer, result.mismatch.index) == (0, 7)
    with pytest.raises(
        MismatchError,
        match=r"^(spikes|potentials) differ: sample \d+, layer 0, step -?\d+, index 7: "
        r"expected -?\d+, got -?\d+, cycle \d+, waveform not recorded$",
    ):
        result.check()


def test_samples_are_numbered_in_the_whole_set(net, inputs, tmp_path):
    """A difference that only sample 205 shows, in the third chunk."""
    silent = np.full_like(inputs, net.spec.n_steps)
    silent[205, 5] = 0
    wrong = inference(net, silent, LANES, tmp_path, verilog=flipped(net))
    result = verify.run(wrong, n_processes=2)
    assert result.mismatch.sample == 205
    assert result.n_samples > verify.CHUNK


def n_resumed(result):
    return result.speed.n_resumed


def test_resume(net, inputs, tmp_path):
    def run(resume=True, seed=0, reporter=SILENT):
        return verify.run(
            inference(net, inputs, LANES, tmp_path, seed=seed),
            n_processes=1,
            resume=resume,
            reporter=reporter,
        )

    with pytest.raises(StopError):
        run(reporter=StopsAt(verify.CHUNK))
    resumed, again, fresh = run(), run(), run(resume=False)
    n = len(inputs)
    assert (n_resumed(resumed), n_resumed(again), n_resumed(fresh)) == (verify.CHUNK, n, 0)
    assert resumed.n_samples == again.n_samples == fresh.n_samples == n
    for name in ("n_compared", "cycles_per_sample", "latency_mean", "latency_worst"):
        assert getattr(resumed, name) == getattr(again, name) == getattr(fresh, name)
    assert n_resumed(run(seed=1)) == 0  # another job
    assert n_resumed(run(seed=0)) == 0  # which has taken the place of the first
    assert n_resumed(run(seed=0)) == n
    done = tmp_path / verify.DONE
    for damaged in ("", "[1]", done.read_text()[:-9], '{"job": 1}'):
        done.write_text(damaged)
        assert n_resumed(run()) == 0


def test_a_mismatch_is_not_resumed(net, inputs, tmp_path):
    for _ in range(2):
        wrong = inference(net, inputs, LANES, tmp_path, verilog=flipped(net))
        result = verify.run(wrong, resume=True)
        assert result.mismatch is not None
        assert result.mismatch.sample < verify.CHUNK


def test_comparing_nothing_is_refused(net, inputs, tmp_path):
    with pytest.raises(ToolError, match=r"^verify: no samples given"):
        verify.run(inference(net, inputs[:0], LANES, tmp_path))


def test_a_process_that_dies_is_an_error(net, inputs, tmp_path):
    with pytest.raises(ToolError, match=r"^a process of verify died \(status 1\); see .*log$"):
        list(worker.run(tmp_path, "", [(0, 10)], 2))
    assert "job.json" in (tmp_path / "chunks.log").read_text()


def test_a_process_says_what_is_wrong(net, inputs, tmp_path):
    verify.run(inference(net, inputs[:1], LANES, tmp_path))
    written = json.loads((tmp_path / "job.json").read_text())
    library = tmp_path / "core.so"
    library.write_bytes(b"half")
    (tmp_path / "job.json").write_text(json.dumps(written | {"library": str(library)}))
    with pytest.raises(ToolError, match=r"core\.so: not a compiled core"):
        list(worker.run(tmp_path, written["id"], [(0, 1)], 1))


def test_the_comparing_side_knows_no_hdl():
    """So what it expects cannot come from what made the core."""
    script = "import hwgen.verification.worker, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = done.stdout.split()
    assert "hwgen.verification.compare" in loaded
    assert [name for name in loaded if name.startswith(("hwgen.hdl", "amaranth"))] == []


def test_a_whole_test_set(tmp_path):
    need_real_data()
    params = find("mnist-binary").params()
    test = data_of(params, "test")
    inputs = latency(test.images, params.spec.input, params.spec.n_steps)
    result = verify.run(inference(params, inputs, (32, 10), tmp_path, truths=test.labels))
    result.check()
    assert result.n_samples == 10_000
    assert result.n_correct == 9747
    assert result.compared["spikes"] == result.compared["potentials"] == 10_000 * 610


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return model_folder(tmp_path / "m", random_params(1, (64, 9, 10), 1, n_steps=4))


def command(*arguments):
    return CliRunner().invoke(app, ["verify", "m", *map(str, arguments)], catch_exceptions=False)


def test_command(folder, tmp_path):
    done = command("--json", "--jobs", 2, "--record")
    result = json.loads(done.stdout)
    params = params_file.load(folder / "params.safetensors")
    assert (result["n_samples"], result["n_mismatches"]) == (359, 0)
    assert result["digest"] == params.digest
    test = datasets.load("digits", "test")
    decisions = Golden(params).run(latency(test.images, params.spec.input, 4)).decisions
    assert result["n_correct"] == (decisions == test.labels).sum()
    kept = json.loads((folder / "results.json").read_text())
    assert kept["verify 9,10"]["n_compared"] == result["n_compared"]
    row = f"| 9,10 | 359 | {result['n_correct']} | {result['n_compared']:,} | 0 |"
    assert row in (folder / "card.md").read_text()
    done = command("--early-exit", "--samples", 50, "--record", "--resume", "--stall", 0.2)
    assert "0 mismatches of " in done.stdout.splitlines()[-1]
    assert "| 9,10, early exit, stall 0.2 | 50 |" in (folder / "card.md").read_text()
    assert (tmp_path / "build" / "random-verify" / verify.DONE).is_file()


def test_command_with_a_fault(folder, monkeypatch, capsys):
    params = params_file.load(folder / "params.safetensors")
    weights = params.weights[0].copy()
    weights[:, 4] *= -1
    wrong = dataclasses.replace(params, weights=(weights, *params.weights[1:]))
    text = to_verilog(Design(wrong, (9, 10)))
    monkeypatch.setattr(job, "to_verilog", lambda design: text)
    monkeypatch.setattr(sys, "argv", ["hwgen", "verify", "m", "--samples", "20"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    told = capsys.readouterr()
    assert " mismatches of " in told.out.splitlines()[-1]
    assert "hwgen: mismatch: " in told.err.splitlines()[-1]
    assert "layer 0" in told.err.splitlines()[-1]
    assert "for a waveform: hwgen cosim m --lanes 9,10 --samples " in told.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--samples", "0"), "--samples is 0, expected at least 1"),
        (("--jobs", "0"), "--jobs is 0, expected at least 1"),
        (("--data", "nosuch"), "unknown data set 'nosuch'"),
        (("--lanes", "4"), "--lanes is '4', expected 2 numbers"),
    ],
)
def test_what_is_refused(folder, monkeypatch, capsys, arguments, message):
    monkeypatch.setattr(sys, "argv", ["hwgen", "verify", "m", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


KILLED = """
import json, sys
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv[1])
from kill_points import kill_at
from hwgen.network import params_file
from hwgen.network.design import Design
from hwgen.progress import SILENT
from hwgen.toolchain import cxxrtl
from hwgen.verification import verify
from hwgen.verification.job import Job
root, n = Path(sys.argv[2]), int(sys.argv[3])
cxxrtl._user_cache = lambda: Path(sys.argv[4])
net, inputs = params_file.load(root / "net.safetensors"), np.load(root / "in.npy")
kill_at(n, str(root / "b"))
job = Job(design=Design(net, (4, 3)), inputs=inputs, build_dir=root / "b")
result = verify.run(job, n_processes=1, resume=True)
print(json.dumps(result.to_json()))
"""


def test_killed_at_any_operation_and_resumed(net, inputs, cache, tmp_path):
    """Each kill is at a later operation on the files of the build folder than the last."""
    params_file.save(net, tmp_path / "net.safetensors")
    np.save(tmp_path / "in.npy", inputs)
    whole = verify.run(inference(net, inputs, LANES, tmp_path / "whole"), n_processes=1)

    def run(n):
        arguments = [Path(kill_points.__file__).parent, tmp_path, str(n), cache]
        return subprocess.run(
            [sys.executable, "-c", KILLED, *arguments], capture_output=True, text=True, check=False
        )

    for n in (13, 20, 24):
        assert run(n).returncode == -9
        for path in (tmp_path / "b").glob("[!.]*.json"):
            json.loads(path.read_text())
        for path in (tmp_path / "b").glob("[!.]*.npy"):
            assert np.load(path).shape == inputs.shape
    last = json.loads(run(10**6).stdout)
    assert last["n_resumed"] > 0
    assert last["compared"] == whole.compared
    assert (last["n_mismatches"], last["digest"]) == (0, net.digest)


@pytest.mark.parametrize("change", [("decisions", "decision"), ('"stop": 100', '"stop": 101')])
def test_what_was_kept_and_then_changed_is_not_believed(net, inputs, tmp_path, change):
    job = inference(net, inputs, LANES, tmp_path / "b")
    verify.run(job, n_processes=1)
    kept = tmp_path / "b" / verify.DONE
    assert change[0] in kept.read_text()
    assert n_resumed(verify.run(job, n_processes=1, resume=True)) == len(inputs)
    kept.write_text(kept.read_text().replace(*change))
    assert n_resumed(verify.run(job, n_processes=1, resume=True)) == 0
