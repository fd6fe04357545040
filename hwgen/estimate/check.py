"""Will it fit, how fast will it be? Before synthesis, from a model of resources and of cycles."""

from dataclasses import asdict, dataclass
from typing import Any

from hwgen.boards import board as board_module
from hwgen.boards import pll
from hwgen.boards.board import Board
from hwgen.errors import BoardError
from hwgen.estimate import cycles, memories, resources
from hwgen.estimate.design import for_board
from hwgen.estimate.resources import Prediction
from hwgen.model.folder import ModelFolder
from hwgen.network.design import Design
from hwgen.network.params import Params
from hwgen.shown import Shown

_BITS_A_WORD = 20  # two bytes, each with a start and a stop bit


@dataclass(frozen=True, kw_only=True)
class Check(Shown):
    """Predictions, with their relative errors. `cycles` is None without test vectors to count
    spikes of; `core_s` is an image's time in the core, `line_s` on the serial line."""

    board: str
    part: str
    shape: str
    clock_hz: int
    luts_capacity: int
    brams_capacity: int
    cycles: int | None
    cycles_error: float | None
    core_s: float | None
    line_s: float | None
    predicted: Prediction

    def to_json(self) -> dict[str, Any]:
        """A table of plain values: the fields, those of `predicted`, and whether it `fits`."""
        table: dict[str, Any] = asdict(self)
        table |= table.pop("predicted")
        return table | {"fits": not self.problems()}

    def problems(self) -> list[str]:
        """Why it cannot work, if it cannot.

        LUTs, block RAMs, and the clock in Hz; empty if it fits.
        """
        return _problems(self.predicted, self.luts_capacity, self.brams_capacity, self.clock_hz)

    def close_calls(self) -> list[str]:
        """What fits, but for the error of the prediction might not.

        By the typical error, relative, of designs predicted from all others.
        """
        p, found = self.predicted, []
        # Only upwards: that a design may be smaller than predicted is no reason to worry.
        if p.luts <= self.luts_capacity < p.luts * (1 + p.luts_error):
            found.append("LUTs")
        if p.fmax_hz >= self.clock_hz > p.fmax_hz * (1 - p.fmax_error):
            found.append("the clock")
        return found


def _problems(p: Prediction, luts: int, brams: int, clock_hz: int) -> list[str]:
    """Of a part with so many LUTs and block RAMs. Blocks are counted, the rest is estimated."""
    found = []
    if p.luts > luts:
        found.append(f"about {p.luts} of {luts} LUTs")
    if p.brams > brams:
        found.append(f"{p.brams} of {brams} block RAMs")
    if p.fmax_hz < clock_hz:
        found.append(f"about {p.fmax_hz / 1e6:.1f} MHz for a clock of {clock_hz / 1e6:g} MHz")
    return found


def run(folder: ModelFolder, design: Design, board: Board, *, clock_hz: int | None = None) -> Check:
    """Predict; what does not fit is the caller's to refuse (`require`).

    clock_hz: the board's own, unless given; then what its PLL makes of it. Raises `BoardError` if
    that is out of reach.
    """
    if clock_hz and clock_hz != board.clock_hz:
        # A PLL makes the nearest frequency that it can; the check is of the real one.
        clock_hz = pll.find(board, clock_hz).output_hz
    clock_hz = clock_hz or board.clock_hz
    counted = cycles.predict(folder, design)
    return Check(
        board=board.name,
        part=board.part,
        shape=design.params.spec.shape,
        clock_hz=clock_hz,
        luts_capacity=board.capacity.lut,
        brams_capacity=board.capacity.bram,
        cycles=counted.cycles if counted else None,
        cycles_error=counted.error if counted else None,
        core_s=counted.cycles / clock_hz if counted else None,
        line_s=counted.words * _BITS_A_WORD / board.uart.baud if counted else None,
        predicted=resources.predict(design, board),
    )


def require(check: Check, params: Params, *, clock_hz: int | None = None) -> None:
    """Raise `BoardError` if it cannot work, saying what would. clock_hz: if not a board's own."""
    problems = check.problems()
    if problems:
        boards = [board_module.load(name) for name in board_module.names()]
        others = [board.name for board in boards if fits(params, board, clock_hz=clock_hz)]
        cure = f"it fits {', '.join(others)}" if others else "no board here does better"
        raise BoardError(
            f"{check.board}: {check.shape} does not fit: {', '.join(problems)}; {cure}; "
            "or use fewer lanes, a slower clock, or a smaller network"
        )


def fits(params: Params, board: Board, *, clock_hz: int | None = None) -> bool:
    """Whether it does, by the same estimates, with the board's default lanes.

    params: of any network. Never raises `BoardError`.
    """
    try:
        memories.check_memory(params, board)
        predicted = resources.predict(for_board(params, board), board)
    except BoardError:
        return False
    capacity = board.capacity
    return not _problems(predicted, capacity.lut, capacity.bram, clock_hz or board.clock_hz)
