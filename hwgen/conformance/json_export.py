"""Params, vectors and learning vectors as plain JSON, for who has no reader of safetensors.

The files and their fields are in `docs/conformance.md`.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from hwgen.conformance import results, verified
from hwgen.conformance.check import Expected
from hwgen.conformance.results import Header
from hwgen.files import exclusive, write_atomic
from hwgen.model.folder import ModelFolder
from hwgen.model.vectors import NO_LABEL_BYTE, Vectors
from hwgen.network.params import KINDS, Params
from hwgen.progress import SILENT, Reporter

FORMAT = "hwgen-params-json-1"


def export(folder: ModelFolder, out: Path, *, reporter: Reporter = SILENT) -> list[Path]:
    """Write params.json, inputs.jsonl and expected.jsonl; of a network that learns, those of
    learning, too. Each file appears whole or not at all.

    out: a folder. Returns the paths written, in order. Raises `ParamsError` if golden does not say
    what the vectors say, `HwgenError` if another run is at work in the folder.
    """
    with exclusive(out):
        return _export(folder, out, reporter)


def _export(folder: ModelFolder, out: Path, reporter: Reporter) -> list[Path]:
    params = folder.params()
    files: dict[str, Iterable[Any]] = {"params.json": [_params(params)]}
    files |= _vectors(params, verified.vectors(folder, params), learning=False)
    if folder.learning_vectors_path.is_file():
        files |= _vectors(params, verified.learning_vectors(folder, params), learning=True)
    for done, (name, lines) in enumerate(files.items(), start=1):
        texts = (json.dumps(line, separators=(",", ":")) for line in lines)
        write_atomic(out / name, "\n".join(texts) + "\n")
        reporter.advance(done, len(files))
    return [out / name for name in files]


def _params(params: Params) -> dict[str, Any]:
    tensors = {
        f"{index}.{kind}": {"shape": list(tensor.shape), "values": tensor.ravel().tolist()}
        for kind in KINDS
        for index, tensor in enumerate(getattr(params, kind))
        if tensor.size
    }
    return {
        "format": FORMAT,
        "name": params.name,
        "digest": params.digest,
        "spec": params.spec.to_json(),
        "tensors": tensors,
    }


def _vectors(params: Params, vectors: Vectors, *, learning: bool) -> dict[str, Iterable[Any]]:
    start = "lessons-" if learning else ""
    return {
        f"{start}inputs.jsonl": _inputs(vectors, learning),
        f"{start}expected.jsonl": _expected(params, vectors, learning),
    }


def _inputs(vectors: Vectors, learning: bool) -> Iterator[dict[str, Any]]:
    for sample, label in enumerate(vectors.labels.tolist()):
        known = None if learning and label == NO_LABEL_BYTE else label
        yield {"sample": sample, "label": known, "inputs": vectors.inputs[sample].tolist()}


def _expected(params: Params, vectors: Vectors, learning: bool) -> Iterator[dict[str, Any]]:
    """A complete file of results, without a mismatch."""
    yield Header(
        format=results.FORMAT,
        digest=params.digest,
        implementation="hwgen.golden",
        learning=learning,
    ).to_json()
    expected = Expected(params, vectors, learning)
    for sample in range(expected.n):
        line: dict[str, Any] = {"sample": sample}
        for name in expected.lengths:
            values = expected.of(sample, name).tolist()
            line[name] = values[0] if name in results.DECIDED else values
        yield line
