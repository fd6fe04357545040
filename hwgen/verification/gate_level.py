"""The design behind its pins against golden: as RTL, as a netlist, and read back from a bitstream.

Samples go in and answers come out over the simulated serial line; the half inside the simulator is
`sim/tb_top.py`. Netlist and bitstream hold the weights as initial contents of block RAMs, so
this also proves that the tools kept each of them.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hwgen.boards.board import Board, Family
from hwgen.build.synthesis import NAME, SynthResult
from hwgen.errors import MismatchError, ToolError
from hwgen.files import exclusive, write_atomic
from hwgen.hdl.top import TOP, uart_verilog
from hwgen.network.design import Design
from hwgen.network.params import Params
from hwgen.package_data import package_data
from hwgen.toolchain import tools
from hwgen.toolchain.simulator import run_bench
from hwgen.verification.job import write_folder

Level = Literal["rtl", "netlist", "bitstream"]
# Models of yosys without function, or not of Verilog-2005 and never in a netlist.
_NOT_SIMULATED: dict[Family, tuple[str, ...]] = {
    "ice40": ("SB_PLL40_PAD", "SB_PLL40_CORE"),
    "ecp5": ("DP16KD", "TRELLIS_COMB"),
    "gowin": ("SP", "SPX9", "rPLL"),
}


@dataclass(frozen=True, kw_only=True)
class GateSimResult:
    """All equal: a difference is raised as `MismatchError`."""

    digest: str
    level: Level
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


@dataclass(frozen=True)
class _Job:
    """A design to simulate; `divisor`: cycles a bit of its serial line."""

    level: Level
    top: str
    sources: tuple[Path, ...]
    pins: _Pins
    divisor: int
    early_exit: bool
    lanes: tuple[int, ...]


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
    write_atomic(source, uart_verilog(Design(params, tuple(lanes)), divisor, early_exit=early_exit))
    pins = _Pins(clock="clk", rx="rx", tx="tx", reset="rst")
    job = _Job("rtl", TOP, (source,), pins, divisor, early_exit, tuple(lanes))
    return _run(params, inputs, job, job_dir)


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
    build_dir, stem = built.netlist.parent, f"{built.netlist.stem}.gates.v"
    _same_params(params, built)
    script = f"read_json {built.netlist.name}; write_verilog -noattr {stem}"
    tools.run([tools.find("yosys"), "-q", "-p", script], cwd=build_dir, log=build_dir / "gates.log")
    return _run_gates("netlist", build_dir / stem, params, inputs, built, board, job_dir)


def run_bitstream(
    params: Params,
    inputs: NDArray[np.uint8],
    *,
    built: SynthResult,
    board: Board,
    job_dir: Path,
) -> GateSimResult:
    """Simulate what is in the bitstream itself: tables, routing and memories as the part sees them.

    An iCE40 only: there is a tool that turns its configuration back into Verilog.
    """
    if board.family != "ice40":
        raise ToolError(f"gatesim: a bitstream for {board.family} cannot be read back; use netlist")
    build_dir, image = built.bitstream.parent, built.bitstream.name
    _same_params(params, built)
    unpack = [tools.find("iceunpack"), image, "back.asc"]
    tools.run(unpack, cwd=build_dir, log=build_dir / "iceunpack.log")
    # It writes the Verilog to its console.
    text_path = build_dir / "back.log"
    back = [tools.find("icebox_vlog"), "-p", f"{NAME}.pcf", "back.asc"]
    tools.run(back, cwd=build_dir, log=text_path)
    text = text_path.read_text(encoding="utf-8")
    write_atomic(build_dir / "back.v", text.replace("module chip", f"module {NAME}", 1))
    return _run_gates("bitstream", build_dir / "back.v", params, inputs, built, board, job_dir)


def _same_params(params: Params, built: SynthResult) -> None:
    if built.digest != params.digest:
        raise MismatchError(
            f"{built.bitstream}: built from params {built.digest[:16]!r}, expected "
            f"{params.digest[:16]!r}; build it again"
        )


def _run_gates(
    level: Level,
    source: Path,
    params: Params,
    inputs: NDArray[np.uint8],
    built: SynthResult,
    board: Board,
    job_dir: Path,
) -> GateSimResult:
    models = job_dir / "cells.v"
    write_atomic(models, cell_models(board.family))
    clock = board.make_platform().default_clk
    line = f"uart_{board.uart.resource}"
    pins = _Pins(clock=f"{clock}_0__io", rx=f"{line}__rx__io", tx=f"{line}__tx__io", reset=None)
    job = _Job(level, NAME, (source, models), pins, built.divisor, built.early_exit, built.lanes)
    return _run(params, inputs, job, job_dir)


def cell_models(family: Family) -> str:
    """Verilog models of a family's cells: those of yosys, and ours where it has none."""
    folder = tools.yosys_share() / family
    text = _with_includes(folder / "cells_sim.v", set())
    for name in _NOT_SIMULATED[family]:
        text = re.sub(rf"\bmodule {name}\b.*?\bendmodule\b", "", text, flags=re.DOTALL)
    ours = [package_data("sim") / name for name in (f"{family}_memory.v", "pll.v")]
    return text + "".join(path.read_text(encoding="utf-8") for path in ours if path.is_file())


def _with_includes(path: Path, seen: set[str]) -> str:
    """The text with each included file in place of its first mention."""

    def included(match: re.Match[str]) -> str:
        if match[1] in seen:
            return ""
        seen.add(match[1])
        return _with_includes(path.parent / match[1], seen)

    return re.sub(r'`include "([^"]+)"', included, path.read_text(encoding="utf-8"))


def _run(params: Params, inputs: NDArray[np.uint8], job: _Job, job_dir: Path) -> GateSimResult:
    if not len(inputs):
        raise ToolError("gatesim: no samples given: nothing would be compared; give at least one")
    start = time.monotonic()
    bench_job = asdict(job.pins) | {
        "divisor": job.divisor,
        "early_exit": job.early_exit,
        "lanes": job.lanes,
    }
    with exclusive(job_dir):
        write_folder(job_dir, params, inputs, bench_job)
        result = run_bench(
            "tb_top",
            top=job.top,
            sources=job.sources,
            job_dir=job_dir,
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
        level=job.level,
        n_samples=len(inputs),
        n_compared=result["n_compared"],
        seconds=time.monotonic() - start,
    )
