"""The Verilog of a core as a shared library: CXXRTL (yosys) and a C++ compiler, kept in a cache.

The library is the core with the bench of `sim/cxxrtl/` around it;
`hwgen.verification.cxxrtl_session` calls it. What it is made of decides its name in the cache, so
it is never stale. It appears there whole or not at all: several processes may build the same one,
and any may be killed.
"""

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from hwgen.errors import ToolError
from hwgen.progress import SILENT, Reporter
from hwgen.toolchain import tools

LIBRARY = "core.so"
PHASES = ("yosys", "C++ compiler")
_FLAGS = ("-std=c++14", "-O3", "-DNDEBUG", "-fPIC", "-shared")
_LEFT_S = 24 * 3600  # a folder as old as that was left by a build that was killed
_INIT = re.compile(r"  initial begin\n((?:    \S+\[\d+\] = \d+'[hd][0-9a-f]+;\n)+)  end\n")
_WORD = re.compile(r"    (\S+)\[(\d+)\] = \d+'([hd])([0-9a-f]+);\n")


def build(
    files: Mapping[str, str],
    source: str,
    *,
    cache: Path | None = None,
    reporter: Reporter = SILENT,
) -> Path:
    """Path of the library that yosys, by `core.ys`, and the C++ compiler, of `source`, make; both
    are among `files`, text by name. From the cache, if it is there. Raises `ToolError`.

    cache: a folder, by default one of the user's. reporter: told each of `PHASES`.
    """
    yosys, compiler, runtime = tools.find("yosys"), _compiler(), _runtime()
    known = [_version(yosys, "-V"), _version(*compiler, "--version"), *_FLAGS, source]
    key = hashlib.sha256(repr((known, sorted(files.items()))).encode()).hexdigest()[:32]
    cache = cache or _user_cache()
    found = cache / key / LIBRARY
    if found.is_file():
        return found
    cache.mkdir(parents=True, exist_ok=True)
    _sweep(cache)
    work = Path(tempfile.mkdtemp(dir=cache, prefix="building-"))
    for name, text in files.items():
        (work / name).write_text(text)
    try:
        reporter.phase(PHASES[0])
        tools.run([yosys, "-q", "-s", "core.ys"], cwd=work, log=work / "yosys.log")
        reporter.phase(PHASES[1])
        paths = ["-I", str(runtime), source, "-o", LIBRARY]
        tools.run([*compiler, *_FLAGS, *paths], cwd=work, log=work / "compiler.log")
    except KeyboardInterrupt:
        shutil.rmtree(work, ignore_errors=True)  # after a failure it stays: the error names a log
        raise
    for path in work.iterdir():
        if path.name != LIBRARY:
            path.unlink()
    try:
        work.rename(found.parent)
    except OSError:  # another process was faster
        shutil.rmtree(work, ignore_errors=True)
    if not found.is_file():
        raise ToolError(f"{found}: was built, but is not there; is the cache being cleared?")
    return found


def _user_cache() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("hwgen") / "cxxrtl"


def _compiler() -> list[str]:
    """The command of the C++ compiler: CXX, if set, else g++."""
    compiler = shlex.split(os.environ.get("CXX", "")) or ["g++"]
    if shutil.which(compiler[0]) is None:
        raise ToolError(
            f"{compiler[0]} not found; `apt-get install g++`, or name a compiler by CXX"
        )
    return compiler


def _runtime() -> Path:
    """The folder of CXXRTL's headers, which come with yosys."""
    folder = tools.yosys_share() / "include" / "backends" / "cxxrtl" / "runtime"
    if not (folder / "cxxrtl" / "cxxrtl.h").is_file():
        raise ToolError(f"{folder}: no cxxrtl/cxxrtl.h; this yosys comes without CXXRTL's headers")
    return folder


def _version(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.partition("\n")[0]


def memories(verilog: str) -> dict[str, str]:
    """The Verilog with the contents of its memories in files of their own, and these files.

    yosys reads both, but of 15 000 assignments it takes a minute, of a file no time.
    """
    files: dict[str, str] = {}

    def to_file(block: re.Match[str]) -> str:
        words = _WORD.findall(block[1])
        names = {name for name, *_ in words}
        if len(names) > 1 or [int(index) for _, index, *_ in words] != list(range(len(words))):
            return block[0]  # not as Amaranth writes memories: left to yosys
        name = f"memory_{len(files)}.hex"
        values = [int(digits, 16 if base == "h" else 10) for _, _, base, digits in words]
        files[name] = "".join(f"{value:x}\n" for value in values)
        return f'  initial $readmemh("{name}", {names.pop()});\n'

    return {"core.v": _INIT.sub(to_file, verilog)} | files


def _sweep(cache: Path) -> None:
    """Remove what builds that were killed, or failed, left behind."""
    for folder in cache.glob("building-*"):
        try:
            old = time.time() - folder.stat().st_mtime > _LEFT_S
        except OSError:  # just removed by another process
            continue
        if old:
            shutil.rmtree(folder, ignore_errors=True)
