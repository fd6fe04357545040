"""How the command line speaks: results on stdout, progress and errors on stderr."""

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """One JSON document on stdout, for scripts. What is no number is null: JSON has no NaN."""
    json.dump(_finite(value), sys.stdout, indent=1, default=str, allow_nan=False)
    sys.stdout.write("\n")


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class Bar(Protocol):
    """Moves a progress bar."""

    def __call__(self, done: int, total: int, note: str = "") -> None: ...


@contextmanager
def bar(what: str) -> Iterator["Bar"]:
    """A progress bar; call what it yields with (done, total), or (done, total, note)."""
    columns = (
        TextColumn("{task.description:<24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    progress, started = Progress(*columns, console=err), False
    task = progress.add_task(what, start=False, visible=False, note="")

    def update(done: int, total: int, note: str = "") -> None:
        nonlocal started
        if not started:  # not before: without a terminal, even an empty bar ends in a line
            progress.start()
            progress.start_task(task)
            started = True
        if note and not err.is_terminal:  # a log: a line for each that has something to say
            err.print(f"{what} {done}/{total} {note}", markup=False)
        progress.update(task, completed=done, total=total, note=note, visible=True)

    try:
        yield update
    finally:
        if started:
            progress.stop()


@contextmanager
def phases(what: str) -> Iterator[Callable[[str], None]]:
    """A spinner that names the phase; call what it yields with the phase."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=err) as progress:
        task = progress.add_task(what, start=False, visible=False)

        def update(phase: str) -> None:
            progress.start_task(task)  # only the first call counts
            progress.update(task, description=f"{what}: {phase}", visible=True)

        yield update


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
