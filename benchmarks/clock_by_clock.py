"""Cycles of an event-driven core against the same network evaluated clock by clock.

    python benchmarks/clock_by_clock.py nmnist-csnn [--lanes 12,1,16,1,16,10] [--samples 20]

Event-driven: what `hwgen verify` counts, samples back to back. Clock by clock: the same lanes, but
in each step each synapse is visited, whether its input fires or not; layers side by side, so that
the slowest counts, and nothing else costs anything.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from hwgen.boards import board
from hwgen.estimate.design import for_board
from hwgen.model import folder as model_folder
from hwgen.network.design import Design
from hwgen.network.params import Params
from hwgen.network.spikes import n_spikes
from hwgen.protocol.memory import n_blocks
from hwgen.verification import verify
from hwgen.verification.job import Job


def visits(params: Params, lanes: Sequence[int]) -> list[int]:
    """Of each layer that has weights, cycles that all its synapses take in all steps."""
    cycles = []
    for layer, n in zip(params.spec.layers, lanes, strict=True):
        if layer.kind == "pool2d":
            continue
        reached = layer.n_synapses // layer.n_thresholds  # positions, of all inputs together
        cycles.append(reached * n_blocks(layer.n_thresholds, n) * params.spec.n_steps)
    return cycles


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Cycles of an event-driven core against one evaluated clock by clock."
    )
    parser.add_argument("model")
    parser.add_argument("--board", default="ulx3s_25f")
    parser.add_argument("--lanes", default="")
    parser.add_argument("--samples", type=int, default=20)
    options = parser.parse_args()
    folder = model_folder.find(options.model)
    params = folder.params()
    given = options.lanes.split(",") if options.lanes else []
    lanes = tuple(map(int, given)) or for_board(params, board.load(options.board)).lanes
    inputs = folder.vectors(params).inputs[: options.samples]
    folder_made = Path("build") / "clock-by-clock"
    found = verify.run(Job(design=Design(params, lanes), inputs=inputs, build_dir=folder_made))
    found.check()
    clocked = visits(params, lanes)
    figures = {
        "lanes": lanes,
        "samples": len(inputs),
        "input events": float(n_spikes(inputs, params.spec.n_steps).mean()),
        "cycles, event-driven": round(found.cycles_per_sample),
        "cycles, clock by clock": max(clocked),
        "of each layer with weights": clocked,
        "ratio": round(max(clocked) / found.cycles_per_sample, 1),
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
