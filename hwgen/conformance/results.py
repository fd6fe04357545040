"""What another implementation answers: a text file, one JSON object a line (`docs/conformance.md`).

The first line says of which params, and how: `Header`. Each other line is a sample.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from hwgen import schema
from hwgen.errors import ResultsError
from hwgen.files import reason
from hwgen.model.vectors import spikes_field
from hwgen.network.params import Params
from hwgen.reading import open_text
from hwgen.schema import Line, short_repr

FORMAT: Literal["hwgen-results-1"] = "hwgen-results-1"
DECIDED = ("decision", "decision_step")  # the fields that every sample has


@dataclass(frozen=True, kw_only=True)
class Header:
    """The first line. `digest` is that of the params; `learning`: the core trains on them."""

    format: Literal["hwgen-results-1"]
    digest: str
    implementation: Annotated[str, Line()] = ""
    learning: bool = False

    def to_json(self) -> dict[str, Any]:
        """A table of plain values: the first line of a file."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class SampleResult:
    """A line of one sample: by field int64 [n], n as `lengths` says; 1 of those `DECIDED`."""

    line: int  # in the file, from 1
    sample: int
    fields: dict[str, NDArray[np.int64]]


def lengths(params: Params, *, learning: bool) -> dict[str, int]:
    """How many integers each field of a sample has, in the order of the network.

    learning: the core trains on the samples, so shadows are fields, too.
    """
    n: dict[str, int] = {}
    multi_spike = params.spec.multi_spike
    field = spikes_field(multi_spike)
    for index, layer in enumerate(params.spec.layers):
        n[f"{index}.{field}"] = layer.n_post * (params.spec.n_steps if multi_spike else 1)
        if layer.has_weights:
            n[f"{index}.potentials"] = layer.n_post
    n |= dict.fromkeys(DECIDED, 1)
    if learning:
        layers = params.spec.learning_layers
        n |= {f"{index}.shadows": params.shadows[index].size for index in layers}
    return n


def read_header(path: Path) -> Header:
    """The first line. Raises `ResultsError`."""
    for number, table in _lines(path):
        return schema.parse(Header, table, where=f"{path}:{number}", error=ResultsError)
    raise ResultsError(f'{path}: is empty, expected a line {{"format": "{FORMAT}", ...}} first')


def read_answers(path: Path, n_samples: int, expected: Mapping[str, int]) -> Iterator[SampleResult]:
    """All lines but the first, each checked. `expected` are `lengths`. Raises `ResultsError`."""
    seen: dict[int, int] = {}
    lines = _lines(path)
    next(lines)
    for number, table in lines:
        answer = _answer(table, expected, f"{path}:{number}", number)
        if not 0 <= answer.sample < n_samples:
            raise ResultsError(
                f"{path}:{number}: sample is {answer.sample}, expected 0..{n_samples - 1}: "
                f"there are {n_samples}"
            )
        if answer.sample in seen:
            raise ResultsError(
                f"{path}:{number}: sample {answer.sample} was in line {seen[answer.sample]} already"
            )
        seen[answer.sample] = number
        yield answer
    if not seen:
        raise ResultsError(f"{path}: has no sample: nothing would be compared; give at least one")


def _answer(table: Any, expected: Mapping[str, int], where: str, number: int) -> SampleResult:
    if not isinstance(table, dict):
        raise ResultsError(f"{where}: must be a JSON object, not {_short(table)}")
    known = ("sample", *expected)
    for name in table:
        if name not in known:
            close = schema.suggest(name, known)
            hint = f"did you mean {close!r}?" if close else f"known: {', '.join(known)}"
            raise ResultsError(f"{where}: has an unknown field {short_repr(name)}; {hint}")
    for name in ("sample", *DECIDED):
        if name not in table:
            raise ResultsError(f"{where}: lacks the field {name!r} (an integer)")
        if not _is_integer(table[name]):
            raise ResultsError(f"{where}: {name} must be an integer, not {_short(table[name])}")
    fields = {
        name: _integers([value] if name in DECIDED else value, expected[name], f"{where}: {name}")
        for name, value in table.items()
        if name != "sample"
    }
    return SampleResult(line=number, sample=table["sample"], fields=fields)


def _integers(values: Any, n: int, where: str) -> NDArray[np.int64]:
    if not isinstance(values, list):
        raise ResultsError(f"{where} must be a list of {n} integers, not {_short(values)}")
    if len(values) != n:
        raise ResultsError(f"{where} has {len(values)} values, expected {n}")
    for index, value in enumerate(values):
        if not _is_integer(value):
            raise ResultsError(f"{where}[{index}] must be an integer, not {_short(value)}")
    return np.array(values, np.int64)


def _is_integer(value: Any) -> bool:
    """Of 32 bits, as all numbers of a network are; true and false are none."""
    return type(value) is int and -(2**31) <= value < 2**31


def _short(value: Any) -> str:
    try:
        text = json.dumps(value)
    except RecursionError:
        return "lists or objects too deep in one another"
    return text if len(text) <= 40 else f"{text[:37]}..."


def _lines(path: Path) -> Iterator[tuple[int, Any]]:
    """Numbers, from 1, and values of all lines that are not empty."""
    try:
        with open_text(path) as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    try:
                        yield number, schema.strict_json(line)
                    except (ValueError, RecursionError) as error:
                        raise ResultsError(
                            f"{path}:{number}: is not JSON ({reason(error)}); "
                            "each line is one object"
                        ) from None
    except FileNotFoundError:
        raise ResultsError(
            f"{path}: no such file; docs/conformance.md says how to write one"
        ) from None
    except UnicodeDecodeError as error:
        raise ResultsError(f"{path}: is not text in UTF-8: {reason(error)}") from None
    except ValueError as error:  # in another encoding
        raise ResultsError(f"{path}: {reason(error)}") from None
    except OSError as error:
        raise ResultsError(f"{path}: cannot be read: {error.strerror}") from None
