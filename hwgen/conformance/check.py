"""Another implementation's results against vectors: every value that it gives, field by field."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.conformance import make_vectors, networks, results, verified
from hwgen.conformance.results import Header, SampleResult
from hwgen.errors import MismatchError, ResultsError
from hwgen.model import vectors as vectors_file
from hwgen.model.folder import ModelFolder
from hwgen.model.vectors import Vectors
from hwgen.network.params import Params
from hwgen.progress import SILENT, Reporter


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The first. `index` is the neuron, or of shadows the number of the weight; `place` in words
    what it is; both are as good as none of a decision. A spike time of T is never."""

    sample: int
    field: str
    index: int
    place: str
    expected: int
    got: int

    def __str__(self) -> str:
        differ = "differs" if self.field in results.DECIDED else "differ"
        return (
            f"{self.field} {differ}: sample {self.sample}{self.place}: "
            f"expected {self.expected}, got {self.got}"
        )


@dataclass(kw_only=True)
class Conformance:
    """Verdict. `compared` is how many values, by field; `left_out` what the results do not say,
    though the vectors do: samples, and fields of any sample."""

    name: str
    digest: str
    implementation: str
    learning: bool
    n_vectors: int
    n_samples: int = 0
    compared: dict[str, int] = field(default_factory=dict)
    n_mismatches: int = 0
    left_out: list[str] = field(default_factory=list)
    difference: Difference | None = None

    @property
    def n_compared(self) -> int:
        """Values compared, of all fields."""
        return sum(self.compared.values())

    @property
    def verdict(self) -> str:
        """In a line, for display."""
        return f"{self.n_mismatches} mismatches of {self.n_compared} compared"

    def to_json(self) -> dict[str, Any]:
        """A table of plain values."""
        return asdict(self) | {"n_compared": self.n_compared}

    def check(self) -> None:
        """Raise `MismatchError` unless everything compared was equal."""
        if self.difference:
            raise MismatchError(str(self.difference))


class Expected:
    """What vectors, of learning too, say of each sample."""

    def __init__(self, params: Params, vectors: Vectors, learning: bool) -> None:
        self._params, self._vectors = params, vectors
        self.n = len(vectors.labels)
        self.lengths = results.lengths(params, learning=learning)
        self._shadows: list[dict[int, NDArray[np.int32]]] = []

    def of(self, sample: int, name: str) -> NDArray[Any]:
        """The values [n] of a field.

        sample: 0 .. n - 1. name: a field, as `results.lengths` has them.
        """
        values: NDArray[Any]
        if name in results.DECIDED:
            values = getattr(self._vectors, f"{name}s")
            return values[sample : sample + 1]
        layer, kind = name.split(".")
        if kind == "shadows":
            values = self._after(sample)[int(layer)].ravel()
        else:
            attribute = "spike_times" if kind == "spikes" else kind
            values = getattr(self._vectors, attribute)[int(layer)][sample].ravel()
        return values

    def _after(self, sample: int) -> dict[int, NDArray[np.int32]]:
        """Shadows after a sample: the file has only those in the end, so golden learns again."""
        if not self._shadows:
            self._shadows = make_vectors.shadows_by_sample(self._params, self._vectors)
        return self._shadows[sample]

    def difference(self, answer: SampleResult, name: str) -> tuple[int, Difference | None]:
        """How many values of a field differ, and which does first: of spikes, in time."""
        expected, got = self.of(answer.sample, name).astype(np.int64), answer.fields[name]
        places = np.flatnonzero(expected != got)
        if not len(places):
            return 0, None
        if name.endswith(".spike_times"):
            places = places[np.argsort(np.minimum(expected, got)[places], kind="stable")]
        index = int(places[0])
        return len(places), Difference(
            sample=answer.sample,
            field=name,
            index=index,
            place=self._place(name, index),
            expected=int(expected[index]),
            got=int(got[index]),
        )

    def _place(self, name: str, index: int) -> str:
        if name in results.DECIDED:
            return ""
        layer = self._params.spec.layers[int(name.split(".")[0])]
        if name.endswith(".shadows"):
            pre, post = divmod(index, layer.n_post)
            return f", input {pre}, neuron {post}"
        step = ""
        if name.endswith(".spikes"):
            at, index = divmod(index, layer.n_post)
            step = f", step {at}"
        if layer.takes_vector:
            return f"{step}, neuron {index}"
        pixel, channel = divmod(index, layer.post.channels)
        row, column = divmod(pixel, layer.post.width)
        return f"{step}, neuron {index} (row {row}, column {column}, channel {channel})"


def check(
    path: Path,
    folder: ModelFolder | None = None,
    *,
    complete: bool = False,
    reporter: Reporter = SILENT,
) -> Conformance:
    """Compare a file of results with the vectors, or learning vectors, of the model that it names.

    `folder`: of a model that does not ship. `complete`: everything the vectors say has to be in the
    file. A difference is reported, not raised: see `Conformance.check`. Raises `ResultsError`.

    Also raises `ParamsError` if the model is damaged, or golden does not say what its vectors say.
    """
    header = results.read_header(path)
    folder = folder or _folder_of(header, path)
    params = folder.params()
    if header.digest != params.digest:
        raise ResultsError(
            f"{path}:1: digest is {header.digest!r}, but {params.name} has {params.digest!r}: "
            "run these params, and copy their digest"
        )
    if header.learning and params.spec.learning is None:
        raise ResultsError(f"{path}:1: learning is true, but {params.name} has no learning unit")
    read = verified.learning_vectors if header.learning else verified.vectors
    vectors = read(folder, params)
    expected = Expected(params, vectors, header.learning)
    verdict = Conformance(
        name=params.name,
        digest=params.digest,
        implementation=header.implementation,
        learning=header.learning,
        n_vectors=expected.n,
        compared=dict.fromkeys(expected.lengths, 0),
    )
    given: dict[str, list[int]] = {name: [] for name in expected.lengths}
    for answer in results.read_answers(path, expected.n, expected.lengths):
        verdict.n_samples += 1
        first = None
        for name in expected.lengths:  # in the order of the network: causes before effects
            if name in answer.fields:
                given[name].append(answer.sample)
                verdict.compared[name] += expected.lengths[name]
                n, difference = expected.difference(answer, name)
                verdict.n_mismatches += n
                first = first or difference
        if first and (not verdict.difference or first.sample < verdict.difference.sample):
            verdict.difference = first
        reporter.advance(verdict.n_samples, expected.n)
    verdict.left_out = list(_left_out(given, expected.n))
    if complete and verdict.left_out and not verdict.difference:
        raise ResultsError(f"{path}: lacks {'; '.join(verdict.left_out)}")
    return verdict


def _left_out(given: dict[str, list[int]], n: int) -> Iterator[str]:
    samples = set(given[results.DECIDED[0]])
    if len(samples) < n:
        yield f"{n - len(samples)} of {n} samples, the first is {min({*range(n)} - samples)}"
    for name, of in given.items():
        if len(of) < len(samples):
            yield f"{name} of {len(samples) - len(of)} samples"


def _folder_of(header: Header, path: Path) -> ModelFolder:
    for folder in networks.folders():
        if vectors_file.digest_of(folder.vectors_path) == header.digest:
            return folder
    raise ResultsError(
        f"{path}:1: digest is {header.digest!r}, which no shipped model has "
        "(`hwgen conformance list`); of a model of your own, say --model FOLDER"
    )
