"""`make mutate`: plants faults in cores, one at a time, and asks `cosim` and `verify` about each.

    python tests/mutation/mutate.py [--only WORD] [--table]

Every harmful fault must be reported as a mismatch by both, a harmless one by neither, nor a network
without a fault. `--only`: of those whose name, network, kind or file contains the word. `--table`
prints, in place of the faults, the table of docs/evidence.md. Exit status 1 if one is not as
expected.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from judging import Outcome, judge
from planting import Mutant, load, sound
from rich.console import Console
from rich.progress import track

FOLDER = Path("build/mutate")
N_PROCESSES = 2


def main(arguments: Sequence[str], mutants: Sequence[Mutant] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", metavar="WORD")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args(arguments)
    chosen = [m for m in (load() if mutants is None else mutants) if _has(m, options.only)]
    if not chosen:
        print(f"no fault has {options.only!r} in it", file=sys.stderr)
        return 2
    started = time.monotonic()
    outcomes = run([*map(sound, dict.fromkeys(m.net for m in chosen)), *chosen])
    print(table(outcomes) if options.table else "\n".join(_line(o) for o in outcomes))
    print(f"\n{summary(outcomes)}, {time.monotonic() - started:.0f} s")
    return 0 if all(outcome.ok for outcome in outcomes) else 1


def run(mutants: Sequence[Mutant], folder: Path = FOLDER) -> list[Outcome]:
    """All of them, side by side; outcomes in the same order."""
    # What a process needs of cores that were compiled before is in the folder: nothing is shared.
    with ProcessPoolExecutor(min(N_PROCESSES, os.cpu_count() or 1)) as pool:
        # The last first: cores that learn take longest.
        waiting = {pool.submit(judge, mutant, folder): mutant for mutant in reversed(mutants)}
        console, done = Console(stderr=True), {}
        for future in track(as_completed(waiting), "planting", len(waiting), console=console):
            outcome = done[waiting[future]] = future.result()
            if not outcome.ok:
                print(f"NOT AS EXPECTED: {outcome.message}\n", file=sys.stderr, flush=True)
    return [done[mutant] for mutant in mutants]


def _has(mutant: Mutant, word: str) -> bool:
    return any(word in text for text in (mutant.name, mutant.net, mutant.kind, mutant.file))


def _line(outcome: Outcome) -> str:
    mutant = outcome.mutant
    mark = "ok  " if outcome.ok else "FAIL"
    return (
        f"{mark} {mutant.expected:8} {mutant.kind}: {mutant.name} ({mutant.net})\n"
        f"       cosim:  {outcome.cosim}\n       verify: {outcome.verify}"
    )


def summary(outcomes: Sequence[Outcome]) -> str:
    harmful = [o for o in outcomes if o.mutant.expected == "caught"]
    harmless = [o for o in outcomes if o.mutant.expected == "harmless"]
    caught = [sum(bool(getattr(o, by).found) for o in harmful) for by in ("cosim", "verify")]
    told = [sum(bool(getattr(o, by).found) for o in harmless) for by in ("cosim", "verify")]
    return (
        f"{len(harmful)} harmful faults: cosim found {caught[0]}, verify {caught[1]}; "
        f"{len(harmless)} harmless: cosim reported {told[0]}, verify {told[1]}"
    )


def table(outcomes: Sequence[Outcome]) -> str:
    """A row for each kind, in Markdown."""
    rows = [
        "| fault | planted | `cosim` | `verify` | harmless | reported | for example |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind in dict.fromkeys(outcome.mutant.kind for outcome in outcomes):
        mine = [o for o in outcomes if o.mutant.kind == kind]
        harmful = [o for o in mine if o.mutant.expected == "caught"]
        harmless = [o for o in mine if o.mutant.expected == "harmless"]
        found = [sum(bool(getattr(o, by).found) for o in harmful) for by in ("cosim", "verify")]
        told = sum(bool(o.cosim.found) + bool(o.verify.found) for o in harmless)
        names = [o.mutant.name for o in (harmful or harmless)]
        examples = "; ".join(names[:: max(1, len(names) // 3)][:3])
        numbers = (len(harmful), *found, len(harmless), told)
        rows.append(f"| {kind} | {' | '.join(map(str, numbers))} | {examples} |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
