"""Pages of the documentation whose blocks are run, as their readers would."""

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def run_python(page: str, n_blocks: int) -> None:
    """All Python blocks of a page, in one namespace, in the current folder; there must be so
    many."""
    path = DOCS / page
    blocks = re.findall(r"^```python\n(.*?)^```", path.read_text(), re.M | re.S)
    assert len(blocks) == n_blocks
    names: dict[str, object] = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, str(path), "exec"), names)
