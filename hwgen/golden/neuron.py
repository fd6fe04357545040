"""The single-spike integrate-and-fire neuron (SSTDP, eq. 1-3; `docs/contract.md`, section 4)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwgen.spec import WeightedSpec


class State(NamedTuple):
    """Neurons of a layer: `potential` and `slope` int32, `fired` bool, all [n, n_post].

    int32 is enough, because no legal layer needs more than 31 bits.
    """

    potential: NDArray[np.int32]
    slope: NDArray[np.int32]
    fired: NDArray[np.bool_]


def rest(n: int, n_post: int) -> State:
    """State at the start of a sample."""
    return State(
        potential=np.zeros((n, n_post), np.int32),
        slope=np.zeros((n, n_post), np.int32),
        fired=np.zeros((n, n_post), np.bool_),
    )


def kernel_events(times: NDArray[np.uint8], step: int, layer: WeightedSpec) -> NDArray[np.int8]:
    """What each input adds in a step, in units of its weight: times uint8 [n, n_pre] -> int8.

    The PSP is drawn by its second difference (ramp, triangle) or its first (step): every spike
    starts it; a triangle has a knee, where it turns down, and an end, where it reaches 0.
    """
    events: NDArray[np.int8] = (times == step).astype(np.int8)
    if layer.psp == "triangle":
        if step >= layer.tau_steps:
            events -= 2 * (times == step - layer.tau_steps).astype(np.int8)
        if step >= 2 * layer.tau_steps:
            events += times == step - 2 * layer.tau_steps
    return events


def n_kernel_events(
    times: NDArray[np.uint8], n_steps: int, layer: WeightedSpec
) -> NDArray[np.int64]:
    """Kernel events of each input in a whole sample: times uint8 [n, n_pre] -> int64, 0..3."""
    delays = [0]
    if layer.psp == "triangle":
        delays += [layer.tau_steps, 2 * layer.tau_steps]
    count = np.zeros(times.shape, np.int64)
    for delay in delays:
        count += times + np.int64(delay) < n_steps
    return count


def step(
    state: State, current: NDArray[np.int32], thresholds: NDArray[np.int32], layer: WeightedSpec
) -> tuple[State, NDArray[np.bool_]]:
    """One step: add the current, compare strictly, fire at most once. Returns (state, spikes).

    current: int32 [n, n_post]; thresholds: int32 [n_post]. The potential goes on integrating after
    the spike; nothing resets it within a sample.
    """
    if layer.psp == "step":
        slope, potential = state.slope, state.potential + current
    else:
        slope = state.slope + current
        potential = state.potential + slope
    spikes = (potential > thresholds) & ~state.fired
    return State(potential, slope, state.fired | spikes), spikes
