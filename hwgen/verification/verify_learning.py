"""Lessons in the compiled core: all weights after every sample, all else of every sample, compared.

The Verilog becomes machine code (`hwgen.toolchain.cxxrtl`), a process of its own gives the lessons
(`hwgen.verification.learning_worker`).
"""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hwgen.data.labelled import Samples
from hwgen.errors import ToolError
from hwgen.files import save_array, write_atomic
from hwgen.hdl.verilog import to_verilog
from hwgen.network import params_file
from hwgen.network.design import Design
from hwgen.network.params import Params
from hwgen.progress import Progress
from hwgen.verification import compiled_core
from hwgen.verification.learning_result import LearningResult, verdict
from hwgen.verification.worker import child_process


def run(
    params: Params,
    samples: Samples,
    *,
    lanes: Sequence[int],
    build_dir: Path,
    every: int = 1,
    stall: float = 0.0,
    seed: int = 0,
    spram: bool = False,
    verilog: str | None = None,
    on_phase: Callable[[str], None] = lambda phase: None,
    on_progress: Progress | None = None,
) -> LearningResult:
    """Compare a core that learns with golden's student; see `LearningResult`.

    `spram`: as of `SpikeCore`. `verilog` replaces the generated text (to plant a fault). A mismatch
    is reported, not raised: see `check`. Raises `ToolError`.
    """
    n, design = len(samples.inputs), Design(params, tuple(lanes))
    if not n:
        raise ToolError("verify: no samples given: nothing would be compared; give at least one")
    started = time.monotonic()
    on_phase("Verilog")
    text = verilog or to_verilog(design.all_loaded() if spram else design)
    library = compiled_core.library(text, params.spec.layers, on_phase=on_phase)
    passes = [
        {"every": every, "stall": stall, "seed": seed, "spram": spram},
        {"every": n, "stall": 0.0, "seed": seed, "spram": spram},
    ]
    build_dir = build_dir.resolve()
    job = {"library": str(library), "lanes": list(lanes), "passes": passes}
    write_atomic(build_dir / "job.json", json.dumps(job))
    params_file.save(params, build_dir / "params.safetensors")
    save_array(build_dir / "inputs.npy", samples.inputs)
    save_array(build_dir / "labels.npy", samples.labels)
    on_phase("compare")
    return verdict(
        params,
        samples,
        _give(build_dir, n, on_progress),
        bench="cxxrtl",
        lanes=tuple(lanes),
        stall=stall,
        seed=seed,
        every=every,
        seconds=time.monotonic() - started,
    )


def _give(job_dir: Path, n: int, on_progress: Progress | None) -> list[dict[str, Any]]:
    """What the process answers."""
    log = job_dir / "beside.log"
    with (
        log.open("wb") as errors,
        child_process("hwgen.verification.learning_worker", job_dir, errors) as child,
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
                if on_progress:
                    on_progress(answer["done"], n)
        finally:
            child.kill()
    raise ToolError(f"the process of verify died (status {child.wait()}); see {log}")
