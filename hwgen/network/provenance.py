"""Where params come from: free JSON, of which hwgen reads some fields again.

Nothing in it decides a bit, so nothing in it is refused but what is no JSON (contract, section 1).
A field of another type than hwgen writes is somebody else's: it is kept, and read as if absent.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hwgen import schema
from hwgen.errors import ParamsError
from hwgen.schema import MAX_SEED

Reader = Callable[[Any], Any]  # of a value: what hwgen reads of it, or None


def check(provenance: Mapping[str, Any], where: str) -> None:
    """Raise `ParamsError` if it is not plain JSON; `where` opens the message."""
    schema.check_plain(provenance, where=where, error=ParamsError)


def known(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that hwgen reads again, of those that hold what it writes there.

    description, device, parent: strings; seed: 0..2^32 - 1; n_samples: at least 1; training_s: a
    number; accuracy: numbers by name; data: a table of `name`, `digest`, `classes` and counts;
    recipe: a table whose data.validation is a number in 0..0.5; course: a table of n_samples,
    n_updates and dataset, of params that have a parent; nir: a table of file, sha256, from, and the
    verdict of an import.
    """
    found = {name: read(provenance.get(name)) for name, read in _READERS.items()}
    if found["parent"] is None:  # what was learnt on chip was learnt from something
        found["course"] = None
    return {name: value for name, value in found.items() if value is not None}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> int | float | None:
    return value if type(value) in (int, float) else None


def _integer(low: int, high: int) -> Reader:
    return lambda value: value if type(value) is int and low <= value <= high else None


def _data(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, Mapping):
        return None
    table: dict[str, Any] = {name: x for name, x in value.items() if type(x) is int}
    for name in ("name", "digest"):
        if text := _text(value.get(name)):
            table[name] = text
    classes = value.get("classes")
    if isinstance(classes, Sequence) and classes and all(map(_text, classes)):
        table["classes"] = list(classes)
    return table


def _accuracy(value: Any) -> dict[str, float] | None:
    if not isinstance(value, Mapping):
        return None
    return {name: x for name, x in value.items() if _number(x) is not None}


def _recipe(value: Any) -> dict[str, Any] | None:
    data = value.get("data") if isinstance(value, Mapping) else None
    validation = _number(data.get("validation")) if isinstance(data, Mapping) else None
    if validation is None or not 0 <= validation <= 0.5:
        return None
    return {"data": {"validation": validation}}


def _course(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, Mapping) or not isinstance(value.get("dataset"), str):
        return None
    count = _integer(0, 2**63)
    counts = [count(value.get(name)) for name in ("n_samples", "n_updates")]
    return None if None in counts else dict(value)


def _nir(value: Any) -> dict[str, Any] | None:
    """A verdict that is damaged is no verdict."""
    if not isinstance(value, Mapping):
        return None
    verdict = value.get("verdict")
    if not all(isinstance(value.get(name), str) for name in ("file", "sha256", "from")):
        return None
    if not isinstance(verdict, Mapping) or not _is_verdict(verdict):
        return None
    return dict(value)


def _is_verdict(verdict: Mapping[str, Any]) -> bool:
    counts = verdict.get("layers")
    if not isinstance(counts, list) or not all(map(_is_count, counts)):
        return False
    others = [verdict.get(name) for name in ("golden", "rule")]
    right, n, equal = (verdict.get(x) for x in ("right", "n_samples", "n_decisions_equal"))
    return (
        all(count is None or _is_count(count) for count in others)
        and isinstance(verdict.get("source"), str)
        and isinstance(verdict.get("first"), str)
        and type(equal) is int
        and type(n) is int
        and n > 0
        and (right is None or (isinstance(right, Mapping) and _all_integers(right)))
    )


def _is_count(value: Any) -> bool:
    if not isinstance(value, Mapping) or not isinstance(value.get("name"), str):
        return False
    numbers = {name: x for name, x in value.items() if name != "name"}
    return set(numbers) == {"n_compared", "n_equal", "n_spikes"} and _all_integers(numbers)


def _all_integers(table: Mapping[str, Any]) -> bool:
    return all(type(x) is int for x in table.values())


_READERS: dict[str, Reader] = {
    "description": _text,
    "device": _text,
    "parent": _text,
    "seed": _integer(0, MAX_SEED),
    "n_samples": _integer(1, 2**31),
    "training_s": _number,
    "accuracy": _accuracy,
    "data": _data,
    "recipe": _recipe,
    "course": _course,
    "nir": _nir,
}
