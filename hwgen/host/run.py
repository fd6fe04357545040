"""Samples through a core on a board, and golden's word on each of them."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.data import images, labelled, nmnist
from hwgen.data.for_network import check_input, data_of, doubt
from hwgen.data.inputs import encode_images, encode_recordings, encoded
from hwgen.errors import DataError, LinkError, MismatchError
from hwgen.golden import Golden
from hwgen.golden.network import joined
from hwgen.golden.online import OnlineNetwork
from hwgen.host import Device
from hwgen.network.params import Params
from hwgen.progress import SILENT, Reporter
from hwgen.protocol.words import Register


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a board said of n samples. Steps as of `hwgen.host.Answers`."""

    digest: str
    decisions: tuple[int, ...]
    steps: tuple[int, ...]
    expected: tuple[int, ...]  # golden's decisions
    n_different: int  # decisions, steps or shadow weights that are not golden's
    n_correct: int | None  # None: labels were not given
    cycles_per_sample: float  # in which the core had one inside
    n_dropped: int  # frames that the line has damaged
    samples_per_s: float  # of the whole conversation
    learnt: Params | None  # with the weights the core has now

    def to_json(self) -> dict[str, Any]:
        """A table of plain values; of the params learnt only the digest."""
        table = asdict(self)
        table["learnt"] = self.learnt.digest if self.learnt else None
        return table

    def check(self) -> None:
        """Raise `MismatchError` if board and golden differ."""
        if not self.n_different:
            return
        pairs = zip(self.decisions, self.expected, strict=True)
        places = [n for n, (got, expected) in enumerate(pairs) if got != expected]
        what = f"decision of sample {places[0]}" if places else "steps, or weights"
        raise MismatchError(
            f"{self.n_different} values from the board are not golden's, first: {what}; "
            "is its clock too fast, or was it built from other params?"
        )


@dataclass(frozen=True, kw_only=True)
class Batch:
    """n samples: names; inputs, as `hwgen.data.inputs` makes them; classes int64 [n], if they are
    known; labels int64 [n] of lessons, if they are to be learnt; doubt: that of
    `hwgen.evaluation.for_network.doubt`."""

    names: Sequence[str]
    inputs: NDArray[np.uint8]
    classes: NDArray[np.int64] | None
    labels: NDArray[np.int64] | None = None
    doubt: str = ""


def of_files(params: Params, places: Sequence[Path], *, invert: bool = False) -> Batch:
    """Image files, or, if the network takes events, recordings; and those in folders. Raises
    `DataError`.
    """
    spec, given = params.spec, params.spec.input
    if given.encoding == "events":
        if invert:
            raise DataError(f"{params.name} takes recordings: --invert is of images")
        paths = images.find(places, (nmnist.SUFFIX,))
        taken = nmnist.of_files(paths, given.height, given.width)
        inputs = encode_recordings(taken, given, spec.n_steps)
    else:
        paths = images.find(places)
        inputs = encode_images(images.load(paths, given, invert=invert), spec)
    return Batch(names=[path.name for path in paths], inputs=inputs, classes=None)


def of_test_set(params: Params, n: int, data_dir: Path | None) -> Batch:
    """The first n, or all if they are fewer. Raises `DataError`.

    n: samples. data_dir: where the files are, if not at the usual places.
    """
    tests, spec = data_of(params, "test", data_dir=data_dir), params.spec
    check_input(params, tests)
    labels = tests.labels[:n].astype(np.int64)
    return Batch(
        names=[f"{tests.name} {index}" for index in range(len(labels))],
        inputs=encoded(tests, spec, slice(n)),
        classes=labels,
        doubt=doubt(params, tests),
    )


def of_training_set(params: Params, n: int, seed: int, data_dir: Path | None) -> Batch:
    """n random lessons, of which each tenth is not labelled. Raises `DataError`.

    n, seed: which samples, in which order. Raises `LinkError` without a learning unit.
    """
    if not params.spec.learning:
        raise LinkError(f"{params.name}: this core has no learning unit")
    chosen = labelled.choose(params, n, seed=seed, data_dir=data_dir)
    return Batch(
        names=[f"{chosen.dataset} {index}" for index in range(n)],
        inputs=chosen.inputs,
        classes=chosen.truths,
        labels=chosen.labels,
    )


def run(
    device: Device,
    params: Params,
    batch: Batch,
    *,
    fill: bool = False,
    reporter: Reporter = SILENT,
) -> RunResult:
    """Samples through the core. With labels each is a lesson, and weights are read before and
    after. `fill`: shadows lie in SPRAM, and are to be those of the params. Weights that the core
    waits for are loaded. Raises `LinkError`.

    reporter: told how many have been answered. Returns what the board said beside what golden
    says; differences are not raised.
    """
    device.load()
    for layer in params.spec.learning_layers if fill else ():
        device.fill(layer, params.shadows[layer])
    learns = batch.labels is not None
    before = device.learnt() if learns else params
    started = time.monotonic()
    answers = device.run(batch.inputs, batch.labels, reporter=reporter)
    seconds = time.monotonic() - started
    n = len(batch.inputs)
    counters = device.counters(n)
    learnt = device.learnt() if learns else None
    expected, steps, student = _golden(before, batch)
    n_different = int((answers.decisions != expected).sum() + (answers.steps != steps).sum())
    if student and learnt:
        n_different += sum(
            int((learnt.shadows[index] != student.shadows(index)).sum())
            for index in params.spec.learning_layers
        )
    known = batch.classes is not None
    return RunResult(
        digest=params.digest,
        decisions=tuple(answers.decisions.tolist()),
        steps=tuple(answers.steps.tolist()),
        expected=tuple(expected.tolist()),
        n_different=n_different,
        n_correct=int((answers.decisions == batch.classes).sum()) if known else None,
        cycles_per_sample=counters[Register.CYCLES] / n,
        n_dropped=device.line.n_dropped,
        samples_per_s=n / max(seconds, 1e-9),
        learnt=learnt,
    )


def _golden(
    params: Params, batch: Batch
) -> tuple[NDArray[np.int64], NDArray[np.int64], OnlineNetwork | None]:
    """Decisions and their steps; the student, if there were lessons."""
    if batch.labels is None:
        trace = Golden(params).run(batch.inputs)
        return trace.decisions.astype(np.int64), trace.decision_steps.astype(np.int64), None
    student = OnlineNetwork(params)
    taught = zip(batch.inputs, batch.labels.tolist(), strict=True)
    whole = joined([student.train_sample(times, label) for times, label in taught])
    return whole.decisions.astype(np.int64), whole.decision_steps.astype(np.int64), student
