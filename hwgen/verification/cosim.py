"""Co-simulation, the half outside the simulator: build, start cocotb, read the verdict.

The half inside is `sim/tb_core.py`. It streams samples twice: once with random stalls on both ends
and every spike, potential, decision and counter compared; once at full speed with early exit,
which gives the cycle counts, compared up to each decision.
"""

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import MismatchError, ToolError
from hwgen.files import save_array, write_atomic
from hwgen.hdl.verilog import TOP, to_verilog
from hwgen.network import params_file
from hwgen.network.design import Design
from hwgen.network.params import Params
from hwgen.progress import Progress
from hwgen.toolchain.simulator import Simulator, run_bench, waveform
from hwgen.verification.mismatch import Mismatch

BENCH = "tb_core"


@dataclass(frozen=True, kw_only=True)
class CosimResult:
    """Verdict of a run. `latency_cycles`: first token in to decision out, with early exit."""

    digest: str
    simulator: str
    lanes: tuple[int, ...]
    n_samples: int
    n_compared: int
    n_mismatches: int
    mismatch: Mismatch | None
    decisions: tuple[int, ...]  # of the hardware; equal to golden's if there is no mismatch
    latency_cycles: tuple[int, ...]
    cycles_per_sample: float  # samples back to back, with early exit
    seconds: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

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
    simulator: Simulator = "icarus",
    stall: float = 0.2,
    n_stalled: int | None = None,
    seed: int = 0,
    verilog: str | None = None,
    on_progress: Progress | None = None,
) -> CosimResult:
    """Compare a core with golden on input spike times uint8 [n, n_inputs].

    `n_stalled` samples, all by default, make the pass with stalls. `verilog` replaces the generated
    text (to plant a fault). `on_progress` is called with the number of samples done and to do. A
    mismatch is reported, not raised: see `check`; it is run again to record a waveform. Raises
    `ToolError` if the simulator fails or compares nothing.
    """
    if not len(inputs):
        raise ToolError("cosim: no samples given: nothing would be compared; give at least one")
    build_dir = build_dir.resolve()
    build_dir.mkdir(parents=True, exist_ok=True)
    n_stalled = len(inputs) if n_stalled is None else min(n_stalled, len(inputs))
    passes = [
        {"stall": stall, "early_exit": False, "n_samples": n_stalled},
        {"stall": 0.0, "early_exit": True, "n_samples": len(inputs)},
    ]
    job = {"lanes": list(lanes), "seed": seed, "passes": passes}
    write_atomic(build_dir / "core.v", verilog or to_verilog(Design(params, tuple(lanes))))
    write_atomic(build_dir / "job.json", json.dumps(job))
    params_file.save(params, build_dir / "params.safetensors")
    save_array(build_dir / "inputs.npy", inputs)
    started = time.monotonic()
    outcome = simulate(BENCH, build_dir, simulator, on_progress, n_total=n_stalled + len(inputs))
    mismatch = _mismatch(outcome, "")
    if mismatch:
        with suppress(ToolError):  # the verdict stands, with or without a picture of it
            simulate(BENCH, build_dir, simulator, None, waves=True)
        mismatch = _mismatch(outcome, str(waveform(build_dir, TOP) or ""))
    return _verdict(params, lanes, len(inputs), simulator, outcome, mismatch, started)


def _verdict(
    params: Params,
    lanes: Sequence[int],
    n_samples: int,
    simulator: str,
    outcome: list[dict[str, Any]],
    mismatch: Mismatch | None,
    started: float,
) -> CosimResult:
    n_compared = sum(sum(done["n_compared"].values()) for done in outcome)
    if not n_compared or (not mismatch and len(outcome) < 2):
        raise ToolError(f"cosim: the simulator ended after {n_compared} comparisons: not a verdict")
    fast = outcome[-1]
    return CosimResult(
        digest=params.digest,
        simulator=simulator,
        lanes=tuple(lanes),
        n_samples=n_samples,
        n_compared=n_compared,
        n_mismatches=int(mismatch is not None),
        mismatch=mismatch,
        decisions=tuple(fast["decisions"]),
        latency_cycles=tuple(fast["latency_cycles"]),
        cycles_per_sample=fast["n_cycles"] / n_samples,
        seconds=time.monotonic() - started,
    )


def simulate(
    bench: str,
    build_dir: Path,
    simulator: Simulator,
    on_progress: Progress | None,
    *,
    n_total: int = 0,
    waves: bool = False,
) -> list[dict[str, Any]]:
    """What a bench of `sim/` reports of each pass of the job in the folder, beside `core.v`."""
    result = run_bench(
        bench,
        top=TOP,
        sources=[build_dir / "core.v"],
        job_dir=build_dir,
        simulator=simulator,
        waves=waves,
        on_progress=on_progress,
        n_total=n_total,
    )
    passes: list[dict[str, Any]] = result["passes"]
    return passes


def _mismatch(outcome: list[dict[str, Any]], waveform: str) -> Mismatch | None:
    found = outcome[-1]["mismatch"]
    return replace(Mismatch(**found), waveform=waveform) if found else None
