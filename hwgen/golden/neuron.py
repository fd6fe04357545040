"""The single-spike integrate-and-fire neuron (SSTDP, eq. 1-3; `docs/contract.md`, section 4)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwgen.network.layers.kinds import WeightedSpec
from hwgen.network.layers.neurons import SingleSpike


class State(NamedTuple):
    """Neurons of a layer: `potential` and `slope` int32, `fired` bool, all [n, n_post].

    int32 is enough, because no legal layer needs more than 31 bits.
    """

    potential: NDArray[np.int32]
    slope: NDArray[np.int32]
    fired: NDArray[np.bool_]


def rest(n: int, n_post: int) -> State:
    """State at the start of a sample.

    n: samples. n_post: neurons. All is 0 (contract, section 4).
    """
    return State(
        potential=np.zeros((n, n_post), np.int32),
        slope=np.zeros((n, n_post), np.int32),
        fired=np.zeros((n, n_post), np.bool_),
    )


def kernel_events(times: NDArray[np.uint8], step: int, layer: WeightedSpec) -> NDArray[np.int8]:
    """What each input adds in a step, in units of its weight: times uint8 [n, n_pre] -> int8.

    The PSP is drawn by its second difference (ramp, triangle) or its first (step): every spike
    starts it; a triangle has a knee, where it turns down, and an end, where it reaches 0.

    step: 0 .. n_steps - 1. Values are 1, of an end too, and -2 of a knee; of a spike in a later
    step, 0.
    """
    events: NDArray[np.int8] = (times == step).astype(np.int8)
    neuron = layer.neuron
    if isinstance(neuron, SingleSpike) and neuron.has_knee:
        # The second difference of a triangle: +1 where it begins, -2 at its knee, +1 at its end.
        if step >= neuron.tau_steps:
            events -= 2 * (times == step - neuron.tau_steps).astype(np.int8)
        if step >= 2 * neuron.tau_steps:
            events += times == step - 2 * neuron.tau_steps
    return events


def n_kernel_events(
    times: NDArray[np.uint8], n_steps: int, layer: WeightedSpec
) -> NDArray[np.int64]:
    """Kernel events of each input in a whole sample: times uint8 [n, n_pre] -> int64, 0..3.

    Only events within the sample count, because only they add a weight: it is what SYNAPTIC_OPS
    counts.
    """
    delays, neuron = [0], layer.neuron
    if isinstance(neuron, SingleSpike) and neuron.has_knee:
        delays += [neuron.tau_steps, 2 * neuron.tau_steps]
    count = np.zeros(times.shape, np.int64)
    for delay in delays:
        count += times + np.int64(delay) < n_steps
    return count


def integrate(state: State, current: NDArray[np.int32], layer: WeightedSpec) -> State:
    """Add the current, int32 [n, n_post]: to the potential, or to the slope, and that to it.

    layer: its PSP says which. The slope counts in its own step (decision 0006). No sum overflows
    int32: `potential_bits` is at most 31.
    """
    if not layer.neuron.has_slope:
        return state._replace(potential=state.potential + current)
    slope = state.slope + current
    return State(state.potential + slope, slope, state.fired)


def fire(state: State, thresholds: NDArray[np.int32]) -> tuple[State, NDArray[np.bool_]]:
    """Compare strictly, fire at most once: thresholds int32 [n_post] -> (state, spikes).

    The potential goes on integrating after the spike; nothing resets it within a sample.

    thresholds are those of the neurons, not of the filters. spikes: bool [n, n_post]. Contract,
    section 4, point 3.
    """
    spikes = (state.potential > thresholds) & ~state.fired
    return state._replace(fired=state.fired | spikes), spikes
