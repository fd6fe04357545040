"""Co-simulation, the half outside the simulator: build, start cocotb, read the verdict.

The half inside is `sim/tb_core.py`, or, for learning, `sim/tb_learning.py`. Each pass streams
samples from reset: once with random stalls on both ends and all of it compared; once at full speed,
which gives the cycle counts.
"""

import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

from hwgen.errors import ToolError
from hwgen.files import exclusive
from hwgen.hdl.verilog import TOP
from hwgen.progress import SILENT, Reporter
from hwgen.toolchain.simulator import Simulator, run_bench, waveform
from hwgen.verification.job import Job
from hwgen.verification.result import EqualityResult, verdict

BENCH, LEARNING_BENCH = "tb_core", "tb_learning"


def run(
    job: Job, simulator: Simulator = "icarus", *, reporter: Reporter = SILENT
) -> EqualityResult:
    """Compare a core with golden in a Verilog simulator.

    `reporter` hears the number of samples done and to do, of all passes. A mismatch is
    reported, not raised: see `check`; it is run again to record a waveform. Raises `ToolError` if
    the simulator fails or compares nothing, `HwgenError` if another run works in the folder.
    """
    job.require_samples("cosim")
    job.require_no_fill("cosim")
    with exclusive(job.build_dir):
        job.write(job.text())
        started = time.monotonic()
        outcome = simulate(job, simulator, reporter)
        result = verdict(job, simulator, outcome, seconds=time.monotonic() - started)
        if result.mismatch:
            with suppress(ToolError):  # the verdict stands, with or without a picture of it
                simulate(job, simulator, waves=True)
            path = str(waveform(job.build_dir, TOP) or "")
            result = replace(result, mismatch=replace(result.mismatch, waveform=path))
        return result


def simulate(
    job: Job, simulator: Simulator, reporter: Reporter = SILENT, *, waves: bool = False
) -> list[dict[str, Any]]:
    """What a bench of `sim/` reports of each pass of a job that has been written."""
    result = run_bench(
        LEARNING_BENCH if job.learns else BENCH,
        top=TOP,
        sources=[job.build_dir / "core.v"],
        job_dir=job.build_dir,
        simulator=simulator,
        waves=waves,
        n_total=job.n_in_all,
        reporter=reporter,
    )
    passes: list[dict[str, Any]] = result["passes"]
    return passes
