"""Is it the same network? The file's own rule, in float, beside golden, on the same samples."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import NirError
from hwgen.golden import Golden
from hwgen.network.params import Params
from hwgen.nir import float_rule, samples, settings
from hwgen.nir.dialects import Rule
from hwgen.nir.float_rule import Fired
from hwgen.nir.graph import Node
from hwgen.nir.samples import Samples
from hwgen.progress import SILENT, Reporter

Bytes = NDArray[np.uint8]
_MAX_VALUES = 2**25  # float64 of a batch: bounds the memory that the rule takes


@dataclass
class Count:
    """Cells compared, one a step and neuron, and those that are equal; spikes of the first."""

    name: str
    n_compared: int = 0
    n_equal: int = 0
    n_spikes: int = 0

    def add(self, one: Bytes, other: Bytes) -> None:
        """Spikes of the same shape."""
        self.n_compared += one.size
        self.n_equal += int((one == other).sum())
        self.n_spikes += int(one.sum())

    @property
    def is_exact(self) -> bool:
        return self.n_equal == self.n_compared

    def __str__(self) -> str:
        """As in ``100.00 % of 360 (61 spikes)``: rounded down, so 100 means all."""
        share = np.floor(1e4 * self.n_equal / max(1, self.n_compared)) / 100
        return f"{share:.2f} % of {self.n_compared:,} ({self.n_spikes:,} spikes)"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How far golden is the network of a file.

    layers: the file's rule against golden, a layer each, the names those of nodes. first: where
    they first differ; "". golden, rule: either against the spikes of the framework itself, None if
    those were not given. decisions: by the readout, golden's equal to the rule's; right: of
    samples with labels, by the rule and by golden.
    """

    source: str
    n_samples: int
    layers: tuple[Count, ...]
    first: str
    n_decisions_equal: int
    golden: Count | None = None
    rule: Count | None = None
    right: Mapping[str, int] | None = None

    @property
    def is_exact(self) -> bool:
        """Whether every spike is equal."""
        return all(count.is_exact for count in self.layers)

    def to_json(self) -> dict[str, Any]:
        """A table of plain values."""
        return asdict(self) | {"is_exact": self.is_exact}


def rows(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Lines about a verdict, name and value, of its `to_json`."""
    for count in table["layers"]:
        yield f"spikes equal, {count['name']}", str(Count(**count))
    n, equal = table["n_samples"], table["n_decisions_equal"]
    yield "decisions equal", f"{equal} of {n} ({100 * equal / n:.2f} %)"
    for name, text in (("golden", "golden"), ("rule", "the file's rule")):
        if table[name]:
            yield f"{text} and the framework", str(Count(**table[name]))
    for name, right in (table["right"] or {}).items():
        yield f"right, {name}", f"{right} of {n} ({100 * right / n:.2f} %)"
    if table["first"]:
        yield "first difference", table["first"]


class _Comparison:
    """Adds up batch after batch."""

    def __init__(self, names: Sequence[str], given: Samples) -> None:
        self.layers = tuple(Count(name) for name in names)
        self.golden = Count("outputs") if given.spikes is not None else None
        self.rule = Count("outputs") if given.spikes is not None else None
        self.first, self.n_decisions = "", 0
        self.decisions: list[NDArray[np.int64]] = []
        self.right = {"rule": 0, "golden": 0} if given.labels is not None else None

    def add(
        self, start: int, part: Samples, fired: Sequence[Fired], traces: Any, readout: str
    ) -> None:
        """start: number of the part's first sample."""
        for count, one, other in zip(self.layers, fired, traces.spike_times, strict=True):
            count.add(one.spikes, other)
        if not self.first:
            self.first = _first(start, fired, traces.spike_times)
        decided = _decisions(fired[-1], readout)
        self.decisions.append(decided)
        self.n_decisions += int((decided == traces.decisions).sum())
        if self.golden and self.rule and part.spikes is not None:
            self.golden.add(part.spikes, traces.spike_times[-1])
            self.rule.add(part.spikes, fired[-1].spikes)
        if self.right is not None and part.labels is not None:
            self.right["rule"] += int((decided == part.labels).sum())
            self.right["golden"] += int((traces.decisions == part.labels).sum())


def compare(
    params: Params, nodes: Sequence[Node], rule: Rule, given: Samples, reporter: Reporter = SILENT
) -> tuple[Verdict, NDArray[np.int64]]:
    """Run the samples through both. Raises `NirError` if spikes of a framework are of another
    shape.

    params: what was made of the nodes. reporter: told how many samples are done. Returns the
    decisions by the file's rule, too: int64 [n].
    """
    spec, golden = params.spec, Golden(params)
    if given.spikes is not None and given.spikes.shape[2] != spec.n_classes:
        raise NirError(
            f"{given.source}: spikes of {given.spikes.shape[2]} outputs, expected {spec.n_classes}"
        )
    shape, comparison = settings.input_shape(nodes[0]), None
    batch = _batch(params, golden.batch_size)
    for start in range(0, len(given), batch):
        part = given.take(slice(start, start + batch))
        values = samples.to_values(part.inputs, spec.input, spec.n_steps, shape)
        fired = float_rule.run(nodes, rule, values)
        comparison = comparison or _Comparison([one.name for one in fired], given)
        comparison.add(start, part, fired, golden.run(part.inputs), spec.readout)
        reporter.advance(min(start + batch, len(given)), len(given))
    if comparison is None:
        raise NirError(f"{given.source}: holds no samples")
    found = Verdict(
        source=given.source,
        n_samples=len(given),
        layers=comparison.layers,
        first=comparison.first,
        n_decisions_equal=comparison.n_decisions,
        golden=comparison.golden,
        rule=comparison.rule,
        right=comparison.right,
    )
    return found, np.concatenate(comparison.decisions)


def _batch(params: Params, most: int) -> int:
    """Samples at once."""
    widest = max(
        layer.n_post + (0 if layer.takes_vector else layer.post.n_positions * layer.n_fan_in)
        for layer in params.spec.weighted
    )
    return max(1, min(most, _MAX_VALUES // (params.spec.n_steps * widest)))


def _decisions(fired: Fired, readout: str) -> NDArray[np.int64]:
    """As the contract decides, of real potentials: int64 [n]."""
    potentials = fired.potentials
    if readout == "spike_count":
        counts = fired.spikes.sum(axis=1, dtype=np.int64)
        most = counts == counts.max(axis=1, keepdims=True)
        potentials = np.where(most, potentials, -np.inf)
    decided: NDArray[np.int64] = potentials.argmax(axis=1)
    return decided


def _first(start: int, fired: Sequence[Fired], spikes: Sequence[Bytes]) -> str:
    """The first sample, then step, then layer, in which they differ."""
    places = []
    for layer, (one, other) in enumerate(zip(fired, spikes, strict=True)):
        differ = np.argwhere(one.spikes != other)
        if len(differ):
            sample, step, neuron = differ[0]
            places.append((int(sample), int(step), layer, int(neuron)))
    if not places:
        return ""
    sample, step, layer, neuron = min(places)
    who, silent = "the file's rule", "golden"
    if not fired[layer].spikes[sample, step, neuron]:
        who, silent = silent, who
    return (
        f"sample {start + sample}, step {step}, layer {layer} ({fired[layer].name}), neuron "
        f"{neuron}: {who} fires, {silent} does not"
    )
