"""Run each YoWASP tool once: its first run translates it for this machine and keeps the result.

One after the other, because the translation of yosys takes a minute and 2 GB, and because tools
that find no translation print a notice, which other programs take for an answer.
Use: ``python -m hwgen.toolchain.warmup``
"""

import subprocess
import sys
import time

from hwgen.errors import ToolError
from hwgen.toolchain import tools

TOOLS = (
    "yosys",
    "nextpnr-ice40",
    "icepack",
    "nextpnr-ecp5",
    "ecppack",
    "nextpnr-himbaechel",
)


def main() -> int:
    """Warm up what is installed; returns the exit status."""
    status = 0
    for name in TOOLS:
        try:
            command = tools.find(name)
        except ToolError as error:
            print(f"{name}: {error}", file=sys.stderr)
            status = 2
            continue
        print(f"{name}: first run of {command}, which may take a minute ...", flush=True)
        start = time.monotonic()
        # The status tells nothing: icepack answers its help with 1.
        subprocess.run([command, "--help"], capture_output=True, check=False)
        print(f"{name}: ready after {time.monotonic() - start:.1f} s", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
