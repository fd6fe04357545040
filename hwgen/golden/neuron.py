"""The single-spike integrate-and-fire neuron (SSTDP, eq. 1-3; `docs/contract.md`, section 3)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class State(NamedTuple):
    """Neurons of a layer: `potential` int64 and `fired` bool, both [n, n_post]."""

    potential: NDArray[np.int64]
    fired: NDArray[np.bool_]


def rest(n: int, n_post: int) -> State:
    """State at the start of a sample."""
    return State(np.zeros((n, n_post), np.int64), np.zeros((n, n_post), np.bool_))


def step(
    state: State, current: NDArray[np.int64], thresholds: NDArray[np.int32]
) -> tuple[State, NDArray[np.bool_]]:
    """One step: add the current, compare strictly, fire at most once. Returns (state, spikes).

    The potential goes on integrating after the spike; nothing resets it within a sample.
    """
    potential = state.potential + current
    spikes = (potential > thresholds) & ~state.fired
    return State(potential, state.fired | spikes), spikes
