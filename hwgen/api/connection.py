"""The line to a board, or to a compiled one; and samples through it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hwgen.boards import board as board_module
from hwgen.host import Device, Replay, SerialPort, Transport
from hwgen.host import run as flow
from hwgen.host.run import Batch, RunResult
from hwgen.network.design import Design
from hwgen.progress import Reporter


def compiled(design: Design, reporter: Reporter) -> Path:
    """The design behind its serial line, as a library: minutes the first time, then kept."""
    from hwgen.host import simulated  # which brings Amaranth

    reporter.phase("elaborate")
    return simulated.compile_board(design, reporter=reporter)


@contextmanager
def transport(
    port: str, baud: int, replay: Path | None = None, library: Path | None = None
) -> Iterator[Transport]:
    """A serial port; of a library, one end of a pseudo-terminal; or what was captured before."""
    if library:
        from hwgen.host import simulated

        with simulated.SimulatedPort(library) as there:
            yield SerialPort(there.name, baud)
    else:
        yield Replay(replay) if replay else SerialPort(port, baud)


def run_on_board(
    design: Design, batch: Batch, board: str, port: str, reporter: Reporter
) -> RunResult:
    """Samples through the core at a port, or, if that is "", through the compiled board."""
    params = design.params
    library = None if port else compiled(design, reporter)
    baud = board_module.load(board).uart.baud
    with (
        transport(port, baud, library=library) as line,
        Device(line, params, lanes=design.lanes) as device,
    ):
        return flow.run(device, params, batch, fill=design.is_filled, reporter=reporter)
