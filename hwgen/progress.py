"""How long work tells how far it is."""

from dataclasses import dataclass
from typing import Protocol


class Reporter(Protocol):
    """Hears how far long work is. What a method raises ends the work."""

    def phase(self, name: str) -> None:
        """A phase begins."""

    def advance(self, done: int, total: int, note: str = "") -> None:
        """So many of `total` are done. note: a figure worth reading, such as an accuracy."""


class _Silent:
    """Says nothing."""

    def phase(self, name: str) -> None:
        pass

    def advance(self, done: int, total: int, note: str = "") -> None:
        pass


SILENT: Reporter = _Silent()


@dataclass(frozen=True)
class Part:
    """The reporter of a part of some work: `before` are done before it, `total` in all."""

    whole: Reporter
    before: int
    total: int

    def phase(self, name: str) -> None:
        self.whole.phase(name)

    def advance(self, done: int, total: int, note: str = "") -> None:
        """total: of the part; the whole has its own."""
        self.whole.advance(self.before + done, self.total, note)
