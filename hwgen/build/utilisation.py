"""How much of a part a design uses: from yosys's cell counts, and from nextpnr's report."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from hwgen.boards.board import Board
from hwgen.errors import BoardError, ToolError

# nextpnr's names of what `Resources` counts.
_REPORT_NAMES = {
    "ice40": {
        "lut": "ICESTORM_LC",
        "bram": "ICESTORM_RAM",
        "spram": "ICESTORM_SPRAM",
        "dsp": "ICESTORM_DSP",
    },
    "ecp5": {"lut": "TRELLIS_COMB", "ff": "TRELLIS_FF", "bram": "DP16KD", "dsp": "MULT18X18D"},
    "gowin": {"lut": "LUT4", "ff": "DFF", "bram": "BSRAM", "dsp": "MULT18X18"},
}
# What else takes the place of tables, and of how many: a bit of an adder; memory of 16 words.
_AS_TABLES = {"ALU": 1, "RAM16SDP1": 6, "RAM16SDP2": 6, "RAM16SDP4": 6}
_GOWIN_BLOCKS = ("SP", "SPX9", "SDPB", "SDPX9B", "DPB", "DPX9B", "pROM", "pROMX9")
_TITLES = {
    "lut": "LUTs",
    "ff": "flip-flops",
    "bram": "block RAMs",
    "spram": "SPRAM blocks",
    "dsp": "DSPs",
}


@dataclass(frozen=True)
class Usage:
    """How many of a resource a design uses, and how many the board has."""

    used: int
    capacity: int

    def __str__(self) -> str:
        return f"{self.used} of {self.capacity}"


@dataclass(frozen=True, kw_only=True)
class Resources:
    """Tables, flip-flops, block RAMs, SPRAM blocks (iCE40UP), DSPs."""

    lut: Usage
    ff: Usage
    bram: Usage
    spram: Usage
    dsp: Usage

    def check(self, subject: str) -> None:
        """Raise `BoardError` naming all that is over; `subject` opens the message."""
        over = [
            f"{usage} {_TITLES[field.name]}"
            for field in fields(self)
            if (usage := getattr(self, field.name)).used > usage.capacity
        ]
        if over:
            raise BoardError(
                f"{subject} does not fit: {', '.join(over)}; "
                "use fewer lanes, a smaller network, or a larger board"
            )


def from_cells(stat_json: str, board: Board) -> Resources:
    """From the text of yosys's ``stat -json`` after synthesis.

    Exact for block RAMs and DSPs. LUTs are the least that packing can reach: tables, or
    flip-flops if there are more of them, as each takes the place of a table.

    Raises `ToolError` if the text cannot be read.
    """
    try:
        cells: Mapping[str, int] = json.loads(stat_json)["design"]["num_cells_by_type"]
    except (ValueError, KeyError, TypeError) as error:
        raise ToolError(f"yosys statistics cannot be read: {error!r}") from None

    def count(*names: str) -> int:
        return sum(cells.get(name, 0) for name in names)

    if board.family == "ice40":
        ff = sum(n for name, n in cells.items() if name.startswith("SB_DFF"))
        lut = max(count("SB_LUT4"), ff)
        bram = sum(n for name, n in cells.items() if name.startswith("SB_RAM40"))
        spram, dsp = count("SB_SPRAM256KA"), count("SB_MAC16")
    elif board.family == "gowin":
        ff = sum(n for name, n in cells.items() if name.startswith("DFF"))
        lut = sum(n for name, n in cells.items() if name.startswith("LUT"))
        lut += sum(n * count(name) for name, n in _AS_TABLES.items())
        bram, spram, dsp = count(*_GOWIN_BLOCKS), 0, count("MULT18X18")
    else:
        ff = count("TRELLIS_FF")
        # A carry cell is two tables, a 16 x 4 distributed memory is four.
        lut = count("LUT4") + 2 * count("CCU2C") + 4 * count("TRELLIS_DPR16X4")
        bram = count("DP16KD", "PDPW16KD")
        spram, dsp = 0, count("MULT18X18D")
    capacity = board.capacity
    return Resources(
        lut=Usage(lut, capacity.lut),
        ff=Usage(ff, capacity.lut),
        bram=Usage(bram, capacity.bram),
        spram=Usage(spram, capacity.spram),
        dsp=Usage(dsp, capacity.dsp),
    )


def read_report(path: Path) -> str:
    """What yosys or nextpnr has written. Raises `ToolError` if it has not."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ToolError(f"{path}: not written; nextpnr with --report is needed") from None


def from_report(report_json: str, board: Board, counted: Resources) -> tuple[Resources, int]:
    """Resources and the slowest clock's Fmax in Hz, from the text of nextpnr's ``--report``.

    What the report does not list (an iCE40's flip-flops) is taken from `counted`. A design whose
    clock nextpnr does not list is an error: nothing in it would be clocked.

    Raises `ToolError` if the text cannot be read, or lists no clock.
    """
    try:
        report: Mapping[str, Any] = json.loads(report_json)
        clocks = [float(clock["achieved"]) for clock in report["fmax"].values()]
        utilization: Mapping[str, Mapping[str, int]] = report["utilization"]
        values = {field.name: getattr(counted, field.name) for field in fields(counted)}
        for key, name in _REPORT_NAMES[board.family].items():
            if name in utilization:
                entry = utilization[name]
                values[key] = Usage(int(entry["used"]), int(entry["available"]))
        if board.family == "gowin":
            more = sum(
                n * int(utilization[name]["used"])
                for name, n in _AS_TABLES.items()
                if name in utilization
            )
            values["lut"] = Usage(values["lut"].used + more, values["lut"].capacity)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ToolError(f"nextpnr's report cannot be read: {error!r}") from None
    if not clocks:
        raise ToolError("nextpnr's report lists no clock: the design has no flip-flop left")
    return Resources(**values), int(min(clocks) * 1e6)
