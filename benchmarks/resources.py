"""Routes small networks on a board of each family: what `hwgen estimate` is calibrated on.

Writes `resources.json`: "routed", a row a design (the network, its lanes, what nextpnr said), and
"cycles", a row a simulation in the `results.json` of the models that ship. Half an hour of a core.
What is routed already is not routed again; `--models NAME/BOARD` adds shipped models.

Use: ``.venv/bin/python benchmarks/resources.py [--cycles] [--models mnist-up5k/icebreaker ...]``
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "helpers"))

from multi_spike_nets import multi_spike  # noqa: E402
from samples import learning_params, random_network, random_params  # noqa: E402

from hwgen.boards import board  # noqa: E402
from hwgen.build import synthesis  # noqa: E402
from hwgen.errors import HwgenError  # noqa: E402
from hwgen.estimate import cycles, memories  # noqa: E402
from hwgen.estimate.design import for_board  # noqa: E402
from hwgen.model import folder as model_folder  # noqa: E402
from hwgen.network.design import Design  # noqa: E402
from hwgen.network.params import Params  # noqa: E402
from hwgen.protocol.words import VERSION  # noqa: E402

TABLE = Path(__file__).parent / "resources.json"
REFERENCE = random_params(5, (64, 48, 4), uniform=True)  # built for every board
DESIGNS: list[tuple[Params, tuple[int, ...]]] = [
    (random_network(1, "8x8-16-4", uniform=True), (1, 1)),
    (random_network(1, "8x8-96-10", n_steps=16), (8, 10)),
    (random_network(1, "12x12-8C3-P2-16C3-P2-10"), (8, 1, 8, 1, 10)),
    (random_network(1, "16x16-80-10", weight_bits=4), (16, 10)),
    (learning_params("step", 1, "8x8-64-10", layers="all", shadow_bits=8), (8, 10)),
    (random_network(1, "16x16-64-10", psp="ramp", weight_bits=3), (8, 10)),
    (random_network(1, "28x28-100-10", n_steps=8, uniform=True), (20, 10)),
    (random_network(1, "14x14-8C5-P2-10", psp="ramp", weight_bits=4), (4, 1, 10)),
    (random_network(1, "20x20-120-26", weight_bits=2, uniform=True), (8, 26)),
    # On the UP5K weights of these lie in SPRAM, loaded over the link.
    (random_network(1, "28x28-200-10", n_steps=8, uniform=True), (8, 10)),
    (random_network(1, "20x20-150-10", weight_bits=2, uniform=True), (10, 10)),
    (multi_spike(1, "12x12-8C3-P2-16C3-P2-10", weight_bits=4), (8, 1, 8, 1, 10)),
    (
        multi_spike(
            1,
            "16x16-64-10",
            reset="subtract",
            leak_shift=2,
            readout="potential",
            weight_bits=3,
            n_steps=10,
        ),
        (16, 10),
    ),
    (multi_spike(1, "20x20x2-8C5s2-32-10", reset="subtract", weight_bits=2), (8, 4, 10)),
]
TARGETS = {name: board.load(name) for name in board.names()}
BOARDS = ("tang_nano_9k", "icebreaker", "ulx3s_25f")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="*", default=[], metavar="NAME/BOARD")
    parser.add_argument("--cycles", action="store_true", help="only these anew")
    options = parser.parse_args()
    wanted = options.models
    tables = json.loads(TABLE.read_text()) if TABLE.is_file() else {"routed": [], "cycles": []}
    if options.cycles:
        tables["cycles"] = counted()
        write(tables)
        return 0
    jobs = [(REFERENCE, (8, 4), name) for name in TARGETS]
    jobs += [(params, lanes, name) for params, lanes in DESIGNS for name in BOARDS]
    if wanted:
        jobs = []
        for name, _, target in (wish.partition("/") for wish in wanted):
            params = model_folder.find(name).params()
            jobs.append((params, for_board(params, TARGETS[target]).lanes, target))
    for params, lanes, name in jobs:
        rows = tables["routed"]
        known = [r for r in rows if _design(r) == (params.digest, list(lanes), name)]
        if any(r["protocol"] == VERSION for r in known):
            continue
        row = route(params, lanes, name)
        if row:
            rows[:] = [r for r in rows if r not in known]  # routed with an older link
            rows.append(row)
            write(tables)
    return 0


def _design(row: dict[str, object]) -> tuple[object, ...]:
    return row["digest"], row["lanes"], row["board"]


def write(tables: dict[str, list[dict[str, object]]]) -> None:
    """A row a line."""
    parts = [
        f'"{name}": [\n' + ",\n".join(json.dumps(row) for row in rows) + "\n]"
        for name, rows in tables.items()
    ]
    TABLE.write_text("{" + ",\n".join(parts) + "}\n")


def counted() -> list[dict[str, object]]:
    """What `cosim` has counted, and what `hwgen.estimate.cycles` makes of golden's spikes."""
    rows: list[dict[str, object]] = []
    for name in model_folder.shipped():
        folder = model_folder.find(name)
        if not folder.params_path.is_file():
            continue
        params = folder.params()
        inputs = folder.vectors(params).inputs[: cycles.N_SAMPLES]
        for key, entry in json.loads((folder.path / "results.json").read_text()).items():
            if key.startswith("cosim "):
                rows.append(
                    {
                        "model": name,
                        "lanes": entry["lanes"],
                        "cycles": entry["cycles_per_sample"],
                        "features": cycles.features(Design(params, entry["lanes"]), inputs),
                    }
                )
    return rows


def route(params: Params, lanes: tuple[int, ...], name: str) -> dict[str, object] | None:
    """A row; None if the design does not fit."""
    design = for_board(params, TARGETS[name], lanes)
    try:
        built = synthesis.build(
            design,
            TARGETS[name],
            build_dir=ROOT / "build" / "resources" / f"{params.digest[:12]}-{name}",
            early_exit=True,
        )
    except HwgenError as error:
        print(f"{params.spec.shape} on {name}: {error}", flush=True)
        return None
    print(f"{params.spec.shape} on {name}: {built.luts}, {built.fmax_hz / 1e6:.1f}", flush=True)
    return {
        "board": name,
        "shape": params.spec.shape,
        "digest": params.digest,
        "lanes": lanes,
        "luts": built.luts.used,
        "ffs": built.ffs.used,
        "brams": built.brams.used,
        "sprams": built.sprams.used,
        "loaded_layers": list(built.loaded_layers),
        "memory_tables": memories.memory_tables(design, TARGETS[name]),
        "fmax_hz": built.fmax_hz,
        "protocol": VERSION,
        "spec": params.spec.to_json(),
    }


if __name__ == "__main__":
    sys.exit(main())
