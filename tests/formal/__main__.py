"""`make prove`: all proofs, or those whose names contain one of the given words."""

import sys
from concurrent.futures import as_completed
from pathlib import Path

from formal.proof import Proof
from formal.runs import Outcome, jobs_of, running
from formal.table import PROOFS
from rich.console import Console
from rich.progress import track
from rich.table import Table

FOLDER = Path("build/prove")


def main(words: list[str]) -> int:
    """Returns the exit status: 0, or 1 if a proof fails or a fault is not found, or 2."""
    proofs = [p for p in PROOFS if not words or any(word in p.name for word in words)]
    if not proofs:
        names = "; ".join(p.name for p in PROOFS)
        print(f"no proof's name contains {' or '.join(words)}; there are: {names}", file=sys.stderr)
        return 2
    outcomes = []
    with running(jobs_of(proofs), FOLDER) as futures:
        waiting = as_completed(futures.values())
        bar = Console(stderr=True)
        for future in track(waiting, "proving", total=len(futures), console=bar):
            outcomes.append(future.result())
    Console(width=None if sys.stdout.isatty() else 120).print(table(proofs, outcomes))
    failed = [outcome for outcome in outcomes if not outcome.ok]
    for outcome in failed:
        print(outcome.message, file=sys.stderr)
    return 1 if failed else 0


def table(proofs: list[Proof], outcomes: list[Outcome]) -> Table:
    shown = Table("proof", "mode", "depth", "seconds", "result", "planted faults found")
    for proof in proofs:
        mine = [outcome for outcome in outcomes if outcome.job.proof is proof]
        own = next(outcome for outcome in mine if not outcome.job.fault)
        found = sum(outcome.ok for outcome in mine if outcome.job.fault)
        seconds = f"{own.verdict.seconds:.1f}"
        faults = f"{found} of {len(proof.faults)}"
        shown.add_row(proof.name, proof.mode, str(proof.depth), seconds, own.verdict.status, faults)
    return shown


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
