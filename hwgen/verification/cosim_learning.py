"""Lessons in a Verilog simulator: a few samples, everything compared; the half outside of it.

The half inside is `sim/tb_learning.py`.
"""

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from hwgen.data.labelled import Samples
from hwgen.errors import ToolError
from hwgen.files import save_array, write_atomic
from hwgen.hdl.verilog import TOP, to_verilog
from hwgen.network import params_file
from hwgen.network.design import Design
from hwgen.network.params import Params
from hwgen.progress import Progress
from hwgen.toolchain.simulator import Simulator, waveform
from hwgen.verification.cosim import simulate
from hwgen.verification.learning_result import LearningResult, verdict

BENCH = "tb_learning"


def run(
    params: Params,
    samples: Samples,
    *,
    lanes: Sequence[int],
    build_dir: Path,
    simulator: Simulator = "icarus",
    stall: float = 0.2,
    seed: int = 0,
    spram: bool = False,
    verilog: str | None = None,
    on_progress: Progress | None = None,
) -> LearningResult:
    """Compare a core that learns with golden's student; see `LearningResult`.

    `spram`: as of `SpikeCore`. `verilog` replaces the generated text (to plant a fault). A mismatch
    is reported, not raised: see `check`; it is run again to record a waveform. Raises `ToolError`.
    """
    n, design = len(samples.inputs), Design(params, tuple(lanes))
    if not n:
        raise ToolError("cosim: no samples given: nothing would be compared; give at least one")
    build_dir = build_dir.resolve()
    build_dir.mkdir(parents=True, exist_ok=True)
    passes = [
        {"every": 1, "stall": stall, "seed": seed},
        {"every": n, "stall": 0.0, "seed": seed},
    ]
    write_atomic(
        build_dir / "core.v", verilog or to_verilog(design.all_loaded() if spram else design)
    )
    write_atomic(build_dir / "job.json", json.dumps({"lanes": list(lanes), "passes": passes}))
    params_file.save(params, build_dir / "params.safetensors")
    save_array(build_dir / "inputs.npy", samples.inputs)
    save_array(build_dir / "labels.npy", samples.labels)
    started = time.monotonic()
    result = verdict(
        params,
        samples,
        simulate(BENCH, build_dir, simulator, on_progress, n_total=len(passes) * n),
        bench=simulator,
        lanes=tuple(lanes),
        stall=stall,
        seed=seed,
        every=1,
        seconds=time.monotonic() - started,
    )
    if result.mismatch:
        with suppress(ToolError):  # the verdict stands, with or without a picture of it
            simulate(BENCH, build_dir, simulator, None, waves=True)
        path = str(waveform(build_dir, TOP) or "")
        result = replace(result, mismatch=replace(result.mismatch, waveform=path))
    return result
