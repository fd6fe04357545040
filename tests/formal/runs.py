"""Proofs and their faults, run side by side."""

import os
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from formal.planted import Fault
from formal.proof import Proof
from formal.solver import Verdict, solve


@dataclass(frozen=True)
class Job:
    """A proof, which must pass, or one of its faults, which must fail."""

    proof: Proof
    fault: Fault | None = None

    def __str__(self) -> str:
        number = "" if self.fault is None else f", fault {self.proof.faults.index(self.fault) + 1}"
        return self.proof.name + number

    @property
    def effort(self) -> int:
        """A guess: what takes long begins first."""
        return 0 if self.fault or self.proof.mode == "prove" else self.proof.depth

    def run(self, folder: Path) -> "Outcome":
        """In a folder of its own, which stays if the outcome is not as it must be."""
        own = folder / "".join(c if c.isalnum() else "_" for c in str(self))
        mode, depth = self.proof.mode, self.proof.depth
        if self.fault:
            mode, depth = "bmc", self.proof.fault_depth
        verdict = solve(self.proof.make, mode, depth, self.fault, own)
        outcome = Outcome(self, verdict, own)
        if outcome.ok:
            shutil.rmtree(own)
        return outcome


@dataclass(frozen=True)
class Outcome:
    job: Job
    verdict: Verdict
    folder: Path

    @property
    def ok(self) -> bool:
        return self.verdict.status == ("FAIL" if self.job.fault else "PASS")

    @property
    def message(self) -> str:
        wanted = f"must be found: {self.job.fault}" if self.job.fault else "must hold"
        log = self.folder / "log"
        return f"{self.job}: {self.verdict.status}, {wanted}; see {log}\n{self.verdict.why}"


def jobs_of(proofs: Iterable[Proof]) -> list[Job]:
    return [Job(proof, fault) for proof in proofs for fault in (None, *proof.faults)]


@contextmanager
def running(jobs: Iterable[Job], folder: Path) -> Iterator[dict[Job, Future[Outcome]]]:
    """All of them, on all cores; what has not begun at the end never will."""
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        ordered = sorted(jobs, key=lambda job: -job.effort)
        yield {job: pool.submit(job.run, folder) for job in ordered}
    finally:
        pool.shutdown(cancel_futures=True)
