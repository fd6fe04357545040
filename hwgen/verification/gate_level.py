"""The design behind its pins against golden: as RTL, as a netlist, and read back from a bitstream.

Samples go in and answers come out over the simulated serial line; the half inside the simulator is
`sim/tb_top.py`. Netlist and bitstream hold the weights as initial contents of block RAMs, so
this also proves that the tools kept each of them.
"""

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic

from hwgen.boards.board import Board, Family
from hwgen.build.synthesis import NAME, SynthResult
from hwgen.errors import ToolError
from hwgen.files import exclusive
from hwgen.hdl.top import TOP, uart_verilog
from hwgen.package_data import package_data
from hwgen.toolchain import tools
from hwgen.toolchain.simulator import Simulator, run_bench
from hwgen.verification.job import Job
from hwgen.verification.result import EqualityResult, Level, verdict

_SIMULATOR: Simulator = "icarus"
# Models of yosys without function, or not of Verilog-2005 and never in a netlist.
_NOT_SIMULATED: dict[Family, tuple[str, ...]] = {
    "ice40": ("SB_PLL40_PAD", "SB_PLL40_CORE"),
    "ecp5": ("DP16KD", "TRELLIS_COMB"),
    "gowin": ("SP", "SPX9", "rPLL"),
}


@dataclass(frozen=True, kw_only=True)
class _Pins:
    """Ports of the simulated module, and cycles a bit of its serial line. No `reset`: it resets
    itself at power-on."""

    clock: str
    rx: str
    tx: str
    reset: str | None
    divisor: int


def run_rtl(job: Job, *, divisor: int = 4) -> EqualityResult:
    """Compare `UartTop`, as Verilog, with golden.

    divisor: cycles a bit of its serial line. The job has one pass, of inference; it gives
    `early_exit`. A host fills the core if it waits for its weights. A mismatch is reported, not
    raised: see `check`. Raises ValueError of another job, `ToolError` if the simulator fails or
    there is nothing to compare, `HwgenError` if another run works in the folder.
    """
    _require_inference(job)
    early_exit = job.passes[0].early_exit
    text = job.verilog or uart_verilog(job.design, divisor, early_exit=early_exit)
    pins = _Pins(clock="clk", rx="rx", tx="tx", reset="rst", divisor=divisor)
    return _run("rtl", job, text, TOP, pins)


def run_netlist(job: Job, *, built: SynthResult, board: Board) -> EqualityResult:
    """Compare the netlist of a build with golden; the job as that of `run_rtl`, without `verilog`.

    A small divisor at build time keeps it short: a sample takes some 20 * divisor cycles a word.
    Raises as `run_rtl` does, `ToolError` if the build is that of another design.
    """
    _require_inference(job)
    _require_same(job, built)
    build_dir, stem = built.netlist.parent, f"{built.netlist.stem}.gates.v"
    script = f"read_json {built.netlist.name}; write_verilog -noattr {stem}"
    tools.run([tools.find("yosys"), "-q", "-p", script], cwd=build_dir, log=build_dir / "gates.log")
    gates = (build_dir / stem).read_text(encoding="utf-8")
    return _run_gates("netlist", job, gates, built, board)


def run_bitstream(job: Job, *, built: SynthResult, board: Board) -> EqualityResult:
    """Compare with golden what is in the bitstream itself: tables, routing and memories as the part
    sees them.

    An iCE40 only: there is a tool that turns its configuration back into Verilog. The job, and what
    is raised, as of `run_netlist`.
    """
    if board.family != "ice40":
        raise ToolError(f"gatesim: a bitstream for {board.family} cannot be read back; use netlist")
    _require_inference(job)
    _require_same(job, built)
    build_dir, image = built.bitstream.parent, built.bitstream.name
    unpack = [tools.find("iceunpack"), image, "back.asc"]
    tools.run(unpack, cwd=build_dir, log=build_dir / "iceunpack.log")
    # It writes the Verilog to its console.
    text_path = build_dir / "back.log"
    back = [tools.find("icebox_vlog"), "-p", f"{NAME}.pcf", "back.asc"]
    tools.run(back, cwd=build_dir, log=text_path)
    gates = text_path.read_text(encoding="utf-8").replace("module chip", f"module {NAME}", 1)
    return _run_gates("bitstream", job, gates, built, board)


def _require_inference(job: Job) -> None:
    """Raise for a job that the serial bench does not do as it says."""
    job.require_samples("gatesim")
    if job.learns:
        raise ValueError("gatesim: labels given, but this bench trains no core; give none")
    if len(job.passes) != 1 or job.passes[0].stall:
        raise ValueError(f"gatesim: expected one pass without stalls, got {list(job.passes)!r}")


def _require_same(job: Job, built: SynthResult) -> None:
    """Raise `ToolError` if the build is not what the verdict will be about."""
    design = job.design
    if job.verilog is not None:
        raise ValueError("gatesim: verilog given, but a build is compared as it is; give none")
    said = {
        "params": (built.digest, design.params.digest),
        "lanes": (built.lanes, design.lanes),
        # Of a core that learns, `build` names none.
        "loaded layers": (built.loaded_layers, () if design.learns else design.loaded_layers),
        "early exit": (built.early_exit, job.passes[0].early_exit),
    }
    for what, (found, expected) in said.items():
        if found != expected:
            raise ToolError(
                f"{built.bitstream}: built with {what} {found!r}, expected {expected!r}; "
                "build it again"
            )


def _run_gates(
    level: Level, job: Job, gates: str, built: SynthResult, board: Board
) -> EqualityResult:
    clock = board.make_platform().default_clk
    line = f"uart_{board.uart.resource}"
    pins = _Pins(
        clock=f"{clock}_0__io",
        rx=f"{line}__rx__io",
        tx=f"{line}__tx__io",
        reset=None,
        divisor=built.divisor,
    )
    return _run(level, job, gates + cell_models(board.family), NAME, pins)


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


def _run(level: Level, job: Job, text: str, top: str, pins: _Pins) -> EqualityResult:
    """Simulate module `top` of a Verilog text."""
    with exclusive(job.build_dir):
        job.write(text, pins=asdict(pins))
        started = monotonic()
        result = run_bench(
            "tb_top",
            top=top,
            sources=[job.build_dir / "core.v"],
            job_dir=job.build_dir,
            simulator=_SIMULATOR,
        )
        seconds = monotonic() - started
        return verdict(job, _SIMULATOR, result["passes"], seconds=seconds, level=level)
