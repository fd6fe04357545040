"""Tables from files (TOML, JSON) to frozen dataclasses, every field checked, one line an error."""

import dataclasses
import difflib
import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from hwgen.errors import HwgenError

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Range:
    """Bounds of a number, both inclusive; use as ``Annotated[int, Range(1, 255)]``."""

    low: float
    high: float


def build(cls: type[T], table: Any, *, where: str, error: type[HwgenError]) -> T:
    """Make a `cls` from a table. `where` names file and field in the messages of `error`."""
    if not isinstance(table, Mapping):
        raise error(f"{where} must be a table, not {table!r}")
    hints = get_type_hints(cls, include_extras=True)
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in table:
        if key not in fields:
            close = difflib.get_close_matches(str(key), fields, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(fields)}"
            raise error(f"{where} has an unknown field {key!r}{hint}")
    values = {}
    for name, field in fields.items():
        if name in table:
            values[name] = _value(hints[name], table[name], f"{where}: {name}", error)
        elif field.default is field.default_factory is dataclasses.MISSING:
            raise error(f"{where} lacks the field {name!r} ({_describe(hints[name])})")
    return cls(**values)


def _value(hint: Any, value: Any, where: str, error: type[HwgenError], shown: Any = None) -> Any:
    """The value as `hint` wants it; messages describe `shown`, the hint with its range."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        result = _value(arguments[0], value, where, error, hint)
        for bound in arguments[1:]:
            if result is not None and not bound.low <= result <= bound.high:
                raise error(f"{where} must be {_describe(hint)}, not {value!r}")
        return result
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        inner = [argument for argument in arguments if argument is not type(None)]
        return _value(
            inner[0] if len(inner) == 1 else _kind(inner, value, where, error), value, where, error
        )
    if origin is tuple and isinstance(value, list | tuple):
        element = arguments[0]
        return tuple(
            _value(element, item, f"{where}[{position}]", error)
            for position, item in enumerate(value)
        )
    if dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
        return build(hint, value, where=where, error=error)  # type: ignore[arg-type]
    if _fits(hint, value):
        return float(value) if hint is float else value
    raise error(f"{where} must be {_describe(shown or hint)}, not {value!r}")


def _kind(classes: list[Any], value: Any, where: str, error: type[HwgenError]) -> Any:
    """Of several dataclasses, the one that the field `kind` (or `rule`) of `value` names."""
    hints = [get_type_hints(cls) for cls in classes]
    tag = "kind" if "kind" in hints[0] else "rule"
    by_name = {get_args(hint[tag])[0]: cls for hint, cls in zip(hints, classes, strict=True)}
    name = value.get(tag) if isinstance(value, Mapping) else None
    if not isinstance(name, str) or name not in by_name:
        known = ", ".join(repr(name) for name in by_name)
        raise error(f"{where} must be a table with a {tag}, one of {known}, not {value!r}")
    return by_name[name]


def _fits(hint: Any, value: Any) -> bool:
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if hint is Any:
        return True
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and value == value
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    kind = get_origin(hint) or hint
    return isinstance(kind, type) and isinstance(value, kind)


def _describe(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        text = _describe(arguments[0])
        return text + "".join(f" in {bound.low}..{bound.high}" for bound in arguments[1:])
    if origin in (Union, types.UnionType):
        return " or ".join(_describe(a) for a in arguments if a is not type(None))
    if origin is Literal:
        return "one of " + ", ".join(repr(argument) for argument in arguments)
    if origin is tuple:
        return f"a list, each {_describe(arguments[0])}"
    if dataclasses.is_dataclass(hint):
        return "a table"
    names = {int: "an integer", float: "a number", str: "a string", bool: "true or false"}
    return names.get(hint, getattr(hint, "__name__", str(hint)))
