"""Boards: one TOML file each, in `boards/` or anywhere. Pins stay in amaranth-boards."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from hwgen import schema
from hwgen.errors import BoardError
from hwgen.files import visible
from hwgen.package_data import package_data
from hwgen.schema import Line, Name, Range

MAX_BAUD_ERROR = 0.02  # a receiver samples its last bit 9.5 bits late: 5 % would miss it
MIN_DIVISOR = 4  # below this, two synchroniser stages are too large a part of a bit

Family = Literal["ice40", "ecp5", "gowin"]
BITSTREAM_SUFFIX: dict[Family, str] = {"ice40": ".bin", "ecp5": ".bit", "gowin": ".fs"}
Price = Literal["under 30 EUR", "30-80 EUR", "80-200 EUR"]


@dataclass(frozen=True, kw_only=True)
class Uart:
    """The serial line to the host: which `uart` resource of the platform, bits a second."""

    resource: Annotated[int, Range(0, 255)] = 0
    baud: Annotated[int, Range(300, 12_000_000)]


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """What the part holds: tables (each with a flip-flop), block RAMs, DSPs."""

    lut: Annotated[int, Range(1, 10_000_000)]
    bram: Annotated[int, Range(0, 100_000)]
    bram_bits: Annotated[int, Range(1, 1_000_000)]
    spram: Annotated[int, Range(0, 100_000)] = 0
    dsp: Annotated[int, Range(0, 100_000)] = 0


@dataclass(frozen=True, kw_only=True)
class BoardPins:
    """What a platform would say, of a board that has none: device, package and speed as Amaranth
    calls them (of Gowin, `device` is its family, as GW1NR-9C), and pins of the package."""

    device: Annotated[str, Line()]
    package: Annotated[str, Line()] = ""
    speed: Annotated[str, Line()] = ""
    clock: Annotated[str, Line()]
    rx: Annotated[str, Line()]  # of the board: what the host sends comes in here
    tx: Annotated[str, Line()]
    io_type: Annotated[str, Line()] = ""  # of all of them; "": 3.3 V

    def check(self, family: Family, where: str) -> None:
        """Raise `BoardError` for what is missing or there twice."""
        needed = {"ice40": ("package",), "ecp5": ("package", "speed"), "gowin": ()}[family]
        for name in ("device", "clock", "rx", "tx", *needed):
            value = getattr(self, name)
            if not value or " " in value:
                raise BoardError(
                    f"{where}: pins: {name} is {value!r}, expected a name, of family {family!r}"
                )
        if len({self.clock, self.rx, self.tx}) < 3:
            raise BoardError(
                f"{where}: pins: clock, rx and tx are {self.clock}, {self.rx} and {self.tx}, "
                "expected three pins"
            )


@dataclass(frozen=True, kw_only=True)
class Board:
    """A board as its file describes it. `platform` is ``module:Class`` or ``file.py:Class``,
    Amaranth's platform; or there are `pins`, of which one is made. `source`: its file."""

    name: Annotated[str, Name()]
    title: Annotated[str, Line()]
    platform: Annotated[str, Line()] | None = None
    pins: BoardPins | None = None
    family: Family
    part: Annotated[str, Line()]
    clock_hz: Annotated[int, Range(1_000, 1_000_000_000)]
    pll: Literal["pad", "core"] = "core"  # of an iCE40: "pad" if the clock is at the PLL's own pin
    price: Price | None = None  # about, of a new one
    uart: Uart
    capacity: Capacity
    status: Literal["needs hardware", "tried on hardware"]
    flash: Annotated[str, Line()] | None = None  # the loader's command; {} is the bitstream
    source: str = field(default="", compare=False)

    def to_json(self) -> dict[str, Any]:
        """A table of plain values."""
        return asdict(self)

    def divisor(self, clock_hz: int | None = None) -> int:
        """Cycles a bit of the serial line, of another clock than the board's own if given. Raises
        `BoardError` if the rate is out of reach.

        At most 2 % off (`MAX_BAUD_ERROR`), and at least `MIN_DIVISOR`.
        """
        clock_hz = clock_hz or self.clock_hz
        divisor = max(MIN_DIVISOR, round(clock_hz / self.uart.baud))
        actual = clock_hz / divisor
        if abs(actual / self.uart.baud - 1) > MAX_BAUD_ERROR:
            raise BoardError(
                f"{self.name}: uart.baud is {self.uart.baud}, but {clock_hz} Hz gives "
                f"{actual:.0f} with {divisor} cycles a bit; expected within 2 %"
            )
        return divisor

    def make_platform(self) -> Any:
        """A fresh Amaranth platform; each is good for one build. Raises `ToolError` if it cannot be
        loaded, `BoardError` if it does not agree with the board, or Amaranth refuses it."""
        from hwgen.boards import checked  # which brings Amaranth

        return checked.make(self)


def names() -> list[str]:
    """The boards that come with hwgen, sorted."""
    return [path.stem for path in visible(package_data("boards"), "*.toml")]


def load(name_or_path: str | Path) -> Board:
    """Read a board: a known name, or the path of a .toml file. Raises `BoardError`."""
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = package_data("boards") / f"{name_or_path}.toml"
        if str(name_or_path) not in names():
            raise BoardError(_unknown(str(name_or_path)))
    missing = f"no such board file; known boards: {_known()}"
    table = schema.read_toml(path, missing=missing, error=BoardError)
    if "source" in table:
        raise BoardError(f"{path} has an unknown field 'source'")
    table = {"name": path.stem, **table, "source": str(path)}
    board = schema.parse(Board, table, where=str(path), error=BoardError)
    if (board.platform is None) == (board.pins is None):
        raise BoardError(f"{path}: expected either platform or [pins]")
    if board.pins:
        board.pins.check(board.family, str(path))
    module, _, name = (board.platform or "").rpartition(":")
    if module.endswith(".py"):  # beside the board's own file
        return replace(board, platform=f"{path.parent / module}:{name}")
    return board


def _known() -> str:
    return ", ".join(names())


def _unknown(name: str) -> str:
    close = schema.suggest(name, names())
    hint = f"did you mean {close!r}?" if close else f"known boards: {_known()},"
    return f"unknown board {name!r}; {hint}" + ("" if close else " or the path of a .toml file")
