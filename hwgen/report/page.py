"""One page, in one file, about a model and a board: what it is, what was measured, and how."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hwgen
from hwgen.boards.board import Board
from hwgen.data.dataset import Dataset
from hwgen.data.encoding import plane_values
from hwgen.data.for_network import check_input, data_of, doubt
from hwgen.data.inputs import encoded
from hwgen.data.locate import named_folder
from hwgen.data.own_samples import has_only_vectors
from hwgen.errors import DataError
from hwgen.files import write_atomic
from hwgen.golden import Golden
from hwgen.model.folder import ModelFolder
from hwgen.network.params import Params
from hwgen.nir.verdict import rows as verdict_rows
from hwgen.onchip.checkpoint import CurvePoint
from hwgen.progress import SILENT, Reporter
from hwgen.reading import regular
from hwgen.report import card, figures
from hwgen.report import results as report_results


@dataclass(frozen=True, kw_only=True)
class Inference:
    """What golden says of samples, for the pictures."""

    source: str  # which samples
    confusion: NDArray[np.int64]  # [label, decision]
    steps: NDArray[np.int64]  # [n_steps + 1]: samples decided in each; the last: in the end
    n_undecided: int  # in no row of `confusion`, and never right

    @property
    def accuracy(self) -> float:
        return float(np.trace(self.confusion) / (self.confusion.sum() + self.n_undecided))


def write(
    folder: ModelFolder,
    board: Board | None,
    path: Path,
    *,
    data_dir: Path | None = None,
    sample: int = 0,
    reporter: Reporter = SILENT,
) -> None:
    """Write the page. `sample`: which of them is shown. Golden runs on the test set, if it is
    there, else on the vectors. Raises `DataError` if there is neither."""
    params = folder.params()
    images, inputs, labels, source = _samples(folder, params, data_dir)
    if not 0 <= sample < len(labels):
        raise DataError(f"--sample is {sample}, but the {source} have {len(labels)}")
    answered = _answers(params, inputs, labels, source, reporter)
    results = report_results.of(folder, params)
    trace = Golden(params).run(inputs[sample : sample + 1])
    # Values are no spikes: the image itself shows them.
    came = [] if params.spec.input.encoding == "direct" else [inputs[sample]]
    shown = {
        "label": int(labels[sample]),
        "decision": int(trace.decisions[0]),
        "step": int(trace.decision_steps[0]),
        "raster": figures.raster(
            images[sample],
            [*came, *(times[0] for times in trace.spike_times)],
            ["input"] * len(came) + [f"{i}: {x.kind}" for i, x in enumerate(params.spec.layers)],
            params.spec.n_steps,
        ),
    }
    page = _template().render(
        params=params,
        made=params.origin,
        verdict=list(_verdict(params)),
        folder=folder.path.name,
        precision=card.precision(params),
        answered=answered,
        shown=shown,
        sample=sample,
        confusion=figures.confusion(answered.confusion.tolist()),
        steps=figures.steps(answered.steps.tolist()),
        cycles=_cycles(results),
        curve=_curve(folder, params),
        board=board,
        bars=_bars(results, board),
        built=results.get(f"synth {board.name}") if board else None,
        equality=_equality(results),
        version=hwgen.__version__,
    )
    write_atomic(path, page)


def _verdict(params: Params) -> Iterator[tuple[str, str]]:
    """Of an imported network: rows of its verdict."""
    if "nir" in params.origin:
        yield from verdict_rows(params.origin["nir"]["verdict"])


def _template() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("hwgen.report", "."), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("page.html")


def _samples(
    folder: ModelFolder, params: Params, data_dir: Path | None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.integer], str]:
    """Images [n, height, width], inputs, as a network takes them, labels [n], and what they are."""
    tests: Dataset | None = None
    if not has_only_vectors(folder, params):
        try:
            tests = data_of(params, "test", data_dir=data_dir)
        except DataError:
            if named_folder(data_dir) or not folder.vectors_path.is_file():
                raise
    if tests:
        check_input(params, tests)
        inputs = encoded(tests, params.spec)
        source = f"{len(tests)} test images of {tests.name}"
        why = doubt(params, tests)
        return tests.images, inputs, tests.labels, f"{source} ({why})" if why else source
    vectors = folder.vectors(params)
    spec = params.spec
    side = spec.input.height - 2 * spec.input.crop, spec.input.width - 2 * spec.input.crop
    if spec.input.encoding == "direct":  # the values themselves
        values = plane_values(vectors.inputs)
        grey = values.reshape(len(values), *spec.input.post).mean(axis=3) * 255 // spec.input.x_max
    elif spec.multi_spike:  # how often each has fired, the channels of a pixel together
        n_fired = vectors.inputs.sum(axis=1).reshape(len(vectors.labels), *spec.input.post)
        grey = n_fired.sum(axis=3) * 255 // (spec.n_steps * spec.input.channels)
    else:
        grey = (spec.n_steps - vectors.inputs.astype(int)) * 255 // spec.n_steps
    images = grey.reshape(len(grey), *side).astype(np.uint8)
    n = len(vectors.labels)
    return images, vectors.inputs, vectors.labels, f"{n} test images of the model's vectors"


def _answers(
    params: Params,
    inputs: NDArray[np.uint8],
    labels: NDArray[np.integer],
    source: str,
    reporter: Reporter,
) -> Inference:
    spec, golden = params.spec, Golden(params)
    confusion = np.zeros((spec.n_classes, spec.n_classes), np.int64)
    steps, n_undecided = np.zeros(spec.n_steps + 1, np.int64), 0
    for start in range(0, len(inputs), golden.batch_size):
        part = slice(start, start + golden.batch_size)
        trace = golden.run(inputs[part])
        said = ~trace.undecided
        np.add.at(confusion, (labels[part][said], trace.decisions[said]), 1)
        np.add.at(steps, trace.decision_steps, 1)
        n_undecided += int(trace.undecided.sum())
        reporter.advance(min(part.stop, len(inputs)), len(inputs))
    return Inference(source=source, confusion=confusion, steps=steps, n_undecided=n_undecided)


def _curve(folder: ModelFolder, params: Params) -> str:
    """Of what was learnt on chip, if these params were."""
    try:
        table = json.loads(regular(folder.path / "curve.json").read_text())
        if table["digest"] != params.digest:
            return ""
        points = [CurvePoint(**point) for point in table["curve"]]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return figures.curve(params.name, points) if points else ""


def _cycles(results: dict[str, Any]) -> str:
    """Of the first lanes whose cycles were kept one by one."""
    for key in sorted(results):
        if key.startswith("cosim ") and len(results[key].get("latency_cycles", ())) > 1:
            return figures.cycles(results[key]["latency_cycles"])
    return ""


def _bars(results: dict[str, Any], board: Board | None) -> list[dict[str, Any]]:
    """Name, used, capacity of what the routed design takes."""
    built = results.get(f"synth {board.name}") if board else None
    if not built or not board:
        return []
    capacity = board.capacity
    rows: Sequence[tuple[str, int, int]] = (
        ("LUTs", built["luts"], capacity.lut),
        ("block RAMs", built["brams"], capacity.bram),
        ("SPRAM blocks", built["sprams"], capacity.spram),
        ("DSPs", built["dsps"], capacity.dsp),
    )
    return [
        {"name": name, "used": used, "of": of, "percent": 100 * used / of}
        for name, used, of in rows
        if of
    ]


def _equality(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Each comparison that was recorded."""
    rows = []
    for key in sorted(results):
        kind, _, lanes = key.partition(" ")
        if kind in ("cosim", "verify", "learning"):
            found = results[key]
            row = {name: found[name] for name in ("n_samples", "n_compared", "n_mismatches")}
            rows.append({"kind": kind, "lanes": lanes, **row})
    return rows
