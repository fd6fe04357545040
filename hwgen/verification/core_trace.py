"""What a compiled core did: `cxxrtl_session` writes it, `compare` reads it."""

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from hwgen.verification.mismatch import Mismatch

UNSEEN = -(2**31)  # in place of a potential that did not come; no legal potential is so large


class Moment(IntEnum):
    """Of a reset, by the last token that the core had taken since the reset before."""

    AT_ONCE = 0  # none
    IN_SAMPLE = 1
    BEHIND_SAMPLE = 2
    BEHIND_UPDATE = 3
    READING = 4
    FILLING = 5


@dataclass(frozen=True, kw_only=True)
class Recording:
    """What a core did with n samples, from a reset that has cut off others.

    Of each layer: spike_times uint8 [n, n_post] (n_steps: never), of a multi-spike network spikes
    uint8 [n, n_steps, n_post]; potentials int32 [n, n_post] at
    the end of the sample (`UNSEEN`: did not come; [n, 0] of a pooling layer); step_cycles uint64
    [n, n_steps], when the step's end came out. Of each sample: label uint32, step uint8, by_spike
    uint8 of the result; cycles uint64 in which its first token was taken, its result came out, its
    end was taken, and the first token behind it was taken (0: there was none).
    registers: uint32, by number, in the end; reads: uint32 [n_registers, 2], the least and the
    greatest value of each, if it was read on the way; else the greatest is less than the least.
    busy_cycles: in which a sample was inside, counted from outside. n_dropped: tokens given that
    mean nothing. n_idle: cycles in which the core would have taken a token, but got none.
    n_cut: samples that had gone in whole before the first of the resets that cut them off; moments:
    what each of these cut off, if they were given.
    """

    spike_times: tuple[NDArray[np.uint8], ...]
    potentials: tuple[NDArray[np.int32], ...]
    step_cycles: tuple[NDArray[np.uint64], ...]
    labels: NDArray[np.uint32]
    steps: NDArray[np.uint8]
    by_spike: NDArray[np.uint8]
    started: NDArray[np.uint64]
    decided: NDArray[np.uint64]
    ended: NDArray[np.uint64]
    resumed: NDArray[np.uint64]
    registers: NDArray[np.uint32]
    reads: NDArray[np.uint32]
    n_cycles: int
    busy_cycles: int
    n_dropped: int
    n_idle: int
    n_cut: int
    moments: tuple[Moment, ...]
    n_faults: int  # what no stream of tokens may do; the first of them:
    fault: Mismatch | None

    def first(self, n: int) -> "Recording":
        """Of the first n samples, after which the run ended."""
        return replace(
            self,
            spike_times=tuple(x[:n] for x in self.spike_times),
            potentials=tuple(x[:n] for x in self.potentials),
            step_cycles=tuple(x[:n] for x in self.step_cycles),
            labels=self.labels[:n],
            steps=self.steps[:n],
            by_spike=self.by_spike[:n],
            started=self.started[:n],
            decided=self.decided[:n],
            ended=self.ended[:n],
            resumed=self.resumed[:n],
        )
