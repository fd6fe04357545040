"""Lessons for a core that learns, and the verdict on them; common to both benches.

A bench streams samples with labels, reads the core's shadow weights through its port, and compares
all with golden's student. `hwgen verify --learning` does it in the compiled core, `hwgen cosim
--learning` in a Verilog simulator.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hwgen.data.labelled import Samples
from hwgen.errors import MismatchError, ToolError
from hwgen.network.learning import UNLABELLED
from hwgen.network.params import Params
from hwgen.verification.mismatch import Mismatch

KINDS = ("spikes", "potentials", "decisions", "shadow weights", "registers")
N_PASSES = 2


@dataclass(frozen=True, kw_only=True)
class LearningResult:
    """Verdict. Samples run twice from reset: with stalls, and the shadow weights read after every
    `every` of them; then without, and the shadow weights read in the end. Cycles are of the latter.

    A lesson is a sample with a label; an update, a lesson that wrote weights. Its cycles are from
    the end of the sample's last step, or its result, if that is later, coming out, to the next
    token, going in.
    """

    digest: str
    bench: str  # "cxxrtl", "icarus", "verilator"
    lanes: tuple[int, ...]
    stall: float
    seed: int
    every: int
    n_samples: int
    n_lessons: int
    n_updates: int
    n_shadows: int  # weights that learn
    n_correct: int  # of the core's decisions, each before the sample was learnt
    n_compared: int
    compared: dict[str, int]  # by kind
    n_mismatches: int
    mismatch: Mismatch | None
    update_cycles_mean: float
    update_cycles_worst: int
    weights_per_cycle: float  # written by updates, as golden counts them, over cycles of updates
    cycles_per_sample: float
    seconds: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def verdict(self) -> str:
        return f"{self.n_mismatches} mismatches of {self.n_compared} compared"

    def check(self) -> None:
        """Raise `MismatchError` unless everything compared was equal."""
        if self.mismatch:
            raise MismatchError(str(self.mismatch))


def verdict(
    params: Params, samples: Samples, passes: Sequence[dict[str, Any]], **rest: Any
) -> LearningResult:
    """Of what both benches report of each pass, until the first mismatch:

    `n_compared` by kind; `n_mismatches`; `mismatch`, as a dict or None; `decisions` of the core,
    int of each sample; `waits`, cycles from its last step, or result, to the next token;
    `n_written`, shadow weights that golden wrote after it; `n_cycles`, from the first token to the
    one behind the last sample.
    """
    last = passes[-1]
    if not last["mismatch"] and len(passes) < N_PASSES:
        raise ToolError(f"the bench ended after {len(passes)} of {N_PASSES} passes: not a verdict")
    compared = {kind: sum(done["n_compared"].get(kind, 0) for done in passes) for kind in KINDS}
    decisions, written = np.array(last["decisions"]), np.array(last["n_written"])
    n = min(len(decisions), len(written), len(last["waits"]))
    waits = np.array(last["waits"][:n], int)[written[:n] > 0]
    found = last["mismatch"]
    return LearningResult(
        digest=params.digest,
        n_samples=n,
        n_lessons=int((samples.labels[:n] != UNLABELLED).sum()),
        n_updates=len(waits),
        n_shadows=sum(params.shadows[index].size for index in params.spec.learning_layers),
        n_correct=int((decisions[:n] == samples.truths[:n]).sum()),
        n_compared=sum(compared.values()),
        compared=compared,
        n_mismatches=sum(done["n_mismatches"] for done in passes),
        mismatch=Mismatch(**found) if found else None,
        update_cycles_mean=float(waits.mean()) if len(waits) else 0.0,
        update_cycles_worst=int(waits.max(initial=0)),
        weights_per_cycle=float(written[:n].sum() / max(1, waits.sum())),
        cycles_per_sample=last["n_cycles"] / max(1, n),
        **rest,
    )
