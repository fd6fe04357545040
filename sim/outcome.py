"""What a bench found, handed to the process that started it."""

import json
import os
from pathlib import Path
from typing import Any


def write(job: Path, result: dict[str, Any]) -> None:
    """Write `result.json` into the job's folder, marked with the run that asked for it.

    The mark is what `hwgen.toolchain.simulator` gave in HWGEN_RUN: it takes no other run's result.
    """
    marked = result | {"run": os.environ.get("HWGEN_RUN", "")}
    (job / "result.json").write_text(json.dumps(marked))
