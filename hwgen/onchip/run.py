"""A course: a network learns sample after sample, as its core would, and is tested in between."""

import hashlib
import time
from collections.abc import Callable
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
from hwgen.golden.online import Student
from hwgen.network.params import Params
from hwgen.onchip import checkpoint as onchip_checkpoint
from hwgen.onchip.checkpoint import Halfway, Point


@dataclass(frozen=True, kw_only=True)
class Course:
    """What came of it. `samples_per_s` is golden's speed while learning."""

    params: Params
    dataset: str
    curve: tuple[Point, ...]
    samples_per_s: float

    def to_json(self) -> dict[str, Any]:
        return {
            "digest": self.params.digest,
            "parent": self.params.provenance.get("parent"),
            "dataset": self.dataset,
            "curve": [asdict(point) for point in self.curve],
            "samples_per_s": self.samples_per_s,
        }


OnPoint = Callable[[int, int, float], None]


def learn(
    params: Params,
    train: Dataset,
    test: Dataset,
    *,
    n_samples: int,
    n_points: int = 10,
    seed: int = 0,
    checkpoint: Path | None = None,
    resume: bool = False,
    on_point: OnPoint | None = None,
) -> Course:
    """Learn `n_samples` of the training set in random order, again and again if they are more.

    The test set is only measured on, `n_points` times and before the first sample. At each of them
    all is saved to `checkpoint`, where a course that was interrupted goes on with `resume`.
    `on_point` is called with (samples learnt, `n_samples`, test accuracy).
    """
    if params.spec.learning is None:
        raise DataError(f"{params.name}: has no learning unit; say which layers are to learn")
    for dataset in (train, test):
        check_input(params, dataset)
    spec = params.spec
    plan: dict[str, Any] = {
        "params": params.digest,
        "samples": n_samples,
        "points": n_points,
        "seed": seed,
    }
    if checkpoint:
        plan["data"] = _digest(train, test)
    before = onchip_checkpoint.load(checkpoint, plan) if checkpoint and resume else None
    inputs = latency(train.images, spec.input, spec.n_steps)
    tests = latency(test.images, spec.input, spec.n_steps)
    order = _order(len(train), n_samples, seed)
    if before:
        student = Student(before.params, state=before.state, n_learnt=before.n_learnt)
        curve, seconds = list(before.curve), before.seconds
    else:
        student, curve, seconds = Student(params), [], 0.0

    def note(n_learnt: int, online: float, n_updates: int) -> None:
        accuracy = float((Golden(student.params).decide(tests) == test.labels).mean())
        curve.append(
            Point(
                n_learnt=n_learnt,
                test_accuracy=accuracy,
                online_accuracy=online,
                n_updates=n_updates,
            )
        )
        if on_point:
            on_point(n_learnt, n_samples, accuracy)

    if not before:
        note(0, float("nan"), 0)
    ends = np.linspace(0, n_samples, n_points + 1).round().astype(int)
    for start, end in pairwise(ends[ends >= curve[-1].n_learnt]):
        chosen = order[start:end]
        started = time.perf_counter()
        progress = student.learn(inputs[chosen], train.labels[chosen])
        seconds += time.perf_counter() - started
        online = float((progress.decisions == train.labels[chosen]).mean())
        note(int(end), online, curve[-1].n_updates + progress.n_updates)
        if checkpoint:
            onchip_checkpoint.save(
                Halfway(
                    params=student.params,
                    state=student.state,
                    curve=tuple(curve),
                    seconds=seconds,
                    plan=plan,
                ),
                checkpoint,
            )
    provenance = dict(params.provenance) | {
        "parent": params.digest,
        "hwgen": hwgen.__version__,
        "course": {
            "dataset": train.name,
            "n_samples": n_samples,
            "n_updates": curve[-1].n_updates,
            "seed": seed,
        },
        "accuracy": {
            "golden, test, before": curve[0].test_accuracy,
            "golden, test": curve[-1].test_accuracy,
        },
    }
    return Course(
        params=replace(student.params, provenance=provenance),
        dataset=train.name,
        curve=tuple(curve),
        samples_per_s=n_samples / max(seconds, 1e-9),
    )


def _digest(*datasets: Dataset) -> str:
    """Of images and labels: another world, or other classes, make another course."""
    state = hashlib.sha256()
    for dataset in datasets:
        state.update(np.ascontiguousarray(dataset.images).tobytes())
        state.update(np.ascontiguousarray(dataset.labels, np.int64).tobytes())
    return state.hexdigest()[:16]


def _order(n: int, n_samples: int, seed: int) -> NDArray[np.int64]:
    rng = np.random.default_rng(seed)
    passes = [rng.permutation(n) for _ in range(-(-n_samples // n))]
    return np.concatenate(passes)[:n_samples]
