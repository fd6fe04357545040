"""Recordings of one's own: their clock, and how much of them falls into a network's window."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwgen.data import nmnist
from hwgen.data.encoding import steps_inside
from hwgen.data.nmnist import FileEvents
from hwgen.data.recordings import CHANNELS, Recordings
from hwgen.errors import DataError
from hwgen.network.spec import NetworkSpec

UNITS_NS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
STARTS = ("zero", "first-event")
MIN_EVENTS = 10  # inside; below, or below this fraction, nothing can be told from them
MIN_FRACTION = 0.01
_MAX_US = 2**32 - 1


@dataclass(frozen=True, kw_only=True)
class Clock:
    """Of recordings. start: one of `STARTS`; unit: one of `UNITS_NS`; "": nobody said, so times are
    microseconds since zero. Raises `DataError` for others."""

    start: str = ""
    unit: str = ""

    def __post_init__(self) -> None:
        for name, value, known in (
            ("--start", self.start, STARTS),
            ("--time-unit", self.unit, tuple(UNITS_NS)),
        ):
            if value and value not in known:
                raise DataError(f"{name} is {value!r}, expected {' or '.join(known)}")

    @property
    def is_given(self) -> bool:
        return bool(self.start or self.unit)

    def in_us(self, times: NDArray[np.int64]) -> NDArray[np.int64]:
        """Ascending times of a file, in microseconds since the start."""
        if self.start == "first-event":
            times = times - times[:1]
        return times * UNITS_NS[self.unit or "us"] // 1000


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """What a network takes in of a recording: `n_inside` of `n_events` events, whose times are from
    `first_us` to `last_us`. notes: what was put right of the file."""

    file: str
    n_inside: int
    n_events: int
    first_us: int
    last_us: int
    window_us: int
    notes: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """All of it, as a sentence."""
        return (
            f"{self.file}: {self.n_inside} of {self.n_events} events inside the window of "
            f"{self.window_us} us, t from {self.first_us} to {self.last_us} us"
            + "".join(f"; {note}" for note in self.notes)
        )


def load(
    paths: Sequence[Path], spec: NetworkSpec, clock: Clock
) -> tuple[Recordings, list[Coverage]]:
    """Recordings, one a file, and what of each the network takes in.

    spec: of a network that takes events. Raises `DataError`, also if hardly any event is inside, or
    all are in the first step and nobody said in which unit times are.
    """
    given = spec.input
    if given.channels != CHANNELS:
        raise DataError(
            f"the network takes {given.channels} channel of events: recordings have {CHANNELS}, "
            "one a polarity"
        )
    parts, coverage = [], []
    for path in paths:
        part = _read(path, spec, clock)
        steps = steps_inside(part.addresses, part.times, given, spec.n_steps)
        inside = Coverage(
            file=str(path),
            n_inside=len(steps),
            n_events=len(part.times),
            first_us=int(part.times[0]),
            last_us=int(part.times[-1]),
            window_us=spec.n_steps * given.step_us,
            notes=part.notes,
        )
        _check(inside, steps, spec, clock)
        parts.append(part)
        coverage.append(inside)
    return nmnist.joined(parts, given.height, given.width), coverage


def _read(path: Path, spec: NetworkSpec, clock: Clock) -> FileEvents:
    part = nmnist.read(path, spec.input.height, spec.input.width)
    times = clock.in_us(part.times)
    if int(times[-1]) > _MAX_US:
        raise DataError(
            f"{path}: t up to {times[-1] / 1e6:g} s with --time-unit {clock.unit}, expected up to "
            f"{_MAX_US / 1e6:g} s"
        )
    return replace(part, times=times)


def _check(found: Coverage, steps: NDArray[np.int64], spec: NetworkSpec, clock: Clock) -> None:
    """Raise `DataError` if too little is inside, or the unit is in doubt."""
    if found.n_inside < max(MIN_EVENTS, MIN_FRACTION * found.n_events):
        late = found.first_us > 0 and clock.start != "first-event"
        hint = "--start first-event, if its clock does not begin at 0, or " if late else ""
        raise DataError(f"{found.line}: too few to classify; try {hint}another --time-unit")
    if spec.n_steps > 1 and not clock.unit and found.last_us < spec.input.step_us:
        raise DataError(
            f"{found.line}: all in the first of {spec.n_steps} steps; say --time-unit ms or s, "
            "or us, if it is right"
        )
