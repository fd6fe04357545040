"""Routes one small network with each option of a neuron that fires again: what an option costs.

Prints the table of docs/architecture.md and writes `neurons.json`. Ten minutes of a core. The last
rows have the leak by multipliers, which yosys maps to DSP blocks, in place of shifts and adds.

Use: ``.venv/bin/python benchmarks/neurons.py [--only WORD]``
"""

import argparse
import json
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "helpers"))

from direct_nets import direct  # noqa: E402
from multi_spike_nets import multi_spike  # noqa: E402

from hwgen.boards import board  # noqa: E402
from hwgen.build import synthesis  # noqa: E402
from hwgen.estimate.design import for_board  # noqa: E402

TABLE = Path(__file__).parent / "neurons.json"
BOARDS = ("icebreaker", "ulx3s_85f")
SHAPE, LANES = "8x8-32-10", (4, 4)
PLAIN: dict[str, Any] = {"reset": "subtract", "leak_shift": 3, "weight_bits": 4}
TENTH = {"leak_times": 102, "fraction_bits": 4}
# name: neuron fields besides, and other arguments.
OPTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain: subtract, leak 1/8": ({}, {}),
    "reset to zero": ({}, {"reset": "zero"}),
    "fraction_bits 4": ({"fraction_bits": 4}, {}),
    "bias_bits 8": ({"bias_bits": 8}, {}),
    "leak 3/32": ({"leak_times": 3}, {"leak_shift": 5}),
    "leak 102/1024, fraction_bits 4": (TENTH, {"leak_shift": 10}),
    "order leak, reset": ({"order": "leak, reset"}, {}),
    "fires at": ({"fires": "at"}, {}),
    "direct input of 8 bits": ({}, {"direct": True}),
    "all together": (
        TENTH | {"bias_bits": 8, "order": "leak, reset", "fires": "at"},
        {"leak_shift": 10, "direct": True},
    ),
    "leak 102/1024, fraction_bits 4, by DSP": (TENTH, {"leak_shift": 10, "dsp": True}),
}


def by_product(potential: Any, neuron: Any, bits: int) -> Any:
    """The leak with a multiplier: what the core does not use."""
    return (potential * neuron.leak_times >> neuron.leak_shift)[:bits].as_signed()


def route(name: str, target: str) -> dict[str, object]:
    neuron, how = OPTIONS[name]
    is_direct, by_dsp = (how.get(key, False) for key in ("direct", "dsp"))
    others = {key: value for key, value in how.items() if key not in ("direct", "dsp")}
    params = multi_spike(1, SHAPE, neuron=neuron, **PLAIN | others)
    params = direct(params) if is_direct else params
    folder = ROOT / "build" / "neurons" / f"{params.digest[:12]}-{target}{'-dsp' * by_dsp}"
    design = for_board(params, board.load(target), LANES)
    with ExitStack() as stack:
        if by_dsp:
            stack.enter_context(patch("hwgen.hdl.neurons.multi_spike.leak", by_product))
            if board.load(target).family == "ice40":
                stack.enter_context(patch.dict(os.environ, AMARANTH_synth_opts="-dsp"))
        built = synthesis.build(design, board.load(target), build_dir=folder, early_exit=True)
    return {
        "option": name,
        "board": target,
        "luts": built.luts.used,
        "ffs": built.ffs.used,
        "brams": built.brams.used,
        "dsps": built.dsps.used,
        "fmax_hz": built.fmax_hz,
        "potential_bits": [layer.potential_bits for layer in params.spec.weighted],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", metavar="WORD")
    options = parser.parse_args()
    rows = json.loads(TABLE.read_text()) if TABLE.is_file() else []
    for name in (name for name in OPTIONS if options.only in name):
        for target in BOARDS:
            row = route(name, target)
            rows = [r for r in rows if (r["option"], r["board"]) != (name, target)] + [row]
            rows.sort(key=lambda r: list(OPTIONS).index(r["option"]))
            TABLE.write_text("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]\n")
            print(f"{name} on {target}: {row['luts']}, {row['fmax_hz'] / 1e6:.1f}", flush=True)
    print(table(rows))
    return 0


def table(rows: list[dict[str, Any]]) -> str:
    """In Markdown."""
    lines = ["| | " + " | ".join(f"{b}: LUTs, FFs, blocks, MHz" for b in BOARDS) + " |"]
    lines.append("|---" * (1 + len(BOARDS)) + "|")
    for name in OPTIONS:
        cells = []
        for target in BOARDS:
            row = next((r for r in rows if (r["option"], r["board"]) == (name, target)), None)
            cells.append(
                f"{row['luts']}, {row['ffs']}, {row['brams']}, {row['fmax_hz'] / 1e6:.1f}"
                if row
                else ""
            )
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
