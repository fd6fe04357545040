"""Reporters: one that keeps what it hears, one that ends the work."""


class Heard:
    """Keeps all it hears, in order."""

    def __init__(self) -> None:
        self.phases: list[str] = []
        self.advances: list[tuple[int, int]] = []
        self.notes: list[str] = []  # one an advance

    def phase(self, name: str) -> None:
        self.phases.append(name)

    def advance(self, done: int, total: int, note: str = "") -> None:
        self.advances.append((done, total))
        self.notes.append(note)


class StopError(Exception):
    """Ends the work, as Ctrl-C would."""


class StopsAt:
    """Raises `StopError` when so many are done."""

    def __init__(self, *done: int) -> None:
        self._done = done

    def phase(self, name: str) -> None:
        pass

    def advance(self, done: int, total: int, note: str = "") -> None:
        if done in self._done:
            raise StopError
