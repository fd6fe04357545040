"""Where params come from: free JSON, but some fields are read again, and those are checked here."""

from collections.abc import Callable, Mapping
from typing import Any

from hwgen import schema
from hwgen.errors import ParamsError
from hwgen.schema import MAX_SEED

# Field: what it must be, for the message, and whether a value is that.
_KNOWN: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "description": ("a string", lambda value: isinstance(value, str)),
    "seed": (f"an integer in 0..{MAX_SEED}", lambda value: _is_integer(value, 0, MAX_SEED)),
    "n_samples": ("an integer in 1..2147483648", lambda value: _is_integer(value, 1, 2**31)),
    "data": ("a table whose name is a string", lambda value: _is_data(value)),
    "accuracy": ("a table of numbers", lambda value: _is_accuracy(value)),
    "training_s": ("a number", lambda value: _is_number(value)),
    "recipe": (
        "a table whose data.validation is a number in 0..0.5",
        lambda value: _is_recipe(value),
    ),
    "course": ("a table with n_samples, n_updates, dataset", lambda value: _is_course(value)),
}


def check(provenance: Mapping[str, Any], where: str) -> None:
    """Raise `ParamsError` if it cannot be read again; `where` opens the message.

    Fields that hwgen does not know stay as they are; they must be plain JSON (contract, section 1).
    """
    schema.check_plain(provenance, where=where, error=ParamsError)
    for name, (expected, holds) in _KNOWN.items():
        if name in provenance and not holds(provenance[name]):
            value = schema.short_repr(provenance[name])
            raise ParamsError(f"{where}: {name} must be {expected}, not {value}")
    if "course" in provenance and not isinstance(provenance.get("parent"), str):
        raise ParamsError(f"{where}: parent must be a digest, as there was a course")


def _is_integer(value: Any, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _is_data(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("name", ""), str)


def _is_recipe(value: Any) -> bool:
    data = value.get("data", {}) if isinstance(value, Mapping) else None
    if not isinstance(data, Mapping):
        return False
    validation = data.get("validation", 0)
    return _is_number(validation) and bool(0 <= validation <= 0.5)


def _is_accuracy(value: Any) -> bool:
    return isinstance(value, Mapping) and all(map(_is_number, value.values()))


def _is_course(value: Any) -> bool:
    if not isinstance(value, Mapping) or not isinstance(value.get("dataset"), str):
        return False
    return all(_is_integer(value.get(name), 0, 2**63) for name in ("n_samples", "n_updates"))
