"""A course: a network learns sample after sample, as its core would, and is tested in between."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hwgen
from hwgen.data import Dataset
from hwgen.encode import latency
from hwgen.errors import DataError
from hwgen.evaluate import check_input
from hwgen.golden import Golden
from hwgen.golden.student import Student
from hwgen.learning import LearningSpec, forward_weights
from hwgen.params import Params


@dataclass(frozen=True, kw_only=True)
class Point:
    """Of a learning curve. Accuracies are fractions."""

    n_learnt: int
    test_accuracy: float
    online_accuracy: float  # of the samples since the last point, each before it was learnt
    n_updates: int  # samples that changed a weight, so far


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


def with_learning(params: Params, learning: LearningSpec) -> Params:
    """The same network with a learning unit; shadows are made from the weights.

    Raises `ParamsError` if its layers cannot learn so.
    """
    spec = replace(params.spec, learning=learning)
    made = replace(params, spec=spec, shadows=())
    made.check(params.name)
    return made


def learn(
    params: Params,
    train: Dataset,
    test: Dataset,
    *,
    n_samples: int,
    n_points: int = 10,
    seed: int = 0,
    on_point: OnPoint | None = None,
) -> Course:
    """Learn `n_samples` of the training set in random order, again and again if they are more.

    The test set is only measured on, `n_points` times and before the first sample. `on_point` is
    called with (samples learnt, `n_samples`, test accuracy).
    """
    if params.spec.learning is None:
        raise DataError(f"{params.name}: has no learning unit; say which layers are to learn")
    for dataset in (train, test):
        check_input(params, dataset)
    spec = params.spec
    inputs = latency(train.images, spec.input, spec.n_steps)
    tests = latency(test.images, spec.input, spec.n_steps)
    order = _order(len(train), n_samples, seed)
    student, curve, seconds, n_updates = Student(params), [], 0.0, 0

    def note(n_learnt: int, online: float) -> None:
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

    note(0, float("nan"))
    ends = np.linspace(0, n_samples, n_points + 1).round().astype(int)
    for start, end in pairwise(ends):
        chosen = order[start:end]
        started = time.perf_counter()
        progress = student.learn(inputs[chosen], train.labels[chosen])
        seconds += time.perf_counter() - started
        n_updates += progress.n_updates
        note(int(end), float((progress.decisions == train.labels[chosen]).mean()))
    learnt = student.params
    provenance = dict(params.provenance) | {
        "parent": params.digest,
        "hwgen": hwgen.__version__,
        "course": {
            "dataset": train.name,
            "n_samples": n_samples,
            "n_updates": n_updates,
            "seed": seed,
        },
        "accuracy": {
            "golden, test, before": curve[0].test_accuracy,
            "golden, test": curve[-1].test_accuracy,
        },
    }
    return Course(
        params=replace(learnt, provenance=provenance),
        dataset=train.name,
        curve=tuple(curve),
        samples_per_s=n_samples / max(seconds, 1e-9),
    )


def adopted(params: Params, shadows: Mapping[int, NDArray[np.integer]]) -> Params:
    """Params with the shadow weights that a core has learnt, by layer: int [n_pre, n_post].

    They name the digest of `params` as their parent. Raises `ParamsError` if they are not legal.
    """
    learning = params.spec.learning
    if learning is None:
        raise DataError(f"{params.name}: has no learning unit, so there is nothing to adopt")
    weights, kept = list(params.weights), list(params.shadows)
    for index, of_layer in shadows.items():
        bits = params.spec.layers[index].weight_bits  # type: ignore[union-attr]
        kept[index] = of_layer.astype(np.int32)
        weights[index] = forward_weights(kept[index], bits, learning.shadow_bits)
    provenance = dict(params.provenance) | {"parent": params.digest}
    made = replace(params, weights=tuple(weights), shadows=tuple(kept), provenance=provenance)
    made.check(params.name)
    return made


def _order(n: int, n_samples: int, seed: int) -> NDArray[np.int64]:
    rng = np.random.default_rng(seed)
    passes = [rng.permutation(n) for _ in range(-(-n_samples // n))]
    return np.concatenate(passes)[:n_samples]
