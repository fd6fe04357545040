"""Damage to files, for hypothesis: bytes, and tables of TOML and JSON."""

import struct
from typing import Any

from hypothesis import strategies as some

# Numbers that readers stumble over: signs, limits of widths, more digits than Python takes.
NUMBERS = [0, 1, -1, 127, 128, 255, 256, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64, -(2**63)]
FLOATS = [float("nan"), float("inf"), -float("inf"), 1e308, 5e-324, -0.0]
KEYS = ["", "name", "kind", "spec", "seed", "x" * 300, "a\nb", "\x1b[2J", "ä", "\U0001f600"]


def values(depth: int = 3) -> Any:
    """Anything that TOML and JSON can both say."""
    leaves = some.one_of(
        some.sampled_from(NUMBERS),
        some.sampled_from(FLOATS),
        some.integers(),
        some.booleans(),
        some.text(max_size=8),
        some.sampled_from(KEYS),
    )
    return some.recursive(
        leaves,
        lambda inner: some.one_of(
            some.lists(inner, max_size=4),
            some.dictionaries(some.sampled_from(KEYS) | some.text(max_size=5), inner, max_size=4),
        ),
        max_leaves=2**depth,
    )


@some.composite
def changed(draw: Any, table: Any) -> Any:
    """A copy of a table with one to three changes anywhere: dropped, added, replaced, swapped."""
    table = _copy(table)
    for _ in range(draw(some.integers(1, 3))):
        place = draw(some.sampled_from(_places(table)))
        holder, key = place
        what = draw(some.sampled_from(["drop", "replace", "replace", "add", "nest", "move"]))
        if what == "drop":
            del holder[key]
        elif what == "replace":
            holder[key] = draw(values())
        elif what == "add" and isinstance(holder, dict):
            holder[draw(some.sampled_from(KEYS))] = draw(values())
        elif what == "nest":
            holder[key] = nested(holder[key], draw(some.sampled_from([1, 2, 70])))
        elif what == "move":
            other, name = draw(some.sampled_from(_places(table)))
            holder[key] = _copy(other[name])
        if not _places(table):
            break
    return table


def nested(value: Any, depth: int) -> Any:
    for _ in range(depth):
        value = [value]
    return value


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(inner) for key, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list) else value


def _places(table: Any) -> list[tuple[Any, Any]]:
    """Where a value is in a table: (what holds it, key)."""
    found: list[tuple[Any, Any]] = []
    keys = table.keys() if isinstance(table, dict) else range(len(table))
    for key in keys:
        found.append((table, key))
        if isinstance(table[key], dict | list):
            found += _places(table[key])
    return found


@some.composite
def damaged(draw: Any, content: bytes) -> bytes:
    """A copy of a file with one to four of: bits flipped, bytes set, cut, put in, moved."""
    data = bytearray(content)
    # Half of the damage to the front, where the headers are.
    for _ in range(draw(some.integers(1, 4))):
        end = max(1, len(data))
        at = draw(some.integers(0, end - 1) | some.integers(0, min(end - 1, 200)))
        what = draw(some.sampled_from(["flip", "set", "word", "cut", "end", "insert", "swap"]))
        if what == "flip" and data:
            data[at] ^= 1 << draw(some.integers(0, 7))
        elif what == "set" and data:
            data[at] = draw(some.sampled_from([0, 1, 0x22, 0x5B, 0x7F, 0x80, 0xFF]))
        elif what == "word":
            number = draw(some.sampled_from([0, 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1]))
            data[at : at + 8] = struct.pack("<Q", number)
        elif what == "cut":
            del data[at : at + draw(some.integers(1, 64))]
        elif what == "end":
            del data[at:]
        elif what == "insert":
            data[at:at] = draw(some.binary(max_size=16))
        elif what == "swap":
            other = draw(some.integers(0, end - 1))
            data[at : at + 4], data[other : other + 4] = data[other : other + 4], data[at : at + 4]
    return bytes(data)


def toml(table: dict[str, Any]) -> str:
    """Inline throughout, so that any table can be written."""
    return "".join(f"{_word(key)} = {_toml(value)}\n" for key, value in table.items())


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        inner = ", ".join(f"{_word(key)} = {_toml(inner)}" for key, inner in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str):
        return _word(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return hex(value) if value >= 0 else str(value)
    return "nan" if value != value else str(value)


def _word(text: str) -> str:
    return '"' + "".join(f"\\U{ord(c):08X}" for c in text) + '"'
