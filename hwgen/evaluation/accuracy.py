"""Accuracy of a parameter file, by golden, over a whole data set."""

import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hwgen.data.dataset import Dataset
from hwgen.data.for_network import check_input
from hwgen.data.inputs import encoded
from hwgen.evaluation.operations import rate_additions
from hwgen.golden import Golden
from hwgen.network.params import Params
from hwgen.network.spikes import n_spikes
from hwgen.progress import SILENT, Reporter
from hwgen.shown import Shown


@dataclass(frozen=True, kw_only=True)
class Evaluation(Shown):
    """Golden on a data set. Times are in steps; counts are means per image.

    Undecided images (`hwgen.golden.network.Trace`) are counted apart: they are never right, and in
    no row of `confusion`.
    """

    digest: str
    dataset: str
    n_images: int
    n_correct: int
    accuracy: float
    decision_step: float  # of those decided by a spike
    decided_by_spike: float  # fraction; the others are decided by the potential at the end
    n_input_spikes: float
    n_spikes: float
    n_synaptic_ops: float  # additions of a weight to a potential or a slope
    n_rate_additions: (
        float  # what a rate code would need (`hwgen.evaluation.operations`); 0: is one itself
    )
    confusion: tuple[tuple[int, ...], ...]  # [label][decision]
    images_per_s: float
    n_undecided: int = 0
    split: str = ""  # as of `Dataset`, what the samples are, for `doubt`
    split_seed: int | None = None

    @property
    def name(self) -> str:
        """Of the data set, as `Dataset` calls it."""
        return self.dataset

    def to_json(self) -> dict[str, Any]:
        """A table of plain values."""
        return asdict(self)


def evaluate(params: Params, dataset: Dataset, reporter: Reporter = SILENT) -> Evaluation:
    """Run every image of the data set.

    reporter: told how many images are done. Raises `DataError` if the data do not fit.
    """
    check_input(params, dataset)
    spec, started, golden = params.spec, time.perf_counter(), Golden(params)
    confusion = np.zeros((spec.n_classes, spec.n_classes), np.int64)
    n_by_spike = n_inputs = n_fired = n_ops = sum_steps = n_undecided = 0
    n_rate = 0.0
    for start in range(0, len(dataset), golden.batch_size):
        part = slice(start, start + golden.batch_size)
        inputs = encoded(dataset, spec, part)
        trace = golden.run(inputs)
        said = ~trace.undecided
        np.add.at(confusion, (dataset.labels[part][said], trace.decisions[said]), 1)
        n_undecided += int(trace.undecided.sum())
        by_spike = trace.decision_steps < spec.n_steps
        n_by_spike += int(by_spike.sum())
        sum_steps += int(trace.decision_steps[by_spike].sum())
        n_inputs += int(n_spikes(inputs, spec.n_steps).sum())
        n_fired += sum(int(n_spikes(layer, spec.n_steps).sum()) for layer in trace.spike_times)
        n_ops += int(trace.synaptic_ops.sum())
        if not spec.multi_spike:
            n_rate += float(rate_additions(spec, dataset.images[part], trace.spike_times).sum())
        reporter.advance(min(part.stop, len(dataset)), len(dataset))
    n, n_correct = len(dataset), int(np.trace(confusion))
    return Evaluation(
        digest=params.digest,
        dataset=dataset.name,
        n_images=n,
        n_correct=n_correct,
        accuracy=n_correct / n,
        decision_step=sum_steps / max(1, n_by_spike),
        decided_by_spike=n_by_spike / n,
        n_input_spikes=n_inputs / n,
        n_spikes=n_fired / n,
        n_synaptic_ops=n_ops / n,
        n_rate_additions=n_rate / n,
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
        images_per_s=n / (time.perf_counter() - started),
        n_undecided=n_undecided,
        split=dataset.split,
        split_seed=dataset.split_seed,
    )
