"""What lanes do for on-chip learning: cycles of an update, Fmax when routed, weights a second.

For each number of lanes of the hidden layer: places and routes the core with its serial line, and
counts cycles in the compiled core while it learns. Prints a row of a table each; finished rows are
kept in the build folder, so that an interrupted run goes on.

    python benchmarks/learning_lanes.py digits-learn --board ulx3s_85f --lanes 8 16 32 64 128
"""

import argparse
import json
from pathlib import Path
from typing import Any

from hwgen.boards import board
from hwgen.build import synthesis
from hwgen.cli.console import progress
from hwgen.data import labelled
from hwgen.estimate.design import for_board
from hwgen.files import write_atomic
from hwgen.model import folder as model_folder
from hwgen.network.params import Params
from hwgen.verification import verify
from hwgen.verification.job import Job
from hwgen.verification.passes import learning_passes

HEAD = """\
| lanes | LUT | BRAM | DSP | Fmax | cycles an update | weights a cycle | weights/s |
|---|---|---|---|---|---|---|---|"""


def measured(
    params: Params, lanes: tuple[int, ...], target: board.Board, n: int, options: Any
) -> dict[str, Any]:
    folder = options.build_dir / f"{params.name}-{target.name}-{'-'.join(map(str, lanes))}"
    kept = folder / "row.json"
    if kept.is_file():
        row: dict[str, Any] = json.loads(kept.read_text())
        if row["digest"] == params.digest:
            return row
    design = for_board(params, target, lanes)
    with progress(f"{lanes}") as reporter:
        routed = synthesis.build(design, target, build_dir=folder, reporter=reporter)
    with progress(f"{lanes} learns") as reporter:
        samples = labelled.choose(params, n, data_dir=options.data_dir)
        job = Job(
            design=design,
            inputs=samples.inputs,
            build_dir=folder / "verify",
            labels=samples.labels,
            truths=samples.truths,
            passes=learning_passes(read_every=None),
        )
        learnt = verify.run(job, reporter=reporter)
    learnt.check()
    assert learnt.learning is not None
    row = {
        "digest": params.digest,
        "lut": routed.luts.used,
        "bram": routed.brams.used,
        "dsp": routed.dsps.used,
        "fmax_hz": routed.fmax_hz,
        "cycles": learnt.learning.update_cycles_mean,
        "weights": learnt.learning.weights_per_cycle,
    }
    write_atomic(kept, json.dumps(row))
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--board", default="ulx3s_85f")
    parser.add_argument("--lanes", type=int, nargs="+", default=[8, 16, 32, 64, 128])
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--build-dir", type=Path, default=Path("build") / "learning-lanes")
    options = parser.parse_args()
    params, target = model_folder.find(options.model).params(), board.load(options.board)
    rows = []
    for number in options.lanes:
        lanes = (number, *for_board(params, target).lanes[1:])
        row = measured(params, lanes, target, options.samples, options)
        rows.append(
            f"| {','.join(map(str, lanes))} | {row['lut']} | {row['bram']} | {row['dsp']} "
            f"| {row['fmax_hz'] / 1e6:.1f} MHz | {row['cycles']:.0f} | {row['weights']:.1f} "
            f"| {row['weights'] * row['fmax_hz'] / 1e6:.0f} M |"
        )
        print("\n".join([HEAD, *rows]), flush=True)


if __name__ == "__main__":
    main()
