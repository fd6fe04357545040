"""The verdict on a core, common to all benches and levels: is it equal to golden, and how fast?"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from hwgen.errors import MismatchError, ToolError
from hwgen.network.learning import NO_LABEL
from hwgen.shown import Shown
from hwgen.toolchain.simulator import Simulator
from hwgen.verification.job import Job
from hwgen.verification.mismatch import Mismatch
from hwgen.verification.passes import Pass

Backend = Simulator | Literal["cxxrtl"]
# What was simulated: the core itself; or, behind its serial line, its Verilog, the netlist of a
# board, what a bitstream holds.
Level = Literal["core", "rtl", "netlist", "bitstream"]
SHADOWS = "shadow weights"
KINDS = ("spikes", "potentials", "decisions", SHADOWS, "registers")
# What is told to others, by verb; in this order.
_VERIFY_KEYS = (
    *("digest", "lanes", "early_exit", "stall", "seed", "n_samples", "n_resumed", "n_compared"),
    *("compared", "n_mismatches", "mismatch", "n_correct", "n_undecided", "cycles_per_sample"),
    *(
        "latency_mean",
        "latency_worst",
        "golden_images_per_s",
        "core_images_per_s",
        "n_processes",
        "compile_s",
    ),
    "seconds",
)
_COSIM_KEYS = (
    *("digest", "simulator", "lanes", "n_samples", "n_compared", "n_mismatches", "mismatch"),
    *("decisions", "n_undecided", "latency_cycles", "cycles_per_sample", "seconds"),
)
_LEARNING_KEYS = (
    *("digest", "bench", "lanes", "stall", "seed", "every", "n_samples", "n_lessons", "n_updates"),
    *(
        "n_shadows",
        "n_correct",
        "n_undecided",
        "n_compared",
        "compared",
        "n_mismatches",
        "mismatch",
    ),
    *("update_cycles_mean", "update_cycles_worst", "weights_per_cycle", "cycles_per_sample"),
    "seconds",
)


@dataclass(frozen=True, kw_only=True)
class LearningFigures:
    """A training sample has a label; an update is one that wrote weights. Its cycles are
    from the end of the sample's last step, or its result, if that is later, coming out, to the next
    token, going in."""

    n_lessons: int
    n_updates: int
    n_shadows: int  # weights that learn
    update_cycles_mean: float
    update_cycles_worst: int
    weights_per_cycle: float  # written by updates, as golden counts them, over cycles of updates


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Of a compiled core. `..._images_per_s` are those of one process, without the other's time."""

    n_resumed: int  # samples of an earlier run
    golden_images_per_s: float
    core_images_per_s: float
    n_processes: int
    compile_s: float


@dataclass(frozen=True, kw_only=True)
class EqualityResult(Shown):
    """Verdict of a run. After a mismatch nothing more is begun; it is the first there is.

    Cycles are of the last pass: of samples back to back; latency is from the first token in to the
    decision out. `options` are those of the first pass. `learning` has its own figures; of a
    compiled core that was given none, `speed`. At a `level` behind a serial line, cycles are those
    of register CYCLES, in which a sample was inside, and there is no latency.
    """

    digest: str
    backend: Backend
    lanes: tuple[int, ...]
    seed: int
    options: Pass
    n_samples: int
    compared: dict[str, int]  # by kind
    n_mismatches: int
    mismatch: Mismatch | None
    decisions: tuple[int, ...]  # of the hardware; equal to golden's if there is no mismatch
    n_correct: int | None  # of them, each before its sample was learnt; None: truths not given
    n_undecided: int  # in which no output fires and all potentials are equal: never correct
    latency_cycles: tuple[int, ...]  # none when it learns
    cycles_per_sample: float
    seconds: float
    learning: LearningFigures | None = None
    speed: Speed | None = None
    level: Level = "core"

    @property
    def n_compared(self) -> int:
        return sum(self.compared.values())

    @property
    def latency_mean(self) -> float:
        return float(np.mean(self.latency_cycles)) if self.latency_cycles else 0.0

    @property
    def latency_worst(self) -> int:
        return max(self.latency_cycles, default=0)

    @property
    def verdict(self) -> str:
        return f"{self.n_mismatches} mismatches of {self.n_compared} compared"

    def check(self) -> None:
        """Raise `MismatchError` unless everything compared was equal."""
        if self.mismatch:
            raise MismatchError(str(self.mismatch))

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints: the keys are those of the verb."""
        values = asdict(self) | {
            **asdict(self.options),
            "bench": self.backend,
            "simulator": self.backend,
            "every": self.options.read_every,
            "n_samples": self.n_samples,
            "n_compared": self.n_compared,
            "latency_mean": self.latency_mean,
            "latency_worst": self.latency_worst,
        }
        keys: tuple[str, ...] = _COSIM_KEYS
        if self.learning:
            keys, values = _LEARNING_KEYS, values | asdict(self.learning)
        elif self.speed:
            keys, values = _VERIFY_KEYS, values | asdict(self.speed)
        elif self.level != "core":
            keys = ("level", *_COSIM_KEYS)
        return {key: values[key] for key in keys}

    def rows(self) -> list[tuple[str, Any]]:
        """The table of the command line: names and values."""
        counts = [(f"{kind} compared", count) for kind, count in self.compared.items()]
        correct = f"{100 * (self.n_correct or 0) / max(1, self.n_samples):.2f} %"
        if self.n_undecided:
            correct += f", {self.n_undecided} undecided"
        cycles = f"{self.cycles_per_sample:.0f}, back to back"
        decision = f"mean {self.latency_mean:.0f}, worst {self.latency_worst}"
        if self.learning:
            return self._learning_rows(self.learning, counts, correct, cycles)
        if not self.speed:
            return [
                ("verdict", self.verdict),
                ("samples", self.n_samples),
                *([("cycles to decision", decision)] if self.level == "core" else []),
                ("cycles per sample", cycles),
                ("time", f"{self.seconds:.1f} s"),
            ]
        speed = self.speed
        return [
            ("samples", f"{self.n_samples}, {speed.n_resumed} of an earlier run"),
            ("accuracy of the core", correct),
            *counts,
            ("cycles per sample", cycles),
            ("cycles to decision", decision),
            ("speed of golden", f"{speed.golden_images_per_s:.0f} images/s in a process"),
            ("speed of the core", f"{speed.core_images_per_s:.0f} images/s in a process"),
            (
                "time",
                f"{self.seconds:.1f} s, of which {speed.compile_s:.1f} s to make the core; "
                f"{speed.n_processes} processes",
            ),
        ]

    def _learning_rows(
        self, figures: LearningFigures, counts: list[tuple[str, int]], correct: str, cycles: str
    ) -> list[tuple[str, Any]]:
        every = self.options.read_every
        read = "every sample" if every == 1 else f"every {every} samples"
        return [
            ("samples", f"{self.n_samples}, {figures.n_lessons} with a label; run twice"),
            ("lessons that wrote weights", figures.n_updates),
            ("weights that learn", f"{figures.n_shadows}, read after {read}"),
            *counts,
            ("accuracy of the core", correct),
            (
                "cycles of an update",
                f"mean {figures.update_cycles_mean:.0f}, worst {figures.update_cycles_worst}, "
                "from the end of a sample to the next token in",
            ),
            ("weights written a cycle", f"{figures.weights_per_cycle:.2f}, in updates"),
            ("cycles per sample", f"{cycles}, learning"),
            ("time", f"{self.seconds:.1f} s"),
        ]


def verdict(
    job: Job,
    backend: Backend,
    outcome: Sequence[Mapping[str, Any]],
    *,
    seconds: float,
    speed: Speed | None = None,
    level: Level = "core",
) -> EqualityResult:
    """Of what all benches report of each pass, until the first mismatch:

    `n_compared` by kind; `n_mismatches`; `mismatch`, as a dict or None; `decisions` of the core,
    int of each sample; `undecided`, whether golden calls it so; `n_cycles` of all samples. Of
    inference: `latency_cycles` of each sample, and, if not all have run, `samples`, their numbers.
    Of learning: `waits`, cycles from a sample's last step, or result, to the next token;
    `n_written`, shadow weights that golden wrote after it.

    Raises `ToolError` if the bench has ended without a verdict.
    """
    last = outcome[-1]
    # Of inference, a bench also counts what it has found broken, under a name of its own.
    named = dict.fromkeys(kind for done in outcome for kind in done["n_compared"])
    kinds = KINDS if job.learns else tuple(named)
    compared = {kind: sum(done["n_compared"].get(kind, 0) for done in outcome) for kind in kinds}
    n_compared, n_passes = sum(compared.values()), len(job.passes)
    n, decisions = job.passes[-1].n_samples or 0, np.array(last["decisions"], int)
    n_whole = len(outcome) - (len(outcome) == n_passes and len(decisions) < n)
    if not n_compared or (not last["mismatch"] and n_whole < n_passes):
        raise ToolError(f"the bench ended after {n_whole} of {n_passes} passes: not a verdict")
    samples = np.array(last.get("samples", range(len(decisions))), int)
    if job.learns:
        n = min(len(decisions), len(last["n_written"]), len(last["waits"]))
    elif "samples" in last:
        n = len(samples)
    n_correct, undecided = None, np.array(last["undecided"][:n], bool)
    if job.truths is not None:
        right = np.asarray(job.truths)[samples[:n]] == decisions[:n]
        n_correct = int((right & ~undecided[: len(right)]).sum())  # not all, after a mismatch
    found = last["mismatch"]
    return EqualityResult(
        digest=job.params.digest,
        backend=backend,
        lanes=job.design.lanes,
        seed=job.seed,
        options=job.passes[0],
        n_samples=n,
        compared=compared,
        n_mismatches=sum(done["n_mismatches"] for done in outcome),
        mismatch=Mismatch(**found) if found else None,
        decisions=tuple(last["decisions"]),
        n_correct=n_correct,
        n_undecided=int(undecided.sum()),
        latency_cycles=tuple(last.get("latency_cycles", ())),
        cycles_per_sample=last["n_cycles"] / max(1, n),
        seconds=seconds,
        learning=_figures(job, last, n) if job.learns else None,
        speed=speed,
        level=level,
    )


def _figures(job: Job, done: Mapping[str, Any], n: int) -> LearningFigures:
    """Of the first n samples of a pass."""
    assert job.labels is not None
    written = np.array(done["n_written"][:n], int)
    waits = np.array(done["waits"][:n], int)[written > 0]
    layers = job.params.spec.learning_layers
    return LearningFigures(
        n_lessons=int((np.asarray(job.labels)[:n] != NO_LABEL).sum()),
        n_updates=len(waits),
        n_shadows=sum(job.params.shadows[index].size for index in layers),
        update_cycles_mean=float(waits.mean()) if len(waits) else 0.0,
        update_cycles_worst=int(waits.max(initial=0)),
        weights_per_cycle=float(written.sum() / max(1, waits.sum())),
    )
