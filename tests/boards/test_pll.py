"""PLLs: every setting within its limits, as near as the open tools get, refused where out of reach;
the reset behind them."""

import dataclasses
import re
import subprocess
from fractions import Fraction
from pathlib import Path

import pytest
from amaranth.sim import Simulator
from stand_ins import needs

from hwgen.boards import board, pll
from hwgen.boards.board import Board
from hwgen.errors import BoardError
from hwgen.hdl.clock import PowerOnReset
from hwgen.toolchain import tools

ICEBREAKER, ULX3S = board.load("icebreaker"), board.load("ulx3s_25f")
TANG_9K, TANG_20K = board.load("tang_nano_9k"), board.load("tang_nano_20k")
BOARDS = [ICEBREAKER, board.load("ice40_hx8k_b_evn"), ULX3S, TANG_9K, TANG_20K]


def output_of(found: pll.Pll) -> tuple[Fraction, Fraction, Fraction]:
    """Frequencies of phase detector, oscillator and output, from the cell's parameters alone."""
    p = found.parameters
    hz = Fraction(found.input_hz)
    if found.family == "ice40":
        pfd = hz / (p["DIVR"] + 1)
        vco = pfd * (p["DIVF"] + 1)
        return pfd, vco, vco / 2 ** p["DIVQ"]
    if found.family == "ecp5":
        pfd = hz / p["CLKI_DIV"]
        vco = pfd * p["CLKFB_DIV"] * p["CLKOP_DIV"]
        return pfd, vco, vco / p["CLKOS_DIV"]
    pfd = hz / (p["IDIV_SEL"] + 1)
    out = pfd * (p["FBDIV_SEL"] + 1)
    return pfd, out * p["ODIV_SEL"], out


@pytest.mark.parametrize("target", BOARDS, ids=lambda target: target.name)
@pytest.mark.parametrize("clock_hz", [10_000_000, 12_000_000, 25_000_000, 48_000_000])
def test_all_settings_are_within_their_limits(target: Board, clock_hz: int) -> None:
    target = dataclasses.replace(target, clock_hz=clock_hz)
    bounds = pll.limits(target.family, target.part)
    for wish in range(17_000_000, 200_000_000, 13_700_001):
        found = pll.find(target, wish, max_error=0.1)
        frequencies = output_of(found)
        assert frequencies == (found.pfd_hz, found.vco_hz, found.exact_hz)
        for hz, (low, high) in zip(
            frequencies, (bounds.pfd, bounds.vco, bounds.output), strict=True
        ):
            assert low * 1e6 <= hz <= high * 1e6
        assert abs(found.exact_hz / wish - 1) < 0.1


WIDTHS = {"DIVR": 15, "DIVF": 127, "DIVQ": 6, "FILTER_RANGE": 7, "CLKI_DIV": 128, "CLKOP_DIV": 128}
WIDTHS |= {"CLKOS_DIV": 128, "CLKOP_CPHASE": 127, "CLKOS_CPHASE": 127}
WIDTHS |= {"IDIV_SEL": 63, "FBDIV_SEL": 63}


@pytest.mark.parametrize("target", BOARDS, ids=lambda target: target.name)
def test_parameters_fit_their_fields(target: Board) -> None:
    for wish in (20_000_000, 47_000_000, 150_000_000):
        parameters = pll.find(target, wish, max_error=0.2).parameters
        for name, value in parameters.items():
            assert name not in WIDTHS or 0 <= int(value) <= WIDTHS[name]


def test_known_settings() -> None:
    assert pll.find(ICEBREAKER, 36_000_000).parameters == {
        "FEEDBACK_PATH": "SIMPLE", "DIVR": 0, "DIVF": 47, "DIVQ": 4, "FILTER_RANGE": 1,
    }  # fmt: skip
    found = pll.find(TANG_9K, 81_000_000)
    assert found.parameters == {"FCLKIN": "27", "IDIV_SEL": 0, "FBDIV_SEL": 2, "ODIV_SEL": 8}
    assert found.output_hz == 81_000_000
    assert pll.find(ULX3S, 80_000_000).output_hz == 80_000_000


def test_what_cannot_be_made_is_refused_with_the_nearest() -> None:
    with pytest.raises(BoardError) as caught:
        pll.find(ICEBREAKER, 10_000_000)
    assert str(caught.value) == (
        "icebreaker: a clock of 10 MHz from 12 MHz cannot be made within 1 %: the nearest is "
        "16.125 MHz, the PLL reaches 16..275 MHz"
    )
    with pytest.raises(BoardError, match=r"cannot be made within 0\.001 %: the nearest is 33\."):
        pll.find(ICEBREAKER, 33_300_000, max_error=1e-5)
    slow = dataclasses.replace(ICEBREAKER, clock_hz=6_000_000)
    with pytest.raises(BoardError, match=r"MHz from 6 MHz: its PLL takes 10\.\.133 MHz only; use"):
        pll.find(slow, 36_000_000)


# Against the tools that come with the open flows.

WISHES = (17, 24, 30.5, 36, 48, 66.7, 80, 100, 133, 175)


def run(folder: Path, *command: str) -> str:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True).stdout


@pytest.mark.synth
@pytest.mark.parametrize("clock_mhz", [12, 16, 48])
def test_as_icepll(clock_mhz: int, tmp_path: Path) -> None:
    needs("icepll")
    target = dataclasses.replace(ICEBREAKER, clock_hz=clock_mhz * 1_000_000)
    for wish in WISHES:
        text = run(tmp_path, tools.find("icepll"), "-i", str(clock_mhz), "-o", str(wish))
        found = pll.find(target, round(wish * 1e6), max_error=0.1)
        achieved = float(re.search(r"([0-9.]+) MHz \(achieved\)", text)[1])
        ours = float(found.exact_hz) / 1e6
        assert abs(ours - wish) <= abs(achieved - wish) + 0.0006
        filter_range = re.search(r"DIVR: +(\d+).*FILTER_RANGE: +(\d+)", text, re.DOTALL)
        if int(filter_range[1]) == found.parameters["DIVR"]:
            assert int(filter_range[2]) == found.parameters["FILTER_RANGE"]


@pytest.mark.synth
@pytest.mark.parametrize("clock_mhz", [25, 48])
def test_at_least_as_near_as_ecppll(clock_mhz: int, tmp_path: Path) -> None:
    needs("ecppll")
    target = dataclasses.replace(ULX3S, clock_hz=clock_mhz * 1_000_000)
    for wish in WISHES:
        text = run(tmp_path, tools.find("ecppll"), "-i", str(clock_mhz), "-o", str(wish))
        achieved = float(re.search(r"clkout0 frequency: ([0-9.]+) MHz", text)[1])
        vco = float(re.search(r"VCO frequency: ([0-9.]+)", text)[1])
        found = pll.find(target, round(wish * 1e6), max_error=0.1)
        # Its phase detector goes down to 3.125 MHz, ours, as the data sheet has it, to 10.
        slower = abs(float(found.exact_hz) / 1e6 - wish) - abs(achieved - wish)
        assert slower <= 0.005 * wish
        assert 400 <= vco <= 800


@pytest.mark.synth
@pytest.mark.parametrize(
    ("target", "device"), [(TANG_9K, "GW1NR-9 C6/I5"), (TANG_20K, "GW2AR-18 C8/I7")]
)
def test_as_gowin_pll(target: Board, device: str, tmp_path: Path) -> None:
    needs("gowin_pll")
    for wish in WISHES:
        text = run(tmp_path, tools.find("gowin_pll"), "-d", device, "-i", "27", "-o", str(wish))
        achieved = float(re.search(r"Achieved output frequency: +([0-9.]+) MHz", text)[1])
        found = pll.find(target, round(wish * 1e6), max_error=0.1)
        assert abs(float(found.exact_hz) / 1e6 - wish) <= abs(achieved - wish) + 0.0006
        for name, (low, high) in zip(
            ("PFD", "VCO"),
            (
                pll.limits(target.family, target.part).pfd,
                pll.limits(target.family, target.part).vco,
            ),
            strict=True,
        ):
            assert re.search(rf"{name} = .* \(range: {low:g}-{high:g} MHz\)", text)


# The reset.


def test_in_reset_until_locked_for_long_enough() -> None:
    dut = PowerOnReset(5)

    async def resets(ctx, n: int) -> list[int]:
        """Whether it is in reset after each of n cycles."""
        seen = []
        for _ in range(n):
            ctx.set(dut.clock, 1)
            await ctx.delay(5e-9)
            ctx.set(dut.clock, 0)
            await ctx.delay(5e-9)
            seen.append(ctx.get(dut.reset))
        return seen

    async def bench(ctx) -> None:
        assert await resets(ctx, 20) == [1] * 20  # not locked
        ctx.set(dut.locked, 1)
        seen = await resets(ctx, 20)
        # Two cycles of the synchroniser, five of the timer, one more.
        assert seen == [1] * 7 + [0] * 13
        ctx.set(dut.locked, 0)
        assert (await resets(ctx, 4))[1:] == [1] * 3

    simulator = Simulator(dut)
    simulator.add_testbench(bench)
    simulator.run()
