"""Networks of frameworks in NIR: how many of their spikes golden has.

    python benchmarks/nir_files.py FOLDER [--data-dir D] [--weight-bits 8]

FOLDER holds NAME.nir, NAME.npz with `inputs` or `images` and the framework's own `spikes`, and
about.json: by name, `framework` with its version, `reset`, `steps`, `encoding`. Of a file with
`decisions_test_set` in its .npz, decisions on all of MNIST's test images are compared, too. Prints
a table of all files, and writes nir_files.json beside this file.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hwgen.data.for_network import data_of
from hwgen.data.inputs import encoded
from hwgen.errors import HwgenError
from hwgen.files import write_atomic
from hwgen.flows import import_nir as flow
from hwgen.flows.import_nir import Asked, Compared
from hwgen.golden import Golden
from hwgen.model.folder import ModelFolder
from hwgen.nir import dialects, reading
from hwgen.nir.quantise import Wanted
from hwgen.nir.verdict import Count

FILE = Path(__file__).with_suffix(".json")
DEFAULT_STEPS = 20  # of files whose steps nobody says: random inputs


def row_of(framework: str) -> str:
    """The row of the table of dialects: "norse 1.1.0" -> "norse-1.1"."""
    name, _, version = framework.partition(" ")
    exact = f"{name}-{version.rpartition('.')[0]}"
    return exact if exact in dialects.DIALECTS else name


def asked_of(path: Path, about: Mapping[str, Any], weight_bits: int | None) -> Asked:
    """What no file says, by about.json; of a file that it does not name, by the numbers."""
    framework = about.get("framework", "")
    source = row_of(framework) if framework else ""
    if not source:
        guessed = dialects.guess(reading.read(path)[0]).partition(" ")[0]
        # The several spikes a step of sinabs's default are no file's to say.
        source = "sinabs-single" if guessed == "sinabs" else guessed
    with np.load(path.with_suffix(".npz")) if path.with_suffix(".npz").exists() else _NONE as file:
        steps = about.get("steps") or (file["spikes"].shape[0] if "spikes" in file else None)
        is_direct = "direct" in about.get("encoding", "") or "images" in file
    row = dialects.DIALECTS.get(source)
    reset = about.get("reset") or (row.reset if row else None) or "subtract"
    return Asked(
        source=source,
        reset=reset,
        n_steps=steps or DEFAULT_STEPS,
        encoding="direct" if is_direct else "rate",
        wanted=Wanted(weight_bits=weight_bits),
    )


class _Nothing(dict):  # type: ignore[type-arg]
    """As np.load of no file."""

    def __enter__(self) -> "_Nothing":
        return self

    def __exit__(self, *_: object) -> None:
        pass


_NONE = _Nothing()


def measured(path: Path, about: Mapping[str, Any], weight_bits: int | None, data_dir: Path | None):
    """A row of the table, as a table of plain values."""
    found: dict[str, Any] = {"file": path.stem, "framework": about.get("framework", "")}
    try:
        asked = asked_of(path, about, weight_bits)
        found |= {"from": asked.source, "reset": asked.reset, "steps": asked.n_steps}
        npz = path.with_suffix(".npz")
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "model"
            compared = Compared(inputs=npz if npz.exists() else None)
            result = flow.import_nir(path, folder, asked, compared)
            params = ModelFolder(folder).params()
    except HwgenError as error:
        return found | {"refused": str(error).removeprefix(f"{path}: ")}
    verdict = result.verdict.to_json()
    found |= {
        "network": result.shape,
        "weight_bits": [layer.weight_bits for layer in params.spec.weighted],
        "potential_bits": [layer.potential_bits for layer in params.spec.weighted],
        "samples": verdict["source"],
        "layers": verdict["layers"],
        "golden": verdict["golden"],
        "rule": verdict["rule"],
    }
    if npz.exists():
        with np.load(npz) as file:
            if "decisions_test_set" in file:
                found["decisions"] = decisions(params, file["decisions_test_set"], data_dir)
    return found


def decisions(params, expected, data_dir: Path | None) -> dict[str, int]:
    """On MNIST's test set: by most spikes, of equals the lowest index, as the framework's are."""
    tests = data_of(params, "test", name="mnist", data_dir=data_dir)
    golden, n_equal = Golden(params), 0
    for start in range(0, len(tests), golden.batch_size):
        part = slice(start, start + golden.batch_size)
        spikes = golden.run(encoded(tests, params.spec, part)).spike_times[-1]
        counts = spikes.sum(axis=1, dtype=np.int64)
        n_equal += int((counts.argmax(axis=1) == expected[part]).sum())
    return {"n_equal": n_equal, "n": len(tests)}


def lines(rows) -> list[str]:
    """The table, in Markdown."""
    made = [
        "| file | rule | network | hidden and output spikes, rule = golden "
        "| framework = rule | framework = golden | |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        rule = f"{row.get('from', '')}, {row['reset']}" if "reset" in row else ""
        if "refused" in row:
            made.append(f"| {row['file']} | {rule} | | | | | refused: {row['refused']} |")
            continue
        layers = ", ".join(str(Count(**count)).partition(" of")[0] for count in row["layers"])
        shares = [str(Count(**row[x])) if row[x] else "" for x in ("rule", "golden")]
        more = ""
        if "decisions" in row:
            n_equal, n = row["decisions"]["n_equal"], row["decisions"]["n"]
            more = f"{100 * n_equal / n:.2f} % of {n:,} decisions equal"
        cells = [row["file"], rule, row["network"], layers, *shares, more]
        made.append(f"| {' | '.join(cells)} |")
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--weight-bits", type=int, help="default: as few as are exact, else 8")
    options = parser.parse_args()
    path = options.folder / "about.json"
    about = json.loads(path.read_text()) if path.exists() else {}
    rows = [
        measured(file, about.get(file.stem, {}), options.weight_bits, options.data_dir)
        for file in sorted(options.folder.glob("*.nir"))
    ]
    print("\n".join(lines(rows)))
    write_atomic(FILE, json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
