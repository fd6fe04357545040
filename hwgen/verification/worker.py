"""The work of `hwgen verify`: chunks of samples through core and golden, in several processes.

`python -m hwgen.verification.worker JOB_DIR` is such a process: it reads lines "start stop" and
answers each by a line of JSON. It ends with its input, so nothing is left if the parent is killed.
A crash of the compiled core takes a process of its own, not the user's.
"""

import json
import os
import selectors
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from hwgen.errors import HwgenError, ToolError
from hwgen.golden import Golden
from hwgen.network import params_file
from hwgen.verification.compare import compare
from hwgen.verification.cxxrtl_session import Compiled
from hwgen.verification.mismatch import Mismatch
from hwgen.verification.passes import Pass

Chunk = tuple[int, int]  # samples start .. stop - 1
# The processes share the cores already.
_ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}


def run(
    job_dir: Path, job_id: str, chunks: Sequence[Chunk], n_processes: int
) -> Iterator[dict[str, Any]]:
    """Results of chunks, as they get ready; see `_Worker.run` for what a result holds.

    After a mismatch no chunk is begun, but those begun are finished. They are begun in order, so
    the first chunk with a mismatch is always among the results.
    The folder holds `params.safetensors`, `inputs.npy` and
    `job.json`, as `hwgen.verification.job` writes them, of one pass; `job_id` is the `id` in it.
    Raises `ToolError`, also if what comes back is of another job.
    """
    waiting = deque(chunks)
    log = job_dir / "chunks.log"
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        errors = stack.enter_context(log.open("wb"))
        for _ in range(min(n_processes, len(chunks))):
            child = stack.enter_context(child_process(__name__, job_dir, errors))
            stack.callback(child.kill)  # before its `__exit__` waits for it
            selector.register(child.stdout, selectors.EVENT_READ, child)  # type: ignore[arg-type]
            _ask(child, waiting.popleft())
        n_busy = len(chunks) - len(waiting)
        while n_busy:
            child = selector.select()[0][0].data
            answer = json.loads(child.stdout.readline() or "null")
            if answer is None:
                raise ToolError(f"a process of verify died (status {child.wait()}); see {log}")
            if "error" in answer:
                raise ToolError(answer["error"])
            if answer["job"] != job_id:
                raise ToolError(f"{job_dir}: another job was written here meanwhile; run again")
            if answer["mismatch"]:
                waiting.clear()
            if waiting:
                _ask(child, waiting.popleft())
            else:
                n_busy -= 1
            yield answer


def child_process(module: str, job_dir: Path, errors: IO[bytes]) -> subprocess.Popen[str]:
    """`python -m MODULE JOB_DIR`, its input and output by pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", module, str(job_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        env=os.environ | _ONE_THREAD,
        start_new_session=True,  # an interrupt from the keyboard is the parent's affair
    )


def _ask(child: subprocess.Popen[str], chunk: Chunk) -> None:
    assert child.stdin is not None
    try:
        child.stdin.write("{} {}\n".format(*chunk))
        child.stdin.flush()
    except BrokenPipeError:  # it has died: its output says so
        pass


class _Worker:
    """The child: the core and golden, loaded once."""

    def __init__(self, job_dir: Path) -> None:
        job = json.loads((job_dir / "job.json").read_text())
        self._job_id = job["id"]
        self._params = params_file.load(job_dir / "params.safetensors")
        self._inputs = np.load(job_dir / "inputs.npy", mmap_mode="r")
        self._golden = Golden(self._params)
        self._core = Compiled(Path(job["library"]), self._params, job["lanes"])
        (only,) = job["passes"]
        self._pass = Pass(**only)
        self._seed = job["seed"]

    def run(self, start: int, stop: int) -> dict[str, Any]:
        """What `compare` found in these samples, the core's decisions, cycles and times.

        `latency_cycles`: first token in to result out, of each sample.
        """
        inputs = np.array(self._inputs[start:stop])
        early_exit = self._pass.early_exit
        begin = time.perf_counter()
        trace = self._golden.run(inputs)
        middle = time.perf_counter()
        recording = self._core.run(
            inputs,
            stall=self._pass.stall,
            stall_burst=self._pass.stall_burst,
            seed=self._seed + start,
            early_exit=early_exit,
        )
        end = time.perf_counter()
        found = compare(self._params, inputs, trace, recording, early_exit=early_exit)
        latency = recording.decided.astype(np.int64) - recording.started.astype(np.int64)
        return {
            "job": self._job_id,
            "start": start,
            "stop": stop,
            "n_compared": found.n_compared,
            "n_mismatches": found.n_mismatches,
            "mismatch": asdict(_moved(found.mismatch, start)) if found.mismatch else None,
            "decisions": recording.labels.tolist(),
            "undecided": trace.undecided.tolist(),
            "latency_cycles": latency.tolist(),
            "n_cycles": recording.n_cycles,
            "golden_s": middle - begin,
            "core_s": end - middle,
        }


def _moved(mismatch: Mismatch, start: int) -> Mismatch:
    """With the number of the sample in the whole set."""
    return replace(mismatch, sample=mismatch.sample + start) if mismatch.sample >= 0 else mismatch


def _serve(job_dir: Path) -> None:
    worker = None
    for line in sys.stdin:
        try:
            worker = worker or _Worker(job_dir)
            answer = worker.run(*map(int, line.split()))
        except HwgenError as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
