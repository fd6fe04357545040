"""Which numbers make a PLL turn the clock of a board into the one that is wished for.

Limits are those of the vendors' documents: Lattice FPGA-DS-02029 (iCE40 LP/HX; the UltraPlus has
the same) and FPGA-TN-02052 for SB_PLL40; Lattice FPGA-DS-02012 (ECP5, "sysCLOCK PLL Timing") and
FPGA-TN-02200 for EHXPLLL; Gowin DS117 (GW1N, GW1NR), DS102 and DS226 (GW2A, GW2AR) for rPLL. They
were not read anew here: those of rPLL, SB_PLL40 and EHXPLLL are compared in tests with the limits
that Apicula, IceStorm and Project Trellis keep.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from hwgen.boards.board import Board, Family
from hwgen.errors import BoardError

MAX_ERROR = 0.01  # of the clock: the baud rate's divisor follows the real one
_MHZ = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Of frequencies, in MHz, both ends included."""

    input: tuple[float, float]
    pfd: tuple[float, float]  # the input, divided
    vco: tuple[float, float]
    output: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Pll:
    """A PLL. `parameters` are those of the vendor's cell."""

    family: Family
    input_hz: int
    pfd_hz: Fraction
    vco_hz: Fraction
    exact_hz: Fraction
    parameters: dict[str, int | str]
    pad: bool = False  # of an iCE40: fed by its own pin

    @property
    def output_hz(self) -> int:
        """The clock that comes out, rounded to Hz."""
        return round(self.exact_hz)


_LIMITS: dict[Family, Limits] = {
    "ice40": Limits(input=(10, 133), pfd=(10, 133), vco=(533, 1066), output=(16, 275)),
    "ecp5": Limits(input=(8, 400), pfd=(10, 400), vco=(400, 800), output=(3.125, 400)),
    "gowin": Limits(input=(3, 400), pfd=(3, 400), vco=(400, 1200), output=(3.125, 600)),
}
_GW2A = Limits(input=(3, 500), pfd=(3, 500), vco=(500, 1250), output=(3.90625, 625))
# Of the iCE40's loop filter: the range for a PFD below so many MHz.
_FILTERS = ((17, 1), (26, 2), (44, 3), (66, 4), (101, 5), (134, 6))
_GOWIN_DIVIDERS = (2, 4, 8, 16, 32, 48, 64, 80, 96, 112, 128)


def limits(family: Family, part: str) -> Limits:
    """Those of a part; of speed grades, the boards' own.

    In MHz. part: its name, as on the package.
    """
    return _GW2A if part.startswith("GW2A") else _LIMITS[family]


def find(board: Board, requested_hz: int, *, max_error: float = MAX_ERROR) -> Pll:
    """The PLL whose output is nearest to `requested_hz`. Raises `BoardError` if none is near.

    Of equally near ones, that with the fastest phase detector, which jitters least, and then with
    the oscillator nearest to the middle of its range.

    requested_hz: in Hz. max_error: relative.
    """
    bounds = limits(board.family, board.part)
    middle = sum(bounds.vco) / 2 * _MHZ
    found = list(_settings(board, bounds, requested_hz))
    where = (
        f"{board.name}: a clock of {requested_hz / _MHZ:g} MHz from {board.clock_hz / _MHZ:g} MHz"
    )
    if not found:
        low, high = bounds.input
        raise BoardError(f"{where}: its PLL takes {low:g}..{high:g} MHz only; use the board's own")
    best = min(found, key=lambda s: (abs(s.output - requested_hz), s.r, abs(s.vco - middle)))
    if abs(best.output / requested_hz - 1) > max_error:
        raise BoardError(
            f"{where} cannot be made within {100 * max_error:g} %: the nearest is "
            f"{float(best.output) / _MHZ:.3f} MHz, the PLL reaches "
            f"{bounds.output[0]:g}..{bounds.output[1]:g} MHz"
        )
    return Pll(
        family=board.family,
        input_hz=board.clock_hz,
        pfd_hz=Fraction(board.clock_hz, best.r),
        vco_hz=best.vco,
        exact_hz=best.output,
        parameters=_parameters(board, best),
        pad=board.family == "ice40" and board.pll == "pad",
    )


class _Setting(NamedTuple):
    """An input divided by r, multiplied by f (Gowin: by f and q), then divided by q."""

    r: int
    f: int
    q: int
    vco: Fraction
    output: Fraction


def _settings(board: Board, bounds: Limits, requested_hz: int) -> Iterator[_Setting]:
    """Those within the limits; of an ECP5, with the dividers nearest to the request only."""
    if not _within(Fraction(board.clock_hz), bounds.input):
        return
    before, feedback, after = {
        "ice40": (range(1, 17), range(1, 129), tuple(2**q for q in range(1, 7))),
        "ecp5": (range(1, 41), range(1, 81), ()),
        "gowin": (range(1, 65), range(1, 65), _GOWIN_DIVIDERS),
    }[board.family]
    for r in before:
        pfd = Fraction(board.clock_hz, r)
        if not _within(pfd, bounds.pfd):
            continue
        for f in feedback:
            nearest = int(pfd * f / requested_hz)
            for q in after or {min(max(1, n), 128) for n in (nearest, nearest + 1)}:
                # Gowin's feedback comes from the output, the others' from the oscillator; that of
                # the ECP5 by way of its first output, which divides by f: the second is free.
                vco = pfd * f * q if board.family == "gowin" else pfd * f
                if _within(vco, bounds.vco) and _within(vco / q, bounds.output):
                    yield _Setting(r, f, q, vco, vco / q)


def _within(hz: Fraction, bounds: tuple[float, float]) -> bool:
    return bounds[0] * _MHZ <= hz <= bounds[1] * _MHZ


def _parameters(board: Board, setting: _Setting) -> dict[str, int | str]:
    """Of the vendor's cell."""
    r, f, q = setting.r, setting.f, setting.q
    if board.family == "ice40":
        pfd = Fraction(board.clock_hz, r)
        filter_range = next(number for below, number in _FILTERS if pfd < below * _MHZ)
        return {
            "FEEDBACK_PATH": "SIMPLE",
            "DIVR": r - 1,
            "DIVF": f - 1,
            "DIVQ": q.bit_length() - 1,
            "FILTER_RANGE": filter_range,
        }
    if board.family == "ecp5":
        return {
            "CLKI_DIV": r,
            "CLKFB_DIV": 1,
            "FEEDBK_PATH": "CLKOP",
            "CLKOP_ENABLE": "ENABLED",
            "CLKOP_DIV": f,
            "CLKOP_CPHASE": f // 2,
            "CLKOS_ENABLE": "ENABLED",
            "CLKOS_DIV": q,
            "CLKOS_CPHASE": q // 2,
        }
    return {
        "FCLKIN": f"{board.clock_hz / _MHZ:g}",
        "IDIV_SEL": r - 1,
        "FBDIV_SEL": f - 1,
        "ODIV_SEL": q,
    }
