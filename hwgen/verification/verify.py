"""A whole test set through the compiled core: every spike, potential, decision, counter compared.

The Verilog becomes machine code (`hwgen.toolchain.cxxrtl`). Samples go through it in chunks, each
from reset, in several processes (`hwgen.verification.worker`); finished chunks are kept in the
build folder, so a run can be resumed. Training samples come in order: one process gives them, and
all weights are compared, too (`hwgen.verification.learning_worker`).
"""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hwgen.errors import ToolError
from hwgen.files import exclusive, verify_checksum, with_checksum, write_atomic
from hwgen.progress import SILENT, Reporter
from hwgen.reading import regular
from hwgen.verification import compiled_core
from hwgen.verification import worker as work
from hwgen.verification.job import Job
from hwgen.verification.result import EqualityResult, Speed, verdict

CHUNK = 100  # samples: seconds of work, and longer than the core remembers anything
DONE = "done.json"


def run(
    job: Job,
    *,
    n_processes: int | None = None,
    resume: bool = False,
    reporter: Reporter = SILENT,
) -> EqualityResult:
    """Compare a core with golden, both as machine code. Of inference, a job has one pass.

    `n_processes`: as many as there are cores, by default; one if it learns. `resume`: chunks
    that an earlier run, of the same job, has found equal are not run again. A mismatch is reported,
    not raised: see `check`. Raises `ToolError`, `HwgenError` if another run works in the folder.
    """
    job.require_samples("verify")
    job.require_no_fill("verify")
    with exclusive(job.build_dir):
        started = time.monotonic()
        reporter.phase("Verilog")
        text = job.text()
        library = compiled_core.library(text, job.params.spec.layers, reporter=reporter)
        compiled = time.monotonic()
        written = job.write(text, library=library)
        reporter.phase("compare")
        if job.learns:
            outcome = _learning(job.build_dir, reporter)
            return verdict(job, "cxxrtl", outcome, seconds=time.monotonic() - started)
        (only,) = job.passes
        n, n_processes = only.n_samples or 0, n_processes or os.cpu_count() or 1
        done = _Done(job.build_dir / DONE, written, resume)
        n_resumed = done.n_samples
        results = _chunks(job.build_dir, n, done, n_processes, reporter)
        speed = Speed(
            n_resumed=n_resumed,
            golden_images_per_s=_n_samples(results) / sum(result["golden_s"] for result in results),
            core_images_per_s=_n_samples(results) / sum(result["core_s"] for result in results),
            n_processes=n_processes,
            compile_s=compiled - started,
        )
        seconds = time.monotonic() - started
        return verdict(job, "cxxrtl", [_joined(results)], seconds=seconds, speed=speed)


def _n_samples(results: Sequence[dict[str, Any]]) -> int:
    return sum(result["stop"] - result["start"] for result in results)


class _Done:
    """Chunks found equal, kept in a file. Those of another job are forgotten."""

    def __init__(self, path: Path, job: dict[str, Any], resume: bool) -> None:
        self._path, self._job = path, job
        self.results: list[dict[str, Any]] = []
        if resume:  # else what is kept is written over by the first new result
            try:
                kept = verify_checksum(json.loads(regular(path).read_text()))
                self.results = kept["results"] if kept["job"] == job else []
            except (OSError, ValueError, KeyError, RecursionError):  # none yet, or damaged
                self.results = []

    @property
    def n_samples(self) -> int:
        return _n_samples(self.results)

    @property
    def job_id(self) -> str:
        return str(self._job["id"])

    @property
    def starts(self) -> set[int]:
        return {result["start"] for result in self.results}

    def add(self, result: dict[str, Any]) -> None:
        self.results.append(result)
        kept = {"job": self._job, "results": self.results}
        write_atomic(self._path, json.dumps(with_checksum(kept)))


def _chunks(
    job_dir: Path, n: int, done: _Done, n_processes: int, reporter: Reporter
) -> list[dict[str, Any]]:
    """Results of all chunks of n samples, or of those until a mismatch."""
    chunks = [(start, min(start + CHUNK, n)) for start in range(0, n, CHUNK)]
    left = [chunk for chunk in chunks if chunk[0] not in done.starts]
    results = list(done.results)
    for result in work.run(job_dir, done.job_id, left, n_processes):
        results.append(result)
        if not result["mismatch"]:
            done.add(result)
        reporter.advance(_n_samples(results), n)
    return results


def _joined(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Chunks as one pass, as `verdict` takes it."""
    ordered = sorted(results, key=lambda result: int(result["start"]))
    kinds = ordered[0]["n_compared"]
    ranges = [np.arange(result["start"], result["stop"]) for result in ordered]
    return {
        "n_compared": {kind: sum(x["n_compared"][kind] for x in ordered) for kind in kinds},
        "n_mismatches": sum(result["n_mismatches"] for result in ordered),
        "mismatch": next((x["mismatch"] for x in ordered if x["mismatch"]), None),
        "decisions": [label for result in ordered for label in result["decisions"]],
        "undecided": [flag for result in ordered for flag in result["undecided"]],
        "latency_cycles": [cycle for result in ordered for cycle in result["latency_cycles"]],
        "n_cycles": sum(result["n_cycles"] for result in ordered),
        "samples": np.concatenate(ranges).tolist(),
    }


def _learning(job_dir: Path, reporter: Reporter) -> list[dict[str, Any]]:
    """What the process that trains answers of each pass."""
    log = job_dir / "beside.log"
    with (
        log.open("wb") as errors,
        work.child_process("hwgen.verification.learning_worker", job_dir, errors) as child,
    ):
        try:
            assert child.stdout is not None
            for line in child.stdout:
                answer = json.loads(line)
                if "error" in answer:
                    raise ToolError(answer["error"])
                if "passes" in answer:
                    passes: list[dict[str, Any]] = answer["passes"]
                    return passes
                reporter.advance(answer["done"], answer["total"])
        finally:
            child.kill()
    raise ToolError(f"the process of verify died (status {child.wait()}); see {log}")
