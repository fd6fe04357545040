"""Reading what yosys and nextpnr say about a design."""

import dataclasses
import json

import pytest
from tool_output import (
    ECP5_CELLS,
    ECP5_REPORT,
    GOWIN_CELLS,
    GOWIN_REPORT,
    ICE40_CELLS,
    ICE40_REPORT,
)

from hwgen.boards import board
from hwgen.boards.board import Capacity
from hwgen.build import utilisation
from hwgen.build.utilisation import Usage
from hwgen.errors import BoardError, ToolError

ICEBREAKER, ULX3S = board.load("icebreaker"), board.load("ulx3s_25f")
TANG = board.load("tang_nano_9k")


def test_ice40_cells_and_report() -> None:
    counted = utilisation.from_cells(ICE40_CELLS, ICEBREAKER)
    assert counted.lut == Usage(1231, 5280)
    assert counted.ff == Usage(33 + 109 + 441 + 250, 5280)
    assert counted.bram == Usage(8, 30)
    used, fmax_hz = utilisation.from_report(ICE40_REPORT, ICEBREAKER, counted)
    assert used.lut == Usage(1670, 5280)
    assert used.ff == counted.ff
    assert (used.bram, used.spram, used.dsp) == (Usage(8, 30), Usage(0, 4), Usage(0, 8))
    assert fmax_hz == 25_180_036


def test_ecp5_cells_and_report() -> None:
    counted = utilisation.from_cells(ECP5_CELLS, ULX3S)
    assert counted.lut == Usage(1202 + 2 * 350 + 4 * 72, 24288)
    assert counted.bram == Usage(2, 56)
    used, fmax_hz = utilisation.from_report(ECP5_REPORT, ULX3S, counted)
    assert (used.lut, used.ff) == (Usage(2692, 24288), Usage(998, 24288))
    assert (used.bram, used.spram, used.dsp) == (Usage(2, 56), Usage(0, 0), Usage(0, 28))
    assert fmax_hz == 66_321_792


def test_gowin_cells_and_report() -> None:
    counted = utilisation.from_cells(GOWIN_CELLS, TANG)
    # Tables, bits of adders, distributed memories of six tables.
    assert counted.lut == Usage(57 + 179 + 294 + 584 + 434 + 6 * 18, 8640)
    assert counted.ff == Usage(25 + 93 + 260 + 447 + 4 + 33, 8640)
    assert (counted.bram, counted.spram, counted.dsp) == (Usage(2, 26), Usage(0, 0), Usage(0, 20))
    used, fmax_hz = utilisation.from_report(GOWIN_REPORT, TANG, counted)
    assert used.lut == Usage(1561 + 506 + 6 * 18, 8640)
    assert (used.ff, used.bram, used.dsp) == (Usage(862, 6480), Usage(2, 26), Usage(0, 20))
    assert fmax_hz == 74_861_503


def test_the_slowest_clock_counts() -> None:
    counted = utilisation.from_cells(ICE40_CELLS, ICEBREAKER)
    report = json.loads(ICE40_REPORT)
    report["fmax"]["other"] = {"achieved": 11.5, "constraint": 1}
    assert utilisation.from_report(json.dumps(report), ICEBREAKER, counted)[1] == 11_500_000


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"design": 3}'])
def test_unreadable_statistics(text: str) -> None:
    with pytest.raises(ToolError, match=r"^yosys statistics cannot be read: "):
        utilisation.from_cells(text, ICEBREAKER)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"^nextpnr's report cannot be read: "),
        ('{"fmax": {}}', r"^nextpnr's report cannot be read: KeyError\('utilization'\)$"),
        ('{"fmax": {}, "utilization": {}}', r"^nextpnr's report lists no clock: "),
    ],
)
def test_unreadable_report(text: str, message: str) -> None:
    counted = utilisation.from_cells(ICE40_CELLS, ICEBREAKER)
    with pytest.raises(ToolError, match=message):
        utilisation.from_report(text, ICEBREAKER, counted)


def test_all_that_is_over_is_named_at_once() -> None:
    small = Capacity(lut=1000, bram=7, bram_bits=4096)
    counted = utilisation.from_cells(ICE40_CELLS, dataclasses.replace(ICEBREAKER, capacity=small))
    with pytest.raises(BoardError) as caught:
        counted.check("it")
    assert str(caught.value) == (
        "it does not fit: 1231 of 1000 LUTs, 8 of 7 block RAMs; "
        "use fewer lanes, a smaller network, or a larger board"
    )
    utilisation.from_cells(ICE40_CELLS, ICEBREAKER).check("it")
