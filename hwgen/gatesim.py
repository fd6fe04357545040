"""The design behind its pins against golden: as RTL, or as the netlist that was placed and routed.

Samples go in and answers come out over the simulated serial line; the half inside the simulator is
`sim/tb_top.py`. The netlist holds the weights as initial contents of memory blocks, so this also
proves that synthesis kept each of them.
"""

import json
import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hwgen import params as params_file
from hwgen import tools
from hwgen.board import Board, Family
from hwgen.errors import MismatchError, ToolError
from hwgen.files import write_atomic
from hwgen.hdl.top import TOP, uart_verilog
from hwgen.params import Params
from hwgen.share import share
from hwgen.simulate import run_bench
from hwgen.synth import NAME, SynthResult

# Models of yosys for the ECP5 without function, or not of Verilog-2005 and never in a netlist.
_NOT_SIMULATED = ("DP16KD", "TRELLIS_COMB")


@dataclass(frozen=True, kw_only=True)
class GateSimResult:
    """All equal: a difference is raised as `MismatchError`."""

    digest: str
    level: Literal["rtl", "netlist"]
    n_samples: int
    n_compared: int
    seconds: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class _Pins:
    """Ports of the simulated module. No `reset`: it resets itself at power-on."""

    clock: str
    rx: str
    tx: str
    reset: str | None


def run_rtl(
    params: Params,
    inputs: NDArray[np.uint8],
    *,
    lanes: Sequence[int],
    job_dir: Path,
    divisor: int = 4,
    early_exit: bool = False,
) -> GateSimResult:
    """Simulate `UartTop` as Verilog on input spike times uint8 [n, n_inputs]."""
    source = job_dir / "top.v"
    write_atomic(source, uart_verilog(params, lanes, divisor, early_exit=early_exit))
    pins = _Pins(clock="clk", rx="rx", tx="tx", reset="rst")
    return _run(params, inputs, TOP, [source], pins, divisor, early_exit, job_dir)


def run_netlist(
    params: Params,
    inputs: NDArray[np.uint8],
    *,
    built: SynthResult,
    board: Board,
    job_dir: Path,
) -> GateSimResult:
    """Simulate the netlist of a build on input spike times uint8 [n, n_inputs].

    A small divisor at build time keeps it short: a sample takes some 20 * divisor cycles a word.
    """
    if built.digest != params.digest:
        raise MismatchError(
            f"{built.netlist}: built from params {built.digest[:16]!r}, expected "
            f"{params.digest[:16]!r}; build it again"
        )
    job_dir.mkdir(parents=True, exist_ok=True)
    build_dir, stem = built.netlist.parent, f"{built.netlist.stem}.gates.v"
    script = f"read_json {built.netlist.name}; write_verilog -noattr {stem}"
    tools.run([tools.find("yosys"), "-q", "-p", script], cwd=build_dir, log=build_dir / "gates.log")
    models = job_dir / "cells.v"
    write_atomic(models, cell_models(board.family))
    clock = board.make_platform().default_clk
    line = f"uart_{board.uart.resource}"
    pins = _Pins(clock=f"{clock}_0__io", rx=f"{line}__rx__io", tx=f"{line}__tx__io", reset=None)
    sources = [build_dir / stem, models]
    return _run(params, inputs, NAME, sources, pins, built.divisor, built.early_exit, job_dir)


def cell_models(family: Family) -> str:
    """Verilog models of a family's cells: those of yosys, and ours where it has none."""
    folder = tools.yosys_share() / family
    text = _with_includes(folder / "cells_sim.v", set())
    if family == "ice40":
        return text
    for name in _NOT_SIMULATED:
        text = re.sub(rf"\bmodule {name}\b.*?\bendmodule\b", "", text, flags=re.DOTALL)
    return text + (share("sim") / "ecp5_memory.v").read_text(encoding="utf-8")


def _with_includes(path: Path, seen: set[str]) -> str:
    """The text with each included file in place of its first mention."""

    def included(match: re.Match[str]) -> str:
        if match[1] in seen:
            return ""
        seen.add(match[1])
        return _with_includes(path.parent / match[1], seen)

    return re.sub(r'`include "([^"]+)"', included, path.read_text(encoding="utf-8"))


def _run(
    params: Params,
    inputs: NDArray[np.uint8],
    top: str,
    sources: Sequence[Path],
    pins: _Pins,
    divisor: int,
    early_exit: bool,
    job_dir: Path,
) -> GateSimResult:
    if not len(inputs):
        raise ToolError("gatesim: no samples given: nothing would be compared; give at least one")
    start = time.monotonic()
    job = asdict(pins) | {"divisor": divisor, "early_exit": early_exit}
    write_atomic(job_dir / "job.json", json.dumps(job))
    params_file.save(params, job_dir / "params.safetensors")
    np.save(job_dir / "inputs.npy", inputs)
    result = run_bench(
        "tb_top",
        top=top,
        sources=sources,
        job_dir=job_dir,
        # Icarus cannot parse the default port values of yosys's iCE40 models.
        defines={"NO_ICE40_DEFAULT_ASSIGNMENTS": "1"},
    )
    if result["mismatch"] is not None:
        found = result["mismatch"]
        raise MismatchError(
            f"{found['what']} differs: sample {found['sample']}, expected {found['expected']}, "
            f"got {found['got']}; see {job_dir / 'sim.log'}"
        )
    if result["n_compared"] < 3 * len(inputs):
        raise ToolError(f"gatesim: {result['n_compared']} comparisons only: not a verdict")
    return GateSimResult(
        digest=params.digest,
        level="rtl" if pins.reset else "netlist",
        n_samples=len(inputs),
        n_compared=result["n_compared"],
        seconds=time.monotonic() - start,
    )
