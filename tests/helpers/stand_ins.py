"""Outside tools in tests: which are needed, and stand-ins for them."""

import os
import stat
import sys
from pathlib import Path

import pytest
from tool_output import ICE40_CELLS, ICE40_REPORT

from hwgen.errors import ToolError
from hwgen.toolchain import tools


def needs(*names: str) -> None:
    """Skip without these tools; but where CI is set, all must be there."""
    try:
        for name in names:
            tools.find(name)
    except ToolError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!{sys.executable}\nimport pathlib, sys, time\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def put_tools(folder: Path) -> None:
    """yosys and nextpnr that write what the real ones wrote, kept beside them in files that a test
    can change."""
    (folder / "cells").write_text(ICE40_CELLS)
    (folder / "report").write_text(ICE40_REPORT)
    here = f"folder = pathlib.Path({str(folder)!r})\n"
    script(
        folder / "yosys",
        here + "if '-V' in sys.argv: print('Yosys 0.70'); sys.exit()\n"
        "pathlib.Path('top.stat.json').write_text((folder / 'cells').read_text())",
    )
    script(
        folder / "nextpnr-ice40",
        here + "pathlib.Path('top.report.json').write_text((folder / 'report').read_text())",
    )


def hide_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No tool is found any more, but those put into the folder returned."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(tools.sysconfig, "get_path", lambda _: str(tmp_path / "nowhere"))
    for name in ("YOSYS", "NEXTPNR_ICE40", "ICEPACK", "NEXTPNR_HIMBAECHEL"):
        monkeypatch.delenv(name, raising=False)
    return folder
