"""From parameters to a bitstream: elaborate, synthesise, place and route, pack.

Amaranth's platform prepares the files and the commands; they are run one by one here, so that a
design that does not fit is refused with numbers before the long part, and so that no programmer
tool is needed. Everything is written to the build folder, and stays there.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hwgen.boards import pll
from hwgen.boards.board import BITSTREAM_SUFFIX, Board
from hwgen.build import origin
from hwgen.build.placement import Placed, Router, Seeds, place
from hwgen.build.utilisation import Resources, Usage, from_cells, read_report
from hwgen.errors import BoardError, ToolError
from hwgen.estimate import memories
from hwgen.files import exclusive
from hwgen.hdl.bus.words import MAX_CLASSES
from hwgen.hdl.core import SpikeCore
from hwgen.hdl.top import BoardTop
from hwgen.network.design import Design
from hwgen.network.params import Params
from hwgen.progress import SILENT, Reporter
from hwgen.shown import Shown
from hwgen.toolchain import tools

NAME = "top"  # of the design, and the stem of its files
_NEW = "new"  # stem of the bitstream while it is written
PHASES = ("elaborate", "synthesise", "place and route", "pack")
_NETLIST = {"ice40": ".json", "ecp5": ".json", "gowin": ".syn.json"}
_NOT_NEEDED = ("dfu-suffix",)  # a platform's commands that are the programmer's business


@dataclass(frozen=True, kw_only=True)
class SynthResult(Shown):
    """A routed design. `fmax_hz` is that of the slowest clock, at worst-case conditions;
    `clock_hz` is the core's clock, of the board or of its PLL."""

    digest: str
    board: str
    part: str
    lanes: tuple[int, ...]
    early_exit: bool
    divisor: int  # clock cycles a bit of the serial line
    bitstream: Path
    netlist: Path
    log: Path
    luts: Usage
    ffs: Usage
    brams: Usage
    sprams: Usage
    dsps: Usage
    fmax_hz: int
    clock_hz: int
    seed: int  # of the placer
    seconds: float
    loaded_layers: tuple[int, ...] = ()  # weights in SPRAM, which a host loads

    def usages(self) -> list[tuple[str, Usage]]:
        """Resources with their names, for display."""
        return [
            ("LUTs", self.luts),
            ("flip-flops", self.ffs),
            ("block RAMs", self.brams),
            ("SPRAM blocks", self.sprams),
            ("DSPs", self.dsps),
        ]

    def to_json(self) -> dict[str, Any]:
        """A table of plain values; paths are strings."""
        table = asdict(self)
        return {key: str(v) if isinstance(v, Path) else v for key, v in table.items()}


def build(
    design: Design,
    board: Board,
    *,
    build_dir: Path,
    early_exit: bool = False,
    divisor: int | None = None,
    clock_hz: int | None = None,
    seeds: Seeds = Seeds(),  # noqa: B008
    reporter: Reporter = SILENT,
) -> SynthResult:
    """Make a bitstream in `build_dir`.

    divisor: clock cycles a bit of the serial line (default: from the board's baud rate; small ones
    make simulation fast). clock_hz: what a PLL shall make of the board's clock (default: that clock
    as it is); the result has what it makes. seeds: of the placer, which are tried until the clock
    is met. reporter: told each of `PHASES`. Raises `BoardError` if the design does not fit the
    board or its clock, `ToolError` if a tool is missing or fails.

    early_exit: level of the core's input, for good. Files stay in `build_dir` after a failure, too:
    the messages name its logs. Raises `HwgenError` if another run works in the folder.
    """
    start, params = time.monotonic(), design.params
    _require_room(params, board)
    clock = pll.find(board, clock_hz) if clock_hz and clock_hz != board.clock_hz else None
    core_hz = clock.output_hz if clock else board.clock_hz
    # Of the real clock: what a PLL makes is near to what was wished, but not equal.
    divisor = divisor or board.divisor(core_hz)
    build_dir = build_dir.resolve()
    with exclusive(build_dir):
        reporter.phase(PHASES[0])
        top = BoardTop(SpikeCore(design), board, divisor=divisor, early_exit=early_exit, pll=clock)
        subject = f"{board.name}: {params.spec.shape}"
        placed, bitstream = _implement(top, subject, board, build_dir, core_hz, seeds, reporter)
        origin.write(bitstream, params, board)
    return SynthResult(
        digest=params.digest,
        board=board.name,
        part=board.part,
        lanes=design.lanes,
        early_exit=early_exit,
        divisor=divisor,
        bitstream=bitstream,
        netlist=build_dir / f"{NAME}{_NETLIST[board.family]}",
        log=build_dir / f"{NAME}.tim",
        **_counts(placed.used),
        fmax_hz=placed.fmax_hz,
        clock_hz=core_hz,
        seed=placed.seed,
        seconds=time.monotonic() - start,
        loaded_layers=() if design.learns else design.loaded_layers,
    )


def _implement(
    top: BoardTop,
    subject: str,
    board: Board,
    build_dir: Path,
    core_hz: int,
    seeds: Seeds,
    reporter: Reporter,
) -> tuple[Placed, Path]:
    """Synthesise, place and route, pack; the placement, and the bitstream."""
    commands = _prepare(top, board, build_dir, core_hz)
    reporter.phase(PHASES[1])
    _run(commands[0], build_dir, f"{NAME}.rpt")
    counted = from_cells(read_report(build_dir / f"{NAME}.stat.json"), board)
    # Before place and route, which takes minutes, and fails with less to say.
    counted.check(subject)
    reporter.phase(PHASES[2])
    router = Router(
        subject=subject,
        board=board,
        command=commands[1],
        folder=build_dir,
        stem=NAME,
        run=lambda command: _run(command, build_dir, f"{NAME}.tim"),
    )
    placed = place(router, seeds, core_hz, counted, reporter)
    # nextpnr lets it pass, so that the message can say by how much, and what would help.
    if placed.fmax_hz < core_hz:
        raise _too_slow(subject, placed, core_hz, build_dir, seeds, pll=core_hz != board.clock_hz)
    reporter.phase(PHASES[3])
    return placed, _pack(commands[2:], build_dir, board)


def _require_room(params: Params, board: Board) -> None:
    """Raise `BoardError` for what no lanes and no seed can mend."""
    memories.check_memory(params, board)
    if params.spec.n_classes > MAX_CLASSES:
        raise BoardError(
            f"{board.name}: {params.spec.n_classes} classes, but a serial answer has room for "
            f"{MAX_CLASSES}; use the core's Verilog with a link of your own"
        )


def _counts(used: Resources) -> dict[str, Usage]:
    return {
        "luts": used.lut,
        "ffs": used.ff,
        "brams": used.bram,
        "sprams": used.spram,
        "dsps": used.dsp,
    }


def _too_slow(
    subject: str, placed: Placed, core_hz: int, build_dir: Path, seeds: Seeds, *, pll: bool
) -> BoardError:
    whose, slower = ("the PLL's", "a slower clock, ") if pll else ("the board's", "")
    which = f" with seed {placed.seed}, the best of {seeds.count}" if seeds.count > 1 else ""
    return BoardError(
        f"{subject} is routed, but reaches {placed.fmax_hz / 1e6:.1f} MHz only{which}, and {whose} "
        f"clock is {core_hz / 1e6:g} MHz; use {slower}fewer lanes or more seeds (--seeds), see "
        f"{build_dir / NAME}.tim"
    )


def _pack(commands: Sequence[Sequence[str]], build_dir: Path, board: Board) -> Path:
    """The bitstream, which takes the place of an old one when it is whole."""
    suffix = BITSTREAM_SUFFIX[board.family]
    bitstream, written = (build_dir / f"{stem}{suffix}" for stem in (NAME, _NEW))
    for command in commands:
        words = [written.name if word == bitstream.name else word for word in command]
        _run(words, build_dir, None)
    if not written.is_file():
        raise ToolError(f"{bitstream}: not written by {commands[-1][0]}, though it said nothing")
    written.replace(bitstream)
    return bitstream


def _prepare(top: BoardTop, board: Board, build_dir: Path, core_hz: int) -> list[list[str]]:
    """Write the files of the design; return the commands of synthesis, routing and packing."""
    options = f"--report {NAME}.report.json --timing-allow-fail --seed 1"
    if board.family == "gowin":  # no file tells it the clock
        options += f" --freq {core_hz / 1e6:g}"
    plan = board.make_platform().prepare(
        top,
        NAME,
        emit_src=False,  # no path of this machine in the netlist
        script_after_synth=f"tee -q -o {NAME}.stat.json stat -json",
        # The clock is checked here, with numbers; nextpnr would only say that it failed.
        nextpnr_opts=options,
    )
    # The old one stays until there is another.
    bitstream = f"{NAME}{BITSTREAM_SUFFIX[board.family]}"
    for stale in [*build_dir.glob(f"{NAME}.*"), *build_dir.glob(f"{_NEW}.*")]:
        if stale.name not in (bitstream, origin.path_of(build_dir / bitstream).name):
            stale.unlink(missing_ok=True)
    plan.extract(build_dir)
    commands: list[list[str]] = json.loads(plan.files[f"{plan.script}.json"])["commands"]
    return [command for command in commands if command[0] not in _NOT_NEEDED]


def _run(command: Sequence[str], build_dir: Path, log: str | None) -> None:
    """Run a tool; its own log, if it writes one, is kept beside its console output."""
    tool, *arguments = command
    console = build_dir / f"{tool}.log"
    try:
        tools.run([tools.find(tool), *arguments], cwd=build_dir, log=console)
    except ToolError as error:
        own = build_dir / log if log else console
        raise ToolError(f"{error}" + (f" and {own}" if own.is_file() and log else "")) from None
