"""Place and route, with one seed of the placer or with several."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hwgen.boards.board import Board
from hwgen.build.utilisation import Resources, from_report, read_report
from hwgen.errors import BoardError, ToolError
from hwgen.progress import SILENT, Reporter

MAX_SEED = 2**31 - 1  # of nextpnr, whose option is a signed integer of 32 bits
MAX_SEEDS = 1000
_BEST = "best"  # stem of what the best seed so far has left, while others are tried


@dataclass(frozen=True, kw_only=True)
class Seeds:
    """Seeds of the placer: `first`, and as many after it as make `count`, until the clock is met.

    Raises `BoardError` for a seed that nextpnr does not take.
    """

    first: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MAX_SEEDS:
            raise BoardError(f"the number of seeds is {self.count}, expected 1..{MAX_SEEDS}")
        highest = MAX_SEED - self.count + 1
        if not 0 <= self.first <= highest:
            raise BoardError(f"the placer's seed is {self.first}, expected 0..{highest}")


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A routed design. `fmax_hz` is of its slowest clock."""

    seed: int
    used: Resources
    fmax_hz: int


@dataclass(frozen=True, kw_only=True)
class Router:
    """How a design is routed: `command` with `--seed N` in it, and `run`, which runs a command.

    stem: of the files that nextpnr writes into `folder`: NAME.report.json among them. `subject` and
    `board` name the design in messages, and say what the report's words mean.
    """

    subject: str
    board: Board
    command: Sequence[str]
    folder: Path
    stem: str
    run: Callable[[Sequence[str]], None]


def place(
    router: Router, seeds: Seeds, clock_hz: int, counted: Resources, reporter: Reporter = SILENT
) -> Placed:
    """The first placement that meets the clock, or else the fastest. Its files are in the folder.

    counted: what synthesis has counted. Raises `ToolError`, and `BoardError` if none has room.
    """
    best: Placed | None = None
    for tried in range(seeds.count):
        seed = seeds.first + tried
        _route(router, seed, counted)
        text = read_report(router.folder / f"{router.stem}.report.json")
        used, fmax_hz = from_report(text, router.board, counted)
        if best is None or fmax_hz > best.fmax_hz:
            best = Placed(seed=seed, used=used, fmax_hz=fmax_hz)
            if fmax_hz < clock_hz and tried + 1 < seeds.count:
                _rename(router.folder, router.stem, _BEST)
        if seeds.count > 1:
            reporter.advance(tried + 1, seeds.count, f"seed {seed}: {fmax_hz / 1e6:.1f} MHz")
        if fmax_hz >= clock_hz:
            break
    assert best
    if best.seed != seed:
        _rename(router.folder, _BEST, router.stem)
    for left in _outputs(router.folder, _BEST):
        left.unlink()
    return best


def _route(router: Router, seed: int, counted: Resources) -> None:
    """A part too full to place is the design's fault, not the tool's."""
    at = router.command.index("--seed") + 1
    command = [*router.command[:at], str(seed), *router.command[at + 1 :]]
    try:
        router.run(command)
    except ToolError as error:
        if "Unable to place" in str(error) or "no BELs" in str(error):
            raise BoardError(
                f"{router.subject} cannot be placed: {counted.lut} LUTs and {counted.bram} block "
                f"RAMs are too many in practice; use fewer lanes; see "
                f"{router.folder / router.stem}.tim"
            ) from None
        raise


def _outputs(folder: Path, stem: str) -> list[Path]:
    """What nextpnr writes: the report, its log, and the placed design."""
    suffixes = (".report.json", ".tim", ".asc", ".config", ".pnr.json")
    return [path for suffix in suffixes if (path := folder / f"{stem}{suffix}").is_file()]


def _rename(folder: Path, old: str, new: str) -> None:
    for path in _outputs(folder, old):
        path.replace(folder / f"{new}{path.name.removeprefix(old)}")
