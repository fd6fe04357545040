"""Tables from files (TOML, JSON) to frozen dataclasses, every field checked, one line an error."""

import dataclasses
import difflib
import json
import math
import tomllib
import types
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from hwgen.errors import HwgenError
from hwgen.files import reason
from hwgen.reading import read_text

T = TypeVar("T")


MAX_DEPTH = 64  # of tables and lists in one another; far below where Python's own readers give up
MAX_NAME = 100  # characters
MAX_SEED = 2**32 - 1  # of random choices
_MAX_SHOWN = 100  # characters of a value in a message


@dataclasses.dataclass(frozen=True)
class Range:
    """Bounds of a number, both inclusive; use as ``Annotated[int, Range(1, 255)]``."""

    low: float
    high: float

    def holds(self, value: Any) -> bool:
        return bool(self.low <= value <= self.high)

    def __str__(self) -> str:
        return f" in {self.low}..{self.high}"


@dataclasses.dataclass(frozen=True)
class Name:
    """Of a string that is printed, and part of names of files: ``Annotated[str, Name()]``."""

    def holds(self, value: Any) -> bool:
        safe = value.isprintable() and not set(value) & set("/\\")
        return bool(safe and 0 < len(value) <= MAX_NAME and not value.startswith("."))

    def __str__(self) -> str:
        return f" of 1..{MAX_NAME} printable characters, no slash, no backslash, no dot first"


@dataclasses.dataclass(frozen=True)
class Line:
    """Of a string that is printed."""

    def holds(self, value: Any) -> bool:
        return bool(value.isprintable() and len(value) <= 2 * MAX_NAME)

    def __str__(self) -> str:
        return f" of up to {2 * MAX_NAME} printable characters"


def strict_json(text: str) -> Any:
    """JSON that means one thing: no key twice, no NaN or Infinity. Raises ValueError."""

    def table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found:
                raise ValueError(f"the key {short_repr(name)} is there twice")
            found[name] = value
        return found

    def refuse(word: str) -> Any:
        raise ValueError(f"{word} is no number in JSON")

    return json.loads(text, object_pairs_hook=table, parse_constant=refuse)


def read_toml(path: Path, *, missing: str, error: type[HwgenError]) -> dict[str, Any]:
    """The tables of a .toml file. Raises `error`; `missing`: the rest of its line if there is no
    such file."""
    try:
        return tomllib.loads(read_text(path))
    except FileNotFoundError:
        raise error(f"{path}: {missing}") from None
    except IsADirectoryError:
        raise error(f"{path}: is a folder, expected a .toml file") from None
    except OSError as problem:
        raise error(f"{path}: cannot be read: {problem.strerror}") from None
    except (ValueError, RecursionError) as problem:  # of TOML; of UTF-8; of too long a number
        raise error(f"{path}: not valid TOML: {reason(problem)}") from None


def parse(cls: type[T], table: Any, *, where: str, error: type[HwgenError]) -> T:
    """Make a `cls` from a table. `where` names file and field in the messages of `error`."""
    check_plain(table, where=where, error=error)
    return _build(cls, table, where, error)


def check_plain(value: Any, *, where: str, error: type[HwgenError]) -> None:
    """Raise `error` for what a file can say, but nobody can use or print: tables in one another
    without end, numbers of thousands of digits, halves of characters."""
    inside = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for item in inside:
            if isinstance(item, Mapping):
                below += [*item.keys(), *item.values()]
            elif isinstance(item, list | tuple):
                below += item
            elif type(item) is int and abs(item) >= 2**64:
                raise error(
                    f"{where} has an integer of {item.bit_length()} bits, expected up to 64"
                )
            elif isinstance(item, float) and not math.isfinite(item):
                raise error(f"{where} has {item}, which is no number in JSON")
            elif isinstance(item, str) and not _is_text(item):
                raise error(f"{where} has {short_repr(item)}, which is not text in Unicode")
        inside = below
        if not inside:
            return
    raise error(f"{where} has tables or lists {MAX_DEPTH} and more deep in one another")


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # JSON can write half of a surrogate pair
        return False
    return True


def short_repr(value: Any) -> str:
    """A value as messages show it: in one line, and not too long."""
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 3]}..."


def suggest(name: str, known: Iterable[str]) -> str | None:
    """What `name` may be a slip of."""
    if len(name) > MAX_NAME:  # the comparison takes the square of it
        return None
    return next(iter(difflib.get_close_matches(name, known, n=1)), None)


def _build(cls: type[T], table: Any, where: str, error: type[HwgenError]) -> T:
    if not isinstance(table, Mapping):
        raise error(f"{where} must be a table, not {short_repr(table)}")
    hints = get_type_hints(cls, include_extras=True)
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in table:
        if key not in fields:
            close = suggest(str(key), fields)
            hint = f"; did you mean {close!r}?" if close else f"; known: {', '.join(fields)}"
            raise error(f"{where} has an unknown field {short_repr(key)}{hint}")
    values = {}
    for name, field in fields.items():
        if name in table:
            values[name] = _value(hints[name], table[name], f"{where}: {name}", error)
        elif field.default is field.default_factory is dataclasses.MISSING:
            raise error(f"{where} lacks the field {name!r} ({_describe(hints[name])})")
    return cls(**values)


def _value(hint: Any, value: Any, where: str, error: type[HwgenError], whole: Any = None) -> Any:
    """The value as `hint` wants it; messages describe `whole`, the hint with its range."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        result = _value(arguments[0], value, where, error, hint)
        for bound in arguments[1:]:
            if result is not None and not bound.holds(result):
                raise error(f"{where} must be {_describe(hint)}, not {short_repr(value)}")
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
        return _build(hint, value, where, error)  # type: ignore[arg-type]
    if _fits(hint, value):
        return float(value) if hint is float else value
    raise error(f"{where} must be {_describe(whole or hint)}, not {short_repr(value)}")


def _kind(classes: list[Any], value: Any, where: str, error: type[HwgenError]) -> Any:
    """Of several dataclasses, the one that the field `kind` (or `rule`) of `value` names."""
    hints = [get_type_hints(cls) for cls in classes]
    tag = "kind" if "kind" in hints[0] else "rule"
    by_name = {get_args(hint[tag])[0]: cls for hint, cls in zip(hints, classes, strict=True)}
    name = value.get(tag) if isinstance(value, Mapping) else None
    if not isinstance(name, str) or name not in by_name:
        known = ", ".join(repr(name) for name in by_name)
        raise error(
            f"{where} must be a table with a {tag}, one of {known}, not {short_repr(value)}"
        )
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
        return text + "".join(str(bound) for bound in arguments[1:])
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
