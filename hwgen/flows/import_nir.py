"""From a NIR file to a model folder: integers, the verdict, vectors, card."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import hwgen
from hwgen.conformance import make_vectors
from hwgen.data.dataset import Dataset
from hwgen.data.for_network import check_input, doubt
from hwgen.data.inputs import encoded
from hwgen.errors import NirError
from hwgen.evaluation.accuracy import Evaluation, evaluate
from hwgen.files import exclusive, reason
from hwgen.model import vectors as vectors_file
from hwgen.model.folder import ModelFolder
from hwgen.network import params_file
from hwgen.network.layers.neurons import MAX_STEPS
from hwgen.network.layers.shape import Shape
from hwgen.network.params import Params
from hwgen.network.spec import MAX_CHANNELS, Encoding, InputSpec, Readout
from hwgen.nir import chain, dialects, reading, samples, settings, verdict
from hwgen.nir.chain import Given
from hwgen.nir.dialects import HowReset, Rule
from hwgen.nir.graph import Node
from hwgen.nir.quantise import Wanted
from hwgen.nir.samples import Samples
from hwgen.nir.to_params import Made, missing, to_params
from hwgen.nir.verdict import Verdict
from hwgen.progress import SILENT, Reporter
from hwgen.report import results

TEST = "test, golden"  # the last phase, if there is a data set
_X_MAX = 255  # of images, where no data set says it
_N_VECTORS = 32


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What no file says. None: the user did not say it; what must be said is asked for.

    source: a row of `hwgen.nir.dialects`. dt: seconds. shape: of a flat input. readout: only to be
    checked. step_us: of events.
    """

    source: str | None = None
    n_steps: int | None = None
    encoding: Encoding | None = None
    reset: HowReset | None = None
    dt: float | None = None
    shape: Shape | None = None
    readout: Readout | None = None
    step_us: int = 0
    wanted: Wanted = field(default_factory=Wanted)


@dataclass(frozen=True, kw_only=True)
class Compared:
    """By which samples the verdict is: those of a .npz, else of a data set, else random ones."""

    inputs: Path | None = None
    n: int = 64
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class ImportResult:
    """What came out. evaluation: on the test set, if a data set was named; doubt: why the network
    may have been trained on that, which no card tells then; ""."""

    folder: Path
    digest: str
    shape: str
    assumed: tuple[str, ...]
    changes: tuple[str, ...]
    verdict: Verdict
    evaluation: Evaluation | None = None
    doubt: str = ""

    def to_json(self) -> dict[str, Any]:
        """A table of plain values."""
        return asdict(self) | {"verdict": self.verdict.to_json()}


def import_nir(
    path: Path,
    out: Path,
    asked: Asked,
    compared: Compared,
    *,
    dataset: Dataset | None = None,
    overwrite: bool = False,
    reporter: Reporter = SILENT,
) -> ImportResult:
    """Read a file and write `out`/{params, vectors, card}.

    dataset: a test set, which says the shape of the input, and what the network is measured on.
    Raises `NirError` for what the file, or the user, does not say, or what no core can be;
    `ParamsError` if `out` holds another model, unless `overwrite`.
    """
    nodes, version = reading.read(path)
    sha256 = _digest(path)
    rule, given, n_steps = _settled(nodes, asked, dataset, path)
    try:
        made = to_params(nodes, rule, given, n_steps, out.name, asked.wanted)
    except NirError as error:
        raise NirError(f"{path}: {error}") from None
    if asked.readout and asked.readout != made.params.spec.readout:
        raise NirError(
            f"{path}: --readout is {asked.readout!r}, but the last neurons of the file make "
            f"{made.params.spec.readout!r}: IF and LIF fire, I and LI only integrate"
        )
    chosen = _samples(made.params, nodes, compared, dataset)
    with exclusive(out):
        folder = ModelFolder(out)
        if not overwrite:
            folder.require_own(lambda found: found.origin.get("nir", {}).get("sha256") == sha256)
        found, decisions = verdict.compare(made.params, nodes, rule, chosen, reporter)
        # Nobody has labelled random samples: what the file's own rule decides is right.
        chosen = replace(chosen, labels=decisions if chosen.labels is None else chosen.labels)
        if len(chosen) < _N_VECTORS and not dataset:  # too few to travel with a model
            more = samples.random(given, n_steps, _N_VECTORS, compared.seed)
            chosen = replace(more, labels=verdict.compare(made.params, nodes, rule, more)[1])
        told = _provenance(path, sha256, version, asked, made, found)
        if dataset:
            told["data"] = {"name": dataset.name, "n_test": len(dataset)}
            if dataset.digest:  # of one's own data: classes have names
                told["data"] |= {"classes": list(dataset.classes), "digest": dataset.digest}
        params = replace(made.params, provenance=told)
        reporter.phase(TEST)
        evaluation = evaluate(params, dataset, reporter) if dataset else None
        why = doubt(params, dataset) if dataset else ""
        _write(folder, params, chosen, dataset, None if why else evaluation)
    return ImportResult(
        folder=out,
        digest=params.digest,
        shape=params.spec.shape,
        assumed=made.assumed,
        changes=tuple(map(str, made.changes)),
        verdict=found,
        evaluation=evaluation,
        doubt=why,
    )


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise NirError(f"{path}: cannot be read: {reason(error)}") from None


def _settled(
    nodes: Sequence[Node], asked: Asked, dataset: Dataset | None, path: Path
) -> tuple[Rule, InputSpec, int]:
    """Rule, input and steps. Raises `NirError` for all that must be said and is not."""
    options: dict[str, object] = {
        "--from": asked.source,
        "--reset": asked.reset,
        "--steps": asked.n_steps,
        "--encoding": asked.encoding,
    }
    if lacking := missing(nodes, options):
        raise NirError(f"{path}: please give {lacking}")
    assert asked.source is not None
    assert asked.n_steps is not None
    assert asked.encoding is not None
    rule = dialects.rule(asked.source, dt=asked.dt, reset=asked.reset)
    if not 1 <= asked.n_steps <= MAX_STEPS:
        raise NirError(f"--steps is {asked.n_steps}, expected 1..{MAX_STEPS}")
    given = asked.shape
    if dataset and given is None and len(settings.input_shape(nodes[0])) == 1:
        height, width, *channels = dataset.images.shape[1:]
        given = Shape(height, width, sum(channels) or 1)
    try:
        height, width, n_channels = chain.first_shape(nodes, Given(given))
    except NirError as error:
        raise NirError(f"{path}: {error}") from None
    if n_channels > MAX_CHANNELS:
        raise NirError(f"{path}: {n_channels} channels of input, expected 1..{MAX_CHANNELS}")
    if (asked.encoding == "events") != (asked.step_us > 0):
        raise NirError("--step-us goes with --encoding events, which needs it")
    spec = InputSpec(
        height=height,
        width=width,
        channels=n_channels,
        x_max=dataset.x_max if dataset else _X_MAX,
        encoding=asked.encoding,
        step_us=asked.step_us,
    )
    return rule, spec, asked.n_steps


def _samples(
    params: Params, nodes: Sequence[Node], compared: Compared, dataset: Dataset | None
) -> Samples:
    spec = params.spec
    if compared.inputs:
        shape = settings.input_shape(nodes[0])
        return samples.read(compared.inputs, spec.input, spec.n_steps, shape)
    if dataset is None:
        return samples.random(spec.input, spec.n_steps, compared.n, compared.seed)
    check_input(params, dataset)
    few = dataset.first(compared.n)
    return Samples(
        source=f"the first {len(few)} test samples of {dataset.name}",
        inputs=encoded(few, spec),
        labels=few.labels,
    )


def _provenance(
    path: Path, sha256: str, version: str, asked: Asked, made: Made, found: Verdict
) -> dict[str, Any]:
    """Where the params come from, for their file."""
    return {
        "description": f"Imported from {path.name}, NIR of {asked.source}.",
        "nir": {
            "file": path.name,
            "sha256": sha256,
            "version": version,
            "from": asked.source,
            "assumed": list(made.assumed),
            "changes": [change.to_json() | {"text": str(change)} for change in made.changes],
            "verdict": found.to_json(),
        },
        "hwgen": hwgen.__version__,
        "parent": None,
    }


def _write(
    folder: ModelFolder,
    params: Params,
    chosen: Samples,
    dataset: Dataset | None,
    evaluation: Evaluation | None,
) -> None:
    params_file.save(params, folder.params_path)
    if dataset:
        make_vectors.write_vectors(folder, params, dataset)
    else:
        few = chosen.take(slice(_N_VECTORS))
        assert few.labels is not None
        made = make_vectors.vectors(params, few.inputs, few.labels)
        vectors_file.save(made, folder.vectors_path)
    if evaluation:
        results.record(folder, evaluation)
    else:
        results.write_card(folder)
