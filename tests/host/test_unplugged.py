"""A board that is unplugged at any moment: one line, exit code 2, and nothing waits for ever."""

import contextlib
import os
import pty
import termios
import threading
import tty
from pathlib import Path

import pytest
import serial
from commands import hwgen_command, model_folder
from samples import random_params, random_spike_times
from stand_ins import needs

from hwgen.errors import LinkError
from hwgen.host import Device, Recorder, SerialPort, simulated
from hwgen.host.simulated import SimulatedBoard
from hwgen.network import params_file
from hwgen.network.design import Design
from hwgen.network.params import Params

LANES = (4, 5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    params = random_params(1, (64, 9, 10), 1, n_steps=4)
    return model_folder(tmp_path_factory.mktemp("models") / "m", params)


@pytest.fixture(scope="module")
def params(folder: Path) -> Params:
    return params_file.load(folder / "params.safetensors")


@pytest.fixture(scope="module")
def library(params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs("yosys")
    return simulated.compile_board(Design(params, LANES), cache=tmp_path_factory.mktemp("board"))


class Cable:
    """A pseudo-terminal with a board behind it that is pulled out after so many of its bytes."""

    def __init__(self, library: Path, n_bytes: int) -> None:
        self._board, self._left, self.n_said = SimulatedBoard(library), n_bytes, 0
        self._ours, theirs = pty.openpty()
        tty.setraw(theirs)
        os.set_blocking(self._ours, False)
        self.name, self._theirs = os.ttyname(theirs), theirs
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> "Cable":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=10)
        assert not self._thread.is_alive()

    def _work(self) -> None:
        while not self._stop.is_set() and (self._left or not self._pull_at_once()):
            with contextlib.suppress(BlockingIOError):
                self._board.write(os.read(self._ours, 4096))
            if byte := self._board.run(20_000):
                os.write(self._ours, byte)
                self.n_said, self._left = self.n_said + 1, self._left - 1
        os.close(self._theirs)
        os.close(self._ours)

    def _pull_at_once(self) -> bool:
        """Once the host has opened the port and said something."""
        while not self._stop.wait(0.005):
            try:
                os.read(self._ours, 1)
                return True
            except BlockingIOError:
                continue
        return True


def talk(name: str, params: Params, path: Path | None = None) -> int:
    port = SerialPort(name, 115200)
    with Device(Recorder(port, path) if path else port, params, lanes=LANES, session=3) as device:
        answers = device.run(random_spike_times(9, 20, params))
    return len(answers.decisions)


@pytest.fixture(scope="module")
def n_whole(library: Path, params: Params) -> int:
    """Bytes of a whole conversation."""
    with Cable(library, 10**6) as cable:
        assert talk(cable.name, params) == 20
        return cable.n_said


@pytest.mark.parametrize("part", [0, 1, 2, 7, 0.25, 0.5, 0.75, 0.85])
def test_pulled_out_after_so_many_bytes(
    library: Path, params: Params, n_whole: int, tmp_path: Path, part: float
) -> None:
    # The last bytes of a conversation say what the host does not wait for.
    n = int(part * n_whole) if part < 1 else int(part)
    with Cable(library, n) as cable, pytest.raises(LinkError) as caught:
        talk(cable.name, params, tmp_path / "line.jsonl")
    assert str(caught.value).startswith(f"{cable.name}: ")
    assert str(caught.value).endswith("; is the board still there?")
    assert "\n" not in str(caught.value)
    assert cable.n_said == n
    assert (tmp_path / "line.jsonl").read_text().endswith("}\n")  # what has passed is kept


@pytest.mark.parametrize("n", [0, 30])
def test_the_command_says_so_in_a_line(library: Path, folder: Path, n: int) -> None:
    with Cable(library, n) as cable:
        done = hwgen_command(
            *("run", "m", "--port", cable.name, "--lanes", "4,5", "--samples", 3), cwd=folder.parent
        )
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"hwgen: error: {cable.name}: ")


class Faulty:
    """A port of pyserial's that raises in one of its methods, from the n-th call on."""

    in_waiting = 0

    def __init__(self, where: str, error: Exception, n: int = 0) -> None:
        self._where, self._error, self._left = where, error, n

    def _called(self, name: str) -> None:
        if name == self._where:
            if not self._left:
                raise self._error
            self._left -= 1

    def write(self, data: bytes) -> int:
        self._called("write")
        return len(data)

    def read(self, size: int) -> bytes:
        self._called("read")
        return b""

    def flush(self) -> None:
        self._called("flush")

    def close(self) -> None:
        self._called("close")

    def reset_input_buffer(self) -> None:
        self._called("reset_input_buffer")

    def set_low_latency_mode(self, on: bool) -> None:
        self._called("set_low_latency_mode")

    timeout = property(lambda self: None, lambda self, value: self._called("timeout"))


ERRORS = [
    OSError(5, "Input/output error"),
    serial.SerialException("device reports readiness to read but returned no data"),
    termios.error(5, "Input/output error"),
    TypeError("'NoneType' object cannot be interpreted as an integer"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("where", ["write", "read", "timeout", "reset_input_buffer"])
def test_whatever_a_port_raises_is_a_line(monkeypatch, params: Params, where, error) -> None:
    monkeypatch.setattr(serial, "Serial", lambda *_, **__: Faulty(where, error))
    with pytest.raises(LinkError, match=r"^/dev/x: .*; is the board still there\?$"):
        Device(SerialPort("/dev/x", 9600), params)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("where", ["close", "flush", "set_low_latency_mode"])
def test_a_port_that_cannot_be_closed_hides_nothing(monkeypatch, where, error) -> None:
    monkeypatch.setattr(serial, "Serial", lambda *_, **__: Faulty(where, error))
    port = SerialPort("/dev/x", 9600)
    port.write(b"x")
    assert port.read(0.1) == b""
    port.close()


def test_what_is_no_port_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "fifo")
    for name in ("file", "fifo", "nothing", "n" * 300):
        with pytest.raises(LinkError, match=r": cannot be opened \(.*\); serial ports here: "):
            SerialPort(str(tmp_path / name), 115200)
