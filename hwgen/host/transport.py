"""What carries bytes to a board and back: three methods. A serial port; a recording; its player."""

import io
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Protocol

from hwgen.errors import LinkError
from hwgen.files import open_output, reason
from hwgen.reading import read_text


class Transport(Protocol):
    """The line to a board."""

    def write(self, data: bytes) -> None:
        """Send bytes, all of them. Raises `LinkError`."""

    def read(self, timeout_s: float) -> bytes:
        """What has come, at least a byte; none if nothing comes within the time."""
        ...

    def close(self) -> None:
        """Give the line back. Nothing is read or written after it."""


class SerialPort:
    """A serial port of this computer, 8N1. All that is done with it goes through `_carry`."""

    def __init__(self, port: str, baud: int) -> None:
        """port: as /dev/ttyUSB0 or COM3. Raises `LinkError` if it cannot be opened."""
        import serial

        self._port = port
        try:
            self._serial = serial.Serial(port, baud, exclusive=True)
        except _faults() as error:
            raise LinkError(_cannot_open(port, error)) from None
        with suppress(AttributeError, *_faults()):  # not every chip and system can
            # Else an FTDI chip waits for 16 ms before it hands over what has come.
            self._serial.set_low_latency_mode(True)
        try:
            self._carry(lambda: self._serial.reset_input_buffer())
        except LinkError:
            self.close()
            raise

    def write(self, data: bytes) -> None:
        """Send bytes, all of them. Raises `LinkError`."""
        self._carry(lambda: self._serial.write(data))

    def read(self, timeout_s: float) -> bytes:
        """What has come: waits for the first byte only, up to `timeout_s` seconds. Raises
        `LinkError`."""
        got: bytes = self._carry(lambda: self._read(timeout_s))
        return got

    def _read(self, timeout_s: float) -> bytes:
        self._serial.timeout = timeout_s
        first: bytes = self._serial.read(1)
        rest: bytes = self._serial.read(self._serial.in_waiting)
        return first + rest

    def close(self) -> None:
        """Close the port. That a board has gone by now is no error: all answers have come, or the
        error that they have not is on its way."""
        with suppress(*_faults()):
            self._serial.close()

    def _carry(self, move: Callable[[], Any]) -> Any:
        try:
            return move()
        except _faults() as error:  # as of a cable that was pulled
            raise LinkError(f"{self._port}: {reason(error)}; is the board still there?") from None


def _faults() -> tuple[type[Exception], ...]:
    """What pyserial raises of a port that is no more, or none. `SerialException` is an OSError;
    `termios.error` is not; TypeError and ValueError: of a descriptor that was closed meanwhile."""
    with suppress(ImportError):  # Windows has none
        import termios

        return (OSError, ValueError, TypeError, termios.error)
    return (OSError, ValueError, TypeError)


def _cannot_open(port: str, error: Exception) -> str:
    from serial.tools import list_ports

    found = ", ".join(sorted(each.device for each in list_ports.comports())) or "none"
    return f"{port}: cannot be opened ({reason(error)}); serial ports here: {found}"


class Recorder:
    """Carries bytes over another transport, and writes all that passes to a file: JSON lines."""

    def __init__(self, transport: Transport, path: Path) -> None:
        """transport: carries the bytes. path: is written anew. Raises OSError if it cannot be."""
        self._transport = transport
        self._file: IO[str] = io.TextIOWrapper(open_output(path), encoding="utf-8")

    def write(self, data: bytes) -> None:
        """Send bytes over the other transport; they are noted before."""
        self._note(write=data.hex())
        self._transport.write(data)

    def read(self, timeout_s: float) -> bytes:
        """What the other transport has read, which is noted; silence, too."""
        data = self._transport.read(timeout_s)
        self._note(read=data.hex())
        return data

    def close(self) -> None:
        """Close the other transport and the file."""
        try:
            self._transport.close()
        finally:
            self._file.close()

    def _note(self, **what: str) -> None:
        self._file.write(json.dumps(what) + "\n")


class Replay:
    """Plays a recording: the same must be written, and the same is read."""

    def __init__(self, path: Path) -> None:
        """Raises `LinkError` if there is no such recording."""
        self._path, self._position = path, 0
        try:
            lines = read_text(path).splitlines()
            notes = [next(iter(json.loads(line).items())) for line in lines]
            self._notes: list[tuple[str, bytes]] = [(x, bytes.fromhex(data)) for x, data in notes]
        except (OSError, ValueError, AttributeError, StopIteration, TypeError) as error:
            raise LinkError(f"{path}: no recording of a line: {reason(error)}") from None

    def write(self, data: bytes) -> None:
        """Raises `LinkError` if the recording has something else here."""
        if self._next("write") != data:
            raise LinkError(f"{self._path}: line {self._position}: something else is written now")

    def read(self, timeout_s: float) -> bytes:
        """What was read then. `timeout_s` counts for nothing. Raises `LinkError` at the end."""
        return self._next("read")

    def close(self) -> None:
        pass

    def _next(self, what: str) -> bytes:
        if self._position == len(self._notes):
            raise LinkError(f"{self._path}: ends here, after {self._position} lines")
        found, data = self._notes[self._position]
        self._position += 1
        if found != what:
            raise LinkError(f"{self._path}: line {self._position}: a {found}, but now a {what}")
        return data
