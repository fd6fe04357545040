"""A board that is not there: its design, compiled, with the line as its pins see it."""

import ctypes
import os
import threading
import tty
from pathlib import Path
from typing import Any

from hwgen.errors import ToolError
from hwgen.hdl.link.uart import MIN_DIVISOR
from hwgen.hdl.top import TOP, uart_verilog
from hwgen.network.design import Design
from hwgen.package_data import package_data
from hwgen.progress import SILENT, Reporter
from hwgen.toolchain import cxxrtl

CLOCK_HZ = 1_000_000  # of the simulated time; any would do
_SLICE = 20_000  # cycles at a time, between looks at the other end of a pseudo-terminal
_NAP_S = 0.002  # when nobody says anything
_SCRIPT = f"read_verilog core.v\nhierarchy -top {TOP}\nproc\nflatten\nwrite_cxxrtl -g0 core.cc\n"


def compile_board(
    design: Design,
    *,
    early_exit: bool = True,
    cache: Path | None = None,
    reporter: Reporter = SILENT,
) -> Path:
    """Path of a library of `UartTop`, from the cache if it is there. Raises `ToolError`."""
    verilog = uart_verilog(design, MIN_DIVISOR, early_exit=early_exit)
    source = package_data("sim") / "board" / "board.cpp"
    files = {"board.cpp": source.read_text(), "core.ys": _SCRIPT} | cxxrtl.memories(verilog)
    return cxxrtl.build(files, "board.cpp", cache=cache, reporter=reporter)


class SimulatedBoard:
    """The transport to a compiled board. Time stands still unless somebody reads."""

    def __init__(self, library: Path) -> None:
        """library: of `compile_board`. Raises `ToolError`."""
        try:
            self._code = ctypes.CDLL(str(library.resolve()))
            self._code.hwgen_board_new.restype = ctypes.c_void_p
        except (OSError, AttributeError) as error:
            raise ToolError(
                f"{library}: not a compiled board ({error}); remove {library.parent}"
            ) from None
        self._board = ctypes.c_void_p(self._code.hwgen_board_new(ctypes.c_uint64(MIN_DIVISOR)))

    def write(self, data: bytes) -> None:
        """Bytes for the board's line; they go out as simulated time goes on."""
        self._code.hwgen_board_give(self._board, data, ctypes.c_size_t(len(data)))

    def read(self, timeout_s: float) -> bytes:
        """At most a byte; the time is simulated."""
        return self.run(int(timeout_s * CLOCK_HZ))

    def run(self, n_cycles: int) -> bytes:
        """Go on for so many clock cycles, or until a byte comes out, which is returned."""
        byte = self._code.hwgen_board_run(self._board, ctypes.c_uint64(n_cycles))
        return b"" if byte < 0 else bytes([byte])

    def close(self) -> None:
        """Free the board. It must not be used after that."""
        self._code.hwgen_board_free(self._board)
        self._board = ctypes.c_void_p()


class SimulatedPort:
    """A pseudo-terminal with a simulated board at its other end; `name` is its path.

    A context manager; the board works in a thread of its own.
    """

    def __init__(self, library: Path) -> None:
        """library: of `compile_board`. Raises `ToolError`."""
        self._board = SimulatedBoard(library)
        self._ours, theirs = os.openpty()
        tty.setraw(theirs)
        os.set_blocking(self._ours, False)
        self.name = os.ttyname(theirs)
        self._theirs = theirs  # kept open, so that a host may come and go
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> "SimulatedPort":
        self._thread.start()
        return self

    def __exit__(self, *args: Any) -> None:
        self._stop.set()
        self._thread.join()
        os.close(self._ours)
        os.close(self._theirs)
        self._board.close()

    def _work(self) -> None:
        while not self._stop.is_set():
            given = self._get()
            self._board.write(given)
            said = bytearray()
            while byte := self._board.run(_SLICE):
                said += byte
                if len(said) >= 64:
                    break
            self._put(bytes(said))
            if not given and not said:
                self._stop.wait(_NAP_S)

    def _get(self) -> bytes:
        try:
            return os.read(self._ours, 4096)
        except BlockingIOError:
            return b""

    def _put(self, data: bytes) -> None:
        while data and not self._stop.is_set():
            try:
                data = data[os.write(self._ours, data) :]
            except BlockingIOError:  # the host does not read
                self._stop.wait(_NAP_S)
