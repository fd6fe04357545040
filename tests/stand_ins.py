"""Stand-ins for outside tools: executable Python scripts."""

import stat
import sys
from pathlib import Path


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!{sys.executable}\nimport pathlib, sys, time\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path
