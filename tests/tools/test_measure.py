"""The limits of docs/architecture.md hold: what `tools/measure.py` prints."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def measured(*arguments):
    command = [sys.executable, ROOT / "tools" / "measure.py", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_nothing_is_over_the_limits():
    done = measured()
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "nothing is over the limits")


def test_what_is_over_a_limit_is_named(tmp_path):
    body = "\n".join("    x = 1" for _ in range(60))
    (tmp_path / "long.py").write_text(
        f'"""A module."""\n\n\ndef f(a, b, c, d, e, f, g, h, i):\n{body}\n'
    )
    done = measured(tmp_path)
    assert done.returncode == 1
    assert "long.py:4 f: 61 lines" in done.stdout
    assert "long.py:4 f: 9 parameters" in done.stdout
    assert "docstrings are 1.6 % of lines" in done.stdout
