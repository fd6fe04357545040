"""Which copy of a data set a verb reads: a line on stderr, and in `--json`."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from hwgen.cli.console import err


class _Teller(logging.Handler):
    """Prints warnings, and which copies are read, each once."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.read: dict[str, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        copy = getattr(record, "copy", None)
        if copy:
            name, place = copy
            if self.read.get(name) == place:
                return
            self.read[name] = place
        elif record.levelno < logging.WARNING:
            return
        if os.environ.get("RANK", "0") == "0":  # of several processes, the first tells
            err.print(f"hwgen: {record.getMessage()}", markup=False, soft_wrap=True)


@contextmanager
def told() -> Iterator[dict[str, str]]:
    """While it is open, reading a data set prints where from. Yields what was read so far: name of
    the set, and its place."""
    logger, teller = logging.getLogger("hwgen"), _Teller()
    before = logger.level
    logger.addHandler(teller)
    logger.setLevel(logging.INFO)
    try:
        yield teller.read
    finally:
        logger.removeHandler(teller)
        logger.setLevel(before)
