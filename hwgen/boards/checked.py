"""Platforms of Amaranth for boards, tried before they are used: what is wrong is said in a line."""

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from amaranth.build import Attrs, Clock, Pins, Platform, Resource
from amaranth.hdl import Elaboratable, Module
from amaranth.lib import io
from amaranth.vendor import GowinPlatform, LatticeECP5Platform, SiliconBluePlatform
from amaranth_boards.resources import UARTResource

from hwgen.boards.platforms import completed
from hwgen.errors import BoardError, ToolError
from hwgen.files import reason
from hwgen.reading import regular

if TYPE_CHECKING:
    from hwgen.boards.board import Board

_BASES = {"ice40": SiliconBluePlatform, "ecp5": LatticeECP5Platform, "gowin": GowinPlatform}
_LEDS = range(3)  # those that `BoardTop` uses, if they are there
# Where modules were that users' own files may still name.
_MOVED = {"hwgen.platforms": "hwgen.boards.platforms"}


def platform_class(board: "Board") -> type:
    """The class of a board's platform: the one that it names, or one made of its pins.

    Raises `ToolError` if the class cannot be loaded, `BoardError` if it is none of a platform's.
    """
    if board.pins:
        return completed(_of_pins(board))
    module, _, name = (board.platform or "").rpartition(":")
    try:
        cls = getattr(_module(_MOVED.get(module, module)), name)
        if not (isinstance(cls, type) and issubclass(cls, Platform)):
            raise TypeError("it is no platform")
    except Exception as error:  # the file is a user's: anything may happen in it
        raise ToolError(
            f"{board.name}: platform {board.platform!r} cannot be loaded ({reason(error)}); "
            "expected 'module:Class' of an installed Amaranth platform, or 'file.py:Class'"
        ) from None
    return completed(cls)


def make(board: "Board") -> Any:
    """A fresh platform, after another one of its class was tried. Raises `BoardError`."""
    cls = platform_class(board)
    with _said(board):
        tried = cls()
    _agree(board, tried)
    with _said(board):
        tried.prepare(_Probe(board), "probe", emit_src=False)
        return cls()


@contextmanager
def _said(board: "Board") -> Iterator[None]:
    """What Amaranth says of a platform, as a line that names the file to mend."""
    try:
        yield
    except BoardError:
        raise
    except Exception as error:  # Amaranth checks by all kinds of them
        raise BoardError(
            f"{_where(board)} is refused by Amaranth: {type(error).__name__}: {reason(error)}"
        ) from None


def _where(board: "Board") -> str:
    if board.pins:
        return f"{board.source or board.name}: what [pins] describes"
    return f"{board.source or board.name}: platform {board.platform!r}"


class _Probe(Elaboratable):
    """Asks a platform for all that a design asks for."""

    def __init__(self, board: "Board") -> None:
        self._board = board

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        line = platform.request("uart", self._board.uart.resource, dir="-")
        m.submodules.rx = rx = io.Buffer("i", line.rx)
        m.submodules.tx = tx = io.Buffer("o", line.tx)
        m.d.sync += tx.o.eq(rx.i)
        for number in _LEDS:
            if ("led", number) in platform.resources:
                m.submodules += io.Buffer("o", platform.request("led", number, dir="-"))
        return m


def _agree(board: "Board", platform: Any) -> None:
    """Raise `BoardError` unless the board's file tells of the same part and clock."""
    base = _BASES[board.family]
    if not isinstance(platform, base):
        raise BoardError(
            f"{_where(board)} is no {base.__name__}, but family is {board.family!r}; one of them "
            "is wrong"
        )
    with _said(board):
        clock = getattr(platform, "default_clk", None)
        hz = platform.default_clk_frequency if clock else None
        part = _part(platform)
    if hz is None:
        raise BoardError(f"{_where(board)} has no default_clk; a design needs its clock")
    if round(hz) != board.clock_hz:
        raise BoardError(
            f"{_where(board)} has a clock of {round(hz)} Hz, but clock_hz is {board.clock_hz}: the "
            "serial line would have another rate; one of them is wrong"
        )
    if not _plain(board.part).startswith(_plain(part)):
        raise BoardError(
            f"{_where(board)} is for part {part}, but part is {board.part!r}; one of them is wrong"
        )
    number = board.uart.resource
    if ("uart", number) not in platform.resources:
        known = ", ".join(str(n) for name, n in platform.resources if name == "uart") or "none"
        raise BoardError(
            f"{_where(board)} has no resource 'uart' {number}, as uart.resource asks for; it has "
            f"{known}"
        )


def _part(platform: Any) -> str:
    """The beginning of the part's name, as on the package."""
    if isinstance(platform, GowinPlatform):
        return str(platform.part)
    return f"{platform.device}-{getattr(platform, 'speed', '')}{platform.package}"


def _plain(part: str) -> str:
    return part.replace("-", "").upper()


def _module(name: str) -> ModuleType:
    if not name.endswith(".py"):
        return importlib.import_module(name)
    path = Path(name)
    spec = importlib.util.spec_from_file_location(f"hwgen_own_{path.stem}", regular(path))
    if spec is None or spec.loader is None:
        raise ImportError("it is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look for their own module
    spec.loader.exec_module(module)
    return module


def _of_pins(board: "Board") -> type:
    pins = board.pins
    assert pins
    kind = "IO_STANDARD" if board.family == "ice40" else "IO_TYPE"
    io_type = pins.io_type or ("SB_LVCMOS" if board.family == "ice40" else "LVCMOS33")
    attrs = Attrs(**{kind: io_type})
    described: dict[str, Any] = {
        "default_clk": "clk",
        "resources": [
            Resource("clk", 0, Pins(pins.clock, dir="i"), Clock(board.clock_hz), attrs),
            UARTResource(board.uart.resource, rx=pins.rx, tx=pins.tx, attrs=attrs),
        ],
        "connectors": [],
    }
    if board.family == "gowin":
        described |= {"part": board.part, "family": pins.device}
    else:
        described |= {"device": pins.device, "package": pins.package}
    if board.family == "ecp5":
        described["speed"] = pins.speed
    base = _BASES[board.family]
    made: type = type(base)(f"{base.__name__}OfPins", (base,), described)
    return made
