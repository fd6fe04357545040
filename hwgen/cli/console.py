"""How the command line speaks: results on stdout, progress and errors on stderr."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from hwgen.progress import Reporter

# Names of models are a user's: [bold red] and :smile: are letters, here and in all tables.
out = Console(highlight=False, markup=False, emoji=False)
err = Console(stderr=True, highlight=False, markup=False, emoji=False)


def claim_stdout(claimed: bool) -> None:
    """Whether stdout is for a file alone (`-o -`): then results go to stderr."""
    out.stderr = claimed


def print_json(value: Any) -> None:
    """One JSON document on stdout, for scripts. What is no number is null: JSON has no NaN."""
    json.dump(_finite(value), out.file, indent=1, default=str, allow_nan=False)
    out.file.write("\n")


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@contextmanager
def progress(*parts: str) -> Iterator[Reporter]:
    """Draws how far work is: a bar where things are counted, a spinner that names the phase.

    parts: titles of what is done, in order, at least one. A phase of such a title goes on to it.
    """
    with ExitStack() as stack:
        yield _Drawn(parts, stack)


class _Drawn:
    """A `Reporter` whose lines stay until the stack is closed."""

    def __init__(self, parts: Sequence[str], stack: ExitStack) -> None:
        self._parts, self._part = parts, parts[0]
        self._bars = _Display(
            stack,
            TextColumn("{task.description:<24}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
        )
        self._spinners = _Display(
            stack,
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
        )

    def phase(self, name: str) -> None:
        if name in self._parts:
            self._part = name
        else:
            self._spinners.update(self._part, description=f"{self._part}: {name}")

    def advance(self, done: int, total: int, note: str = "") -> None:
        if note and not err.is_terminal:  # a log: a line for each that has something to say
            err.print(f"{self._part} {done}/{total} {note}", markup=False)
        self._bars.update(self._part, completed=done, total=total, note=note)


class _Display:
    """Lines of one kind, one a part."""

    def __init__(self, stack: ExitStack, *columns: ProgressColumn) -> None:
        self._stack, self._progress = stack, Progress(*columns, console=err)
        self._lines: dict[str, TaskID] = {}

    def update(self, part: str, **fields: Any) -> None:
        """Change the line of a part; the first time, draw it."""
        if not self._lines:  # not before: without a terminal, even an empty display ends in a line
            self._stack.enter_context(self._progress)
        if part not in self._lines:
            self._lines[part] = self._progress.add_task(part, visible=False, note="")
        self._progress.update(self._lines[part], visible=True, **fields)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table on stdout; numbers to the right."""
    result = Table(title=title, title_justify="left", title_style="bold")
    for position, name in enumerate(columns):
        numeric = all(isinstance(row[position], int | float) for row in rows) and bool(rows)
        result.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        result.add_row(*(str(value) for value in row))
    out.print(result)


def facts(title: str, rows: Sequence[tuple[str, Any]]) -> None:
    """Two columns without a header: name and value."""
    result = Table(title=title, title_justify="left", title_style="bold", show_header=False)
    result.add_column(style="dim")
    result.add_column(overflow="fold")
    for name, value in rows:
        result.add_row(name, str(value))
    out.print(result)


def undecided(n: int) -> str:
    """What a table says of samples that are never right, as nothing was decided."""
    return f"{n} undecided: no output fires, and all potentials are equal"


def percent(fraction: float | None) -> str:
    return "-" if fraction is None else f"{100 * fraction:.2f} %"
