"""A whole test set through the compiled core: every spike, potential, decision, counter compared.

The Verilog becomes machine code (`hwgen.toolchain.cxxrtl`); samples go through it in chunks, each
from reset (`hwgen.verification.worker`). Finished chunks are kept in the build folder, so a run can
be resumed.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import MismatchError, ToolError
from hwgen.files import save_array, sealed, unsealed, write_atomic
from hwgen.hdl.verilog import to_verilog
from hwgen.network import params_file
from hwgen.network.design import Design
from hwgen.network.params import Params
from hwgen.progress import Progress
from hwgen.verification import compiled_core
from hwgen.verification import worker as work
from hwgen.verification.mismatch import Mismatch

CHUNK = 100  # samples: seconds of work, and longer than the core remembers anything
DONE = "done.json"


@dataclass(frozen=True, kw_only=True)
class VerifyResult:
    """Verdict of a run. After a mismatch no further chunks are begun; it is the first there is.

    Cycles are of samples back to back; latency is from the first token in to the decision out.
    `..._images_per_s` are those of one process, without the other's time.
    """

    digest: str
    lanes: tuple[int, ...]
    early_exit: bool
    stall: float
    seed: int
    n_samples: int  # compared, those of an earlier run included
    n_resumed: int  # of an earlier run
    n_compared: int
    compared: dict[str, int]  # by kind
    n_mismatches: int
    mismatch: Mismatch | None
    n_correct: int | None  # of the core's decisions; None: the labels were not given
    cycles_per_sample: float
    latency_mean: float
    latency_worst: int
    golden_images_per_s: float
    core_images_per_s: float
    n_processes: int
    compile_s: float
    seconds: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def verdict(self) -> str:
        return f"{self.n_mismatches} mismatches of {self.n_compared} compared"

    def check(self) -> None:
        """Raise `MismatchError` unless everything compared was equal."""
        if self.mismatch:
            raise MismatchError(str(self.mismatch))


def run(
    params: Params,
    inputs: NDArray[np.uint8],
    *,
    lanes: Sequence[int],
    build_dir: Path,
    labels: NDArray[np.integer] | None = None,
    early_exit: bool = False,
    stall: float = 0.0,
    spell: int = 1,
    seed: int = 0,
    n_processes: int | None = None,
    resume: bool = False,
    verilog: str | None = None,
    on_phase: Callable[[str], None] = lambda phase: None,
    on_progress: Progress | None = None,
) -> VerifyResult:
    """Compare a core with golden on input spike times uint8 [n, n_inputs].

    `stall`, `spell`: see `Compiled.run`; with long spells, results wait until the whole core stops.
    `n_processes`: as many as there are cores, by default. `resume`: chunks that an earlier run, of
    the same core, inputs and options, has found equal are not run again. `verilog` replaces the
    generated text (to plant a fault). A mismatch is reported, not raised: see `check`.
    """
    if not len(inputs):
        raise ToolError("verify: no samples given: nothing would be compared; give at least one")
    started = time.monotonic()
    on_phase("Verilog")
    text = verilog or to_verilog(Design(params, tuple(lanes)))
    library = compiled_core.library(text, params.spec.layers, on_phase=on_phase)
    compiled = time.monotonic()
    build_dir = build_dir.resolve()
    job = {
        "library": str(library),
        "digest": params.digest,
        "lanes": list(lanes),
        "early_exit": early_exit,
        "stall": stall,
        "spell": spell,
        "seed": seed,
        "inputs": hashlib.sha256(inputs.tobytes()).hexdigest(),
    }
    write_atomic(build_dir / "job.json", json.dumps(job))
    params_file.save(params, build_dir / "params.safetensors")
    save_array(build_dir / "inputs.npy", inputs)
    n = len(inputs)
    chunks = [(start, min(start + CHUNK, n)) for start in range(0, n, CHUNK)]
    done = _Done(build_dir / DONE, job, resume)
    n_resumed = sum(result["stop"] - result["start"] for result in done.results)
    left = [chunk for chunk in chunks if chunk[0] not in done.starts]
    n_processes = n_processes or os.cpu_count() or 1
    on_phase("compare")
    results, n_done = list(done.results), n_resumed
    for result in work.run(build_dir, left, n_processes):
        results.append(result)
        if not result["mismatch"]:
            done.add(result)
        n_done += result["stop"] - result["start"]
        if on_progress:
            on_progress(n_done, n)
    return _verdict(
        results,
        labels,
        digest=params.digest,
        lanes=tuple(lanes),
        early_exit=early_exit,
        stall=stall,
        seed=seed,
        n_resumed=n_resumed,
        n_processes=n_processes,
        compile_s=compiled - started,
        seconds=time.monotonic() - started,
    )


class _Done:
    """Chunks found equal, kept in a file. Those of another job are forgotten."""

    def __init__(self, path: Path, job: dict[str, Any], resume: bool) -> None:
        self._path, self._job = path, job
        self.results: list[dict[str, Any]] = []
        if resume:  # else what is kept is written over by the first new result
            try:
                kept = unsealed(json.loads(path.read_text()))
                self.results = kept["results"] if kept["job"] == job else []
            except (OSError, ValueError, KeyError, RecursionError):  # none yet, or damaged
                self.results = []

    @property
    def starts(self) -> set[int]:
        return {result["start"] for result in self.results}

    def add(self, result: dict[str, Any]) -> None:
        self.results.append(result)
        kept = {"job": self._job, "results": self.results}
        write_atomic(self._path, json.dumps(sealed(kept)))


def _verdict(
    results: list[dict[str, Any]], labels: NDArray[np.integer] | None, **rest: Any
) -> VerifyResult:
    latency = np.concatenate([result["latency_cycles"] for result in results])
    n_samples = len(latency)
    ordered = sorted(results, key=lambda result: int(result["start"]))
    mismatch = next((result["mismatch"] for result in ordered if result["mismatch"]), None)
    kinds = results[0]["n_compared"]
    compared = {kind: sum(result["n_compared"][kind] for result in results) for kind in kinds}
    n_correct = None
    if labels is not None:
        n_correct = sum(
            int((labels[result["start"] : result["stop"]] == result["decisions"]).sum())
            for result in results
        )

    def total(name: str) -> float:
        return float(sum(result[name] for result in results))

    return VerifyResult(
        n_samples=n_samples,
        n_compared=sum(compared.values()),
        compared=compared,
        n_mismatches=int(total("n_mismatches")),
        mismatch=Mismatch(**mismatch) if mismatch else None,
        n_correct=n_correct,
        cycles_per_sample=total("n_cycles") / n_samples,
        latency_mean=float(latency.mean()),
        latency_worst=int(latency.max()),
        golden_images_per_s=n_samples / total("golden_s"),
        core_images_per_s=n_samples / total("core_s"),
        **rest,
    )
