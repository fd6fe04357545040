"""How results show themselves in a notebook."""

from html import escape
from typing import Any, Protocol

_MAX_TEXT = 60  # characters of a value


class _Told(Protocol):
    def to_json(self) -> dict[str, Any]: ...


class Shown:
    """A result with `to_json`, which Jupyter shows as a table of its plain values."""

    def _repr_html_(self: _Told) -> str:
        rows = [
            f"<tr><td>{escape(name)}</td><td>{escape(_text(value))}</td></tr>"
            for name, value in self.to_json().items()
            if not isinstance(value, (list, tuple, dict)) or len(str(value)) <= _MAX_TEXT
        ]
        return f"<table>{''.join(rows)}</table>"


def _text(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _MAX_TEXT else f"{text[: _MAX_TEXT - 3]}..."
