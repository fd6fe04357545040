"""`make soak`: no state leaks from one sample into the next, nor through a reset.

    python tests/soak/soak.py [--samples 10000] [--rounds 1000] [--seed 1] [--only WORD]

Every network of `soak_nets`, then every leak of `leaks.toml`, on all cores. Exit status 1 if a core
and golden differ, or if a leak is not found.
"""

import argparse
import os
import sys
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from formal.planted import Fault
from rich.console import Console
from rich.progress import track
from rich.table import Table
from soak_nets import NETS
from soak_runs import Tally, resets, soak

CACHE = Path("build/soak")
# To find a leak; of the soak, of the resets.
LEAK_SAMPLES, LEAK_ROUNDS = 2000, 300


@dataclass(frozen=True)
class Leak:
    """`by`: "soak" or "resets", which must find it; "": it must be found by neither."""

    what: str
    module: str
    old: str
    new: str
    net: str
    by: str

    @property
    def fault(self) -> Fault:
        return Fault(self.module, self.old, self.new)


@dataclass(frozen=True)
class Outcome:
    """Of a network, or of one with a leak."""

    name: str
    leak: Leak | None
    soak: Tally
    resets: Tally
    seconds: float

    @property
    def found_by(self) -> list[str]:
        both = {"soak": self.soak, "resets": self.resets}
        return [name for name, tally in both.items() if tally.mismatch]

    @property
    def why(self) -> str:
        """What is not as it must be; empty if all is."""
        if self.leak:
            wanted = self.leak.by in self.found_by if self.leak.by else not self.found_by
            found = " and ".join(self.found_by) or "nothing"
            wish = self.leak.by or "nothing"
            return "" if wanted else f"must be found by {wish}, is found by {found}"
        if self.soak.n_idle:
            return f"{self.soak.n_idle} cycles without a stall went by idly"
        return self.soak.mismatch or self.resets.mismatch


def leaks() -> list[Leak]:
    table = tomllib.loads((Path(__file__).parent / "leaks.toml").read_text())
    return [Leak(**leak) for leak in table["leak"]]


def run(
    name: str, leak: Leak | None, n_samples: int, n_rounds: int, seed: int, cache: Path = CACHE
) -> Outcome:
    """The soak and the resets of a network, or of one with a leak; each ends at a mismatch."""
    start, net = time.monotonic(), NETS[name]
    core = net.core(cache, leak.fault if leak else None)
    soaked = soak(net, core, n_samples, seed)
    reset = resets(net, core, n_rounds, seed)
    return Outcome(name, leak, soaked, reset, time.monotonic() - start)


def run_all(options: argparse.Namespace) -> Iterator[Outcome]:
    """As they get ready; what takes long begins first."""
    named = [leak for leak in leaks() if options.only in f"{leak.what} ({leak.net})"]
    names = [name for name in NETS if options.only in name]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        jobs = [
            pool.submit(run, name, None, options.samples, options.rounds, options.seed)
            for name in reversed(names)
        ]
        jobs += [
            pool.submit(
                run,
                leak.net,
                leak,
                min(options.samples, LEAK_SAMPLES),
                min(options.rounds, LEAK_ROUNDS),
                options.seed,
            )
            for leak in named
        ]
        shown = Console(stderr=True)
        try:
            for job in track(as_completed(jobs), "soaking", total=len(jobs), console=shown):
                yield job.result()
        finally:
            pool.shutdown(cancel_futures=True)


def nets_table(outcomes: list[Outcome]) -> Table:
    shown = Table(
        *("network", "samples", "compared", "gapless", "resets", "in a sample", "behind one"),
        *(
            "behind an update",
            "reading or filling",
            "at once",
            "updates in part",
            "result",
        ),
    )
    for outcome in outcomes:
        soaked, reset, at = outcome.soak, outcome.resets, outcome.resets.moments
        counts = [
            soaked.n_samples + reset.n_samples,
            soaked.n_compared + reset.n_compared,
            soaked.n_gapless,
            reset.n_resets,
            at["IN_SAMPLE"],
            at["BEHIND_SAMPLE"],
            at["BEHIND_UPDATE"],
            at["READING"] + at["FILLING"],
            at["AT_ONCE"],
            reset.n_partial,
        ]
        shown.add_row(outcome.name, *(f"{n:_}" for n in counts), outcome.why or "equal")
    return shown


def leaks_table(outcomes: list[Outcome]) -> Table:
    shown = Table("leak", "network", "found by", "first in", "result")
    for outcome in outcomes:
        assert outcome.leak
        first = (outcome.soak.mismatch or outcome.resets.mismatch).partition(":")[0]
        found = ", ".join(outcome.found_by) or "nothing"
        shown.add_row(outcome.leak.what, outcome.name, found, first, outcome.why or "as it must")
    return shown


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=int, default=10_000, help="of a pass")
    parser.add_argument("--rounds", type=int, default=1000, help="of resets")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="networks and leaks with this in their names")
    options = parser.parse_args()
    start = time.monotonic()
    outcomes = list(run_all(options))
    order = [*NETS]
    clean = sorted((x for x in outcomes if not x.leak), key=lambda x: order.index(x.name))
    planted = sorted((x for x in outcomes if x.leak), key=lambda x: leaks().index(x.leak))
    console = Console(width=None if sys.stdout.isatty() else 180)
    for table in (nets_table(clean), leaks_table(planted)):
        console.print(table)
    failed = [x for x in outcomes if x.why]
    for outcome in failed:
        print(f"{outcome.leak.what if outcome.leak else outcome.name}: {outcome.why}")
    seconds = time.monotonic() - start
    both = f"{len(clean)} networks and {len(planted)} leaks"
    print(f"{both}: {len(failed)} not as they must be; {seconds:.0f} s")
    return 1 if failed or not outcomes else 0


if __name__ == "__main__":
    sys.exit(main())
