"""A learning run: sample after sample, as a core would learn, with tests in between."""

import hashlib
import time
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hwgen
from hwgen.data.dataset import Dataset
from hwgen.data.encoding import latency
from hwgen.data.for_network import check_input
from hwgen.errors import DataError
from hwgen.golden import Golden
from hwgen.golden.online import OnlineNetwork
from hwgen.network.params import Params
from hwgen.onchip import checkpoint as onchip_checkpoint
from hwgen.onchip.checkpoint import CurvePoint, RunState
from hwgen.progress import SILENT, Reporter


@dataclass(frozen=True, kw_only=True)
class LearningRun:
    """What came of it. `samples_per_s` is golden's speed while learning."""

    params: Params
    dataset: str
    curve: tuple[CurvePoint, ...]
    samples_per_s: float

    def to_json(self) -> dict[str, Any]:
        """A table of plain values; of the params only the digest."""
        return {
            "digest": self.params.digest,
            "parent": self.params.origin.get("parent"),
            "dataset": self.dataset,
            "curve": [asdict(point) for point in self.curve],
            "samples_per_s": self.samples_per_s,
        }


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """What to do, beside the network and the data.

    `n_samples` of the training set are learnt in random order, again and again if they are more.
    The test set is measured on `n_points` times, and before the first sample; at each of them all
    is saved to `checkpoint`, from which an interrupted run goes on with `resume`.
    """

    n_samples: int
    n_points: int = 10
    seed: int = 0
    checkpoint: Path | None = None
    resume: bool = False

    def identity(self, params: Params, *datasets: Dataset) -> dict[str, Any]:
        """By which a checkpoint is known as that of the same run."""
        known = {
            "params": params.digest,
            "samples": self.n_samples,
            "points": self.n_points,
            "seed": self.seed,
        }
        return known | ({"data": _digest(*datasets)} if self.checkpoint else {})


def learn(
    params: Params,
    train: Dataset,
    test: Dataset,
    config: RunConfig,
    *,
    reporter: Reporter = SILENT,
) -> LearningRun:
    """Learn as a core would; see `RunConfig`. The test set is only measured on.

    `reporter` hears, at each point, of samples learnt and the test accuracy. Raises `DataError`.

    train, test: of the same input. Samples are random by `config.seed`, each once a pass.
    """
    if params.spec.learning is None:
        raise DataError(f"{params.name}: has no learning unit; say which layers are to learn")
    for dataset in (train, test):
        check_input(params, dataset)
    run = _Run(params, train, test, config, reporter)
    if not run.curve:
        run.note(0, None, 0)
    order = _order(len(train), config.n_samples, config.seed)
    # Once each: of fewer samples than points some would come twice, with nothing in between.
    ends = np.unique(np.linspace(0, config.n_samples, config.n_points + 1).round().astype(int))
    for start, end in pairwise(ends[ends >= run.curve[-1].n_learnt]):
        run.learn(order[start:end], int(end))
    return LearningRun(
        params=replace(run.online.params, provenance=_provenance(params, train, config, run)),
        dataset=train.name,
        curve=tuple(run.curve),
        samples_per_s=config.n_samples / max(run.seconds, 1e-9),
    )


class _Run:
    """All that changes in a run: what was learnt, the curve, and the seconds of learning."""

    def __init__(
        self,
        params: Params,
        train: Dataset,
        test: Dataset,
        config: RunConfig,
        reporter: Reporter,
    ) -> None:
        spec, self._config, self._reporter = params.spec, config, reporter
        self._inputs = latency(train.images, spec.input, spec.n_steps)
        self._labels = train.labels
        self._tests = latency(test.images, spec.input, spec.n_steps)
        self._test_labels = test.labels
        self._identity = config.identity(params, train, test)
        self.online, self.seconds = OnlineNetwork(params), 0.0
        self.curve: list[CurvePoint] = []
        if config.checkpoint and config.resume:
            before = onchip_checkpoint.load(config.checkpoint, self._identity)
            if before:
                self.online = OnlineNetwork(
                    before.params, state=before.state, n_learnt=before.n_learnt
                )
                self.curve, self.seconds = list(before.curve), before.seconds

    def note(self, n_learnt: int, online: float | None, n_updates: int) -> None:
        """A point of the curve."""
        golden = Golden(self.online.params)
        accuracy = float(golden.right(self._tests, self._test_labels).mean())
        self.curve.append(
            CurvePoint(
                n_learnt=n_learnt,
                test_accuracy=accuracy,
                online_accuracy=online,
                n_updates=n_updates,
            )
        )
        note = f"test {100 * accuracy:.2f} %"
        self._reporter.advance(n_learnt, self._config.n_samples, note)

    def learn(self, chosen: NDArray[np.int64], n_learnt: int) -> None:
        """Learn some samples, up to `n_learnt` in all; test, and save."""
        labels, started = self._labels[chosen], time.perf_counter()
        progress = self.online.learn(self._inputs[chosen], labels)
        self.seconds += time.perf_counter() - started
        online = float(progress.right.mean())
        self.note(n_learnt, online, self.curve[-1].n_updates + progress.n_updates)
        if self._config.checkpoint:
            onchip_checkpoint.save(
                RunState(
                    params=self.online.params,
                    state=self.online.state,
                    curve=tuple(self.curve),
                    seconds=self.seconds,
                    config=self._identity,
                ),
                self._config.checkpoint,
            )


def _provenance(params: Params, train: Dataset, config: RunConfig, run: _Run) -> dict[str, Any]:
    return dict(params.provenance) | {
        "parent": params.digest,
        "hwgen": hwgen.__version__,
        "course": {
            "dataset": train.name,
            "n_samples": config.n_samples,
            "n_updates": run.curve[-1].n_updates,
            "seed": config.seed,
        },
        "accuracy": {
            "golden, test, before": run.curve[0].test_accuracy,
            "golden, test": run.curve[-1].test_accuracy,
        },
    }


def _digest(*datasets: Dataset) -> str:
    """Of images and labels: another shift, or other classes, make another run."""
    state = hashlib.sha256()
    for dataset in datasets:
        state.update(np.ascontiguousarray(dataset.images).tobytes())
        state.update(np.ascontiguousarray(dataset.labels, np.int64).tobytes())
    return state.hexdigest()[:16]


def _order(n: int, n_samples: int, seed: int) -> NDArray[np.int64]:
    rng = np.random.default_rng(seed)
    passes = [rng.permutation(n) for _ in range(-(-n_samples // n))]
    return np.concatenate(passes)[:n_samples]
