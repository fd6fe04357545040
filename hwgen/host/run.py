"""Samples through a core on a board, and golden's word on each of them."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.data import images, labelled, nmnist, window
from hwgen.data.dataset import Dataset
from hwgen.data.for_network import check_input, data_of, doubt
from hwgen.data.inputs import encode_images, encode_recordings, encoded
from hwgen.data.window import Clock, Coverage
from hwgen.errors import DataError, LinkError, MismatchError
from hwgen.golden import Golden
from hwgen.golden.network import Trace, joined
from hwgen.golden.online import OnlineNetwork
from hwgen.host import Device
from hwgen.network.params import Params
from hwgen.progress import SILENT, Reporter
from hwgen.protocol.words import Register
from hwgen.shown import Shown


@dataclass(frozen=True, kw_only=True)
class RunResult(Shown):
    """What a board said of n samples. Steps as of `hwgen.host.Answers`."""

    digest: str
    decisions: tuple[int, ...]
    steps: tuple[int, ...]
    expected: tuple[int, ...]  # golden's decisions
    n_different: int  # decisions, steps or shadow weights that are not golden's
    n_correct: int | None  # None: labels were not given
    n_undecided: int  # in which no output fires and all potentials are equal: never correct
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
    known; labels int64 [n], if they are to be learnt; doubt: that of
    `hwgen.evaluation.for_network.doubt`."""

    names: Sequence[str]
    inputs: NDArray[np.uint8]
    classes: NDArray[np.int64] | None
    labels: NDArray[np.int64] | None = None
    doubt: str = ""
    coverage: Sequence[Coverage] = ()  # of recordings, what of each the network takes in


def of_files(
    params: Params,
    places: Sequence[Path],
    *,
    invert: bool = False,
    background: str = "",
    clock: Clock | None = None,
) -> Batch:
    """Image files, or, if the network takes events, recordings; and those in folders. Raises
    `DataError`.

    invert, background: of images, as of `hwgen.data.images.load`; clock: of recordings.
    """
    spec, given = params.spec, params.spec.input
    if given.encoding == "events":
        for option in ["--invert"] * invert + ["--background"] * bool(background):
            raise DataError(f"{params.name} takes recordings: {option} is of images")
        paths = images.find(places, (nmnist.SUFFIX,))
        taken, coverage = window.load(paths, spec, clock or Clock())
        inputs = encode_recordings(taken, given, spec.n_steps)
    else:
        if clock and clock.is_given:
            raise DataError(
                f"{params.name} takes images: --start and --time-unit are of recordings"
            )
        paths, coverage = images.find(places), []
        inputs = encode_images(
            images.load(paths, given, invert=invert, background=background), spec
        )
    names = [path.name for path in paths]
    return Batch(names=names, inputs=inputs, classes=None, coverage=coverage)


def of_test_set(params: Params, n: int, data_dir: Path | None) -> Batch:
    """The first n, or all if they are fewer. Raises `DataError`.

    n: samples. data_dir: where the files are, if not at the usual places.
    """
    return of_dataset(params, data_of(params, "test", data_dir=data_dir), n)


def of_dataset(params: Params, dataset: Dataset, n: int) -> Batch:
    """The first n samples, or all if they are fewer. Raises `DataError` if they do not fit."""
    check_input(params, dataset)
    labels = dataset.labels[:n].astype(np.int64)
    return Batch(
        names=[f"{dataset.name} {index}" for index in range(len(labels))],
        inputs=encoded(dataset, params.spec, slice(n)),
        classes=labels,
        doubt=doubt(params, dataset),
    )


def of_training_set(params: Params, n: int, seed: int, data_dir: Path | None) -> Batch:
    """n random training samples, of which each tenth is not labelled. Raises `DataError`.

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
    """Samples through the core. With labels the core trains on each, and weights are read
    before and after. `fill`: shadows lie in SPRAM, and are to be those of the params. Weights
    that the core waits for are loaded. Raises `LinkError`.

    reporter: told how many have been answered. Returns what the board said beside what golden
    says; differences are not raised.
    """
    device.load()
    for layer in params.spec.learning_layers if fill else ():
        device.fill(layer, params.shadows[layer])
    learns = batch.labels is not None
    before = device.read_weights() if learns else params
    started = time.monotonic()
    answers = device.run(batch.inputs, batch.labels, reporter=reporter)
    seconds = time.monotonic() - started
    n = len(batch.inputs)
    counters = device.counters(n)
    learnt = device.read_weights() if learns else None
    trace, online = _golden(before, batch)
    expected, steps = trace.decisions, trace.decision_steps.astype(np.int64)
    n_different = int((answers.decisions != expected).sum() + (answers.steps != steps).sum())
    if online and learnt:
        n_different += sum(
            int((learnt.shadows[index] != online.shadows(index)).sum())
            for index in params.spec.learning_layers
        )
    known, right = batch.classes is not None, answers.decisions == batch.classes
    return RunResult(
        digest=params.digest,
        decisions=tuple(answers.decisions.tolist()),
        steps=tuple(answers.steps.tolist()),
        expected=tuple(expected.tolist()),
        n_different=n_different,
        n_correct=int((right & ~trace.undecided).sum()) if known else None,
        n_undecided=int(trace.undecided.sum()),
        cycles_per_sample=counters[Register.CYCLES] / n,
        n_dropped=device.line.n_dropped,
        samples_per_s=n / max(seconds, 1e-9),
        learnt=learnt,
    )


def _golden(params: Params, batch: Batch) -> tuple[Trace, OnlineNetwork | None]:
    """What happens in each sample; the online network, if it learns."""
    if batch.labels is None:
        return Golden(params).run(batch.inputs), None
    online = OnlineNetwork(params)
    taught = zip(batch.inputs, batch.labels.tolist(), strict=True)
    return joined([online.train_sample(times, label) for times, label in taught]), online
