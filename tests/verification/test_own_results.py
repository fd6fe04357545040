"""A verdict is of the run that was asked for: never of another core, model or moment."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from jobs import inference, twice
from samples import random_params, random_spike_times
from typer.testing import CliRunner

from hwgen.cli import app
from hwgen.errors import HwgenError, ResultsError, ToolError
from hwgen.files import exclusive
from hwgen.model.folder import ModelFolder
from hwgen.network import params_file
from hwgen.report import results
from hwgen.toolchain import simulator
from hwgen.verification import cosim, verify, worker

LANES = (4, 3)
ONE, OTHER = (random_params(seed, (12, 9, 4), 4) for seed in (3, 4))


@pytest.fixture(scope="module")
def inputs():
    return random_spike_times(4, 3, ONE)


@pytest.mark.parametrize("run", [cosim.run, verify.run])
def test_two_runs_do_not_share_a_folder(inputs, tmp_path, run):
    job = inference(ONE, inputs, LANES, tmp_path / "work")
    with (
        exclusive(tmp_path / "work"),
        ThreadPoolExecutor(1) as elsewhere,
        pytest.raises(HwgenError, match="work: another run of hwgen is at work"),
    ):
        elsewhere.submit(run, job).result()
    assert not (tmp_path / "work" / "job.json").exists()


def test_models_of_one_name_side_by_side(tmp_path, monkeypatch):
    """In the default folder, started together: each verdict has the digest of its own model."""
    assert ONE.name == OTHER.name
    monkeypatch.chdir(tmp_path)
    for folder, params in (("one", ONE), ("other", OTHER)):
        params_file.save(params, tmp_path / folder / "params.safetensors")
        times = random_spike_times(4, 3, params)
        results_of = SimpleNamespace(inputs=times, labels=np.zeros(3, np.uint8))
        write_vectors(params, results_of, tmp_path / folder)
    command = [sys.executable, "-m", "hwgen", "cosim"]
    running = [
        subprocess.Popen(
            [*command, folder, "--samples", "3", "--json"], stdout=subprocess.PIPE, text=True
        )
        for folder in ("one", "other")
    ]
    told = [json.loads(process.communicate(timeout=300)[0]) for process in running]
    assert [table["digest"] for table in told] == [ONE.digest, OTHER.digest]
    assert [table["n_mismatches"] for table in told] == [0, 0]
    cores = {path.read_text() for path in tmp_path.glob("build/*/core.v")}
    assert len(cores) == 2


def write_vectors(params, given, folder):
    from hwgen.conformance.make_vectors import vectors
    from hwgen.model import vectors as vectors_file

    made = vectors(params, given.inputs, given.labels)
    vectors_file.save(made, ModelFolder(folder).vectors_path)


def test_a_result_of_another_run_is_refused(inputs, tmp_path, monkeypatch):
    """Somebody else's bench, started before the lock was known, writes into the folder."""
    popen = subprocess.Popen

    class Foreign(popen):
        def poll(self):
            status = super().poll()
            path = tmp_path / "result.json"
            if status is not None:
                path.write_text(json.dumps(json.loads(path.read_text()) | {"run": "0" * 32}))
            return status

    monkeypatch.setattr(simulator.subprocess, "Popen", Foreign)
    with pytest.raises(ToolError, match=r"result\.json: is of another run"):
        cosim.run(twice(ONE, inputs, LANES, tmp_path))


def test_chunks_of_another_job_are_refused(inputs, tmp_path):
    job = inference(ONE, inputs, LANES, tmp_path)
    verify.run(job)
    with pytest.raises(ToolError, match="another job was written here meanwhile"):
        list(worker.run(tmp_path, "0" * 64, [(0, 1)], 1))


def test_jobs_differ_by_all_that_they_are(inputs, tmp_path):
    """Also by Verilog and labels, which job.json does not hold."""
    plain = inference(ONE, inputs, LANES, tmp_path)
    ids = [
        plain.write("module a;")["id"],
        plain.write("module b;")["id"],
        inference(OTHER, inputs, LANES, tmp_path).write("module a;")["id"],
        inference(ONE, inputs, (1, 1), tmp_path).write("module a;")["id"],
        inference(ONE, inputs[:2], LANES, tmp_path).write("module a;")["id"],
    ]
    assert len(set(ids)) == len(ids)
    assert plain.write("module a;")["id"] == ids[0]


def test_a_card_is_not_written_from_another_run(inputs, tmp_path):
    """The model was trained anew while the core was compared."""
    folder = ModelFolder(tmp_path / "m")
    params_file.save(ONE, folder.params_path)
    result = cosim.run(twice(ONE, inputs, LANES, tmp_path / "work"))
    params_file.save(OTHER, folder.params_path)
    with pytest.raises(ResultsError, match=f"holds {OTHER.digest[:16]} now, but the result is of"):
        results.record(folder, result)
    assert not folder.card_path.exists()
    assert not (folder.path / results.RESULTS).exists()
    params_file.save(ONE, folder.params_path)
    results.record(folder, result)
    assert ONE.digest[:16] in (folder.path / results.RESULTS).read_text()


def test_record_of_a_file_without_a_card_is_refused_before_the_work(tmp_path):
    params_file.save(ONE, tmp_path / "x.safetensors")
    found = CliRunner().invoke(app, ["cosim", str(tmp_path / "x.safetensors"), "--record"])
    assert isinstance(found.exception, ResultsError)
