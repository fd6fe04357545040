"""The work of `hwgen verify --learning`: a compiled core and golden's online network, side by side.

`python -m hwgen.verification.learning_worker JOB_DIR` prints lines of JSON: "done", of "total",
the samples that were read and compared; in the end "passes", or "error". A crash of the compiled
core takes this process, not the user's; it ends when nobody reads what it prints.
"""

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import HwgenError
from hwgen.golden.network import Trace, joined
from hwgen.golden.online import OnlineNetwork
from hwgen.network import params_file
from hwgen.network.params import Params
from hwgen.progress import SILENT, Reporter
from hwgen.verification.compare import compare, first
from hwgen.verification.cxxrtl_session import Compiled, Shadows, TrainingSamples
from hwgen.verification.mismatch import Mismatch
from hwgen.verification.passes import Pass


class LockstepReference:
    """Golden's online network beside a core. `traces` and `n_written` are of each sample so far."""

    def __init__(
        self, params: Params, inputs: NDArray[np.uint8], labels: NDArray[np.int64]
    ) -> None:
        """Spike times uint8 [n, n_inputs]; labels int64 [n], some of them `NO_LABEL`."""
        self._online, self._inputs, self._labels = OnlineNetwork(params), inputs, labels
        self.traces: list[Trace] = []
        self.n_written: list[int] = []
        self.n_compared = self.n_mismatches = 0
        self.mismatch: Mismatch | None = None  # the first, of shadow weights

    def advance(self, n: int) -> None:
        """Train on samples until n are learnt."""
        for sample in range(len(self.traces), n):
            label = int(self._labels[sample])
            self.traces.append(self._online.train_sample(self._inputs[sample], label))
            self.n_written.append(self._online.n_written)

    def check_weights(self, sample: int, shadows: Shadows) -> bool:
        """Whether these are the shadow weights after a sample: of each layer [n_pre, n_post]."""
        self.advance(sample + 1)
        for layer, got in shadows.items():
            expected = self._online.shadows(layer)
            self.n_compared += expected.size
            places = np.argwhere(expected != got)
            self.n_mismatches += len(places)
            if len(places) and self.mismatch is None:
                pre, post = places[0].tolist()
                self.mismatch = Mismatch(
                    what="shadow weights",
                    sample=sample,
                    layer=layer,
                    step=-1,
                    index=post,
                    pre=pre,
                    expected=int(expected[pre, post]),
                    got=int(got[pre, post]),
                    cycle=-1,
                )
        return self.mismatch is None


def run(
    params: Params,
    core: Compiled,
    inputs: NDArray[np.uint8],
    labels: NDArray[np.int64],
    one: Pass,
    *,
    seed: int = 0,
    filled: bool = False,
    reporter: Reporter = SILENT,
) -> dict[str, Any]:
    """A pass, from reset to the first difference in shadow weights; returns what
    `hwgen.verification.result.verdict` takes. Arguments as of `LockstepReference` and
    `Compiled.run`; with `filled`, the core is filled first."""
    reference = LockstepReference(params, inputs, labels)

    def on_shadows(sample: int, shadows: Shadows) -> bool:
        reporter.advance(sample + 1, len(inputs))
        return reference.check_weights(sample, shadows)

    given = {n: params.shadows[n].astype(np.int64) for n in params.spec.learning_layers}
    training = TrainingSamples(
        labels=labels,
        on_shadows=on_shadows,
        read_every=one.read_every or len(inputs),
        given=given if filled else None,
    )
    recording = core.run(
        inputs, stall=one.stall, stall_burst=one.stall_burst, seed=seed, training=training
    )
    n = len(reference.traces) if reference.mismatch else len(inputs)
    reference.advance(n)
    recording = recording.first(n)
    found = compare(params, inputs[:n], joined(reference.traces), recording)
    both = [found.mismatch] if found.mismatch else []
    if reference.mismatch:
        cycle = int(recording.decided[-1])
        both.append(replace(reference.mismatch, cycle=cycle))
    mismatch = first(both)
    started, decided, resumed, last_step = (
        x.astype(np.int64)
        for x in (
            recording.started,
            recording.decided,
            recording.resumed,
            recording.step_cycles[-1][:, -1],
        )
    )
    return {
        "n_compared": found.n_compared | {"shadow weights": reference.n_compared},
        "n_mismatches": found.n_mismatches + reference.n_mismatches,
        "mismatch": asdict(mismatch) if mismatch else None,
        "decisions": recording.labels.tolist(),
        "undecided": [bool(trace.undecided[0]) for trace in reference.traces],
        "waits": (resumed - np.maximum(decided, last_step)).tolist(),
        "n_written": reference.n_written,
        "n_cycles": int(resumed[-1] - started[0]),
    }


class _Printed:
    """A reporter to the process that reads what this one prints."""

    def phase(self, name: str) -> None:
        pass

    def advance(self, done: int, total: int, note: str = "") -> None:
        _say(done=done, total=total)


def _passes(job_dir: Path) -> list[dict[str, Any]]:
    """Those of the job, until one has a mismatch."""
    job = json.loads((job_dir / "job.json").read_text())
    params = params_file.load(job_dir / "params.safetensors")
    inputs, labels = np.load(job_dir / "inputs.npy"), np.load(job_dir / "labels.npy")
    core = Compiled(Path(job["library"]), params, job["lanes"])
    passes: list[dict[str, Any]] = []
    for one in job["passes"]:
        how = {"seed": job["seed"], "filled": job["filled"], "reporter": _Printed()}
        n = one["n_samples"]
        passes.append(run(params, core, inputs[:n], labels[:n], Pass(**one), **how))
        if passes[-1]["mismatch"]:
            break
    return passes


def _say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    try:
        _say(passes=_passes(Path(sys.argv[1])))
    except HwgenError as error:
        _say(error=str(error))
