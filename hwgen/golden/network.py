"""The whole network, sample by sample or in batches, with everything a test wants to compare."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwgen.golden import neuron
from hwgen.golden.layers import Dense
from hwgen.params import Params


@dataclass(frozen=True)
class Trace:
    """What happened to n samples. Times are steps; `n_steps` means never.

    spike_times: one uint8 [n, n_post] a layer; potentials: one int64 [n, n_post] a layer, at the
    end of the sample; decisions: int64 [n]; decision_steps: uint8 [n] (`n_steps`: nothing fired,
    decided by potential).
    """

    spike_times: tuple[NDArray[np.uint8], ...]
    potentials: tuple[NDArray[np.int64], ...]
    decisions: NDArray[np.int64]
    decision_steps: NDArray[np.uint8]


class Golden:
    """The executable contract for one parameter file."""

    def __init__(self, params: Params) -> None:
        params.check()
        self._spec = params.spec
        self._layers = [Dense(weights) for weights in params.weights]
        self._thresholds = params.thresholds

    def run(self, spike_times: NDArray[np.uint8]) -> Trace:
        """Run samples to the last step: input spike times uint8 [n, n_inputs] -> Trace."""
        n, n_steps = len(spike_times), self._spec.n_steps
        states = [neuron.rest(n, layer.n_post) for layer in self._spec.layers]
        times = [np.full((n, layer.n_post), n_steps, np.uint8) for layer in self._spec.layers]
        at_spike = np.zeros((n, self._spec.n_classes), np.int64)
        for step in range(n_steps):
            spikes = spike_times == step
            for index, layer in enumerate(self._layers):
                states[index], spikes = neuron.step(
                    states[index], layer.current(spikes), self._thresholds[index]
                )
                times[index][spikes] = step
            at_spike[spikes] = states[-1].potential[spikes]
        decisions = _first_spike(times[-1], at_spike, states[-1].potential, n_steps)
        return Trace(
            spike_times=tuple(times),
            potentials=tuple(state.potential for state in states),
            decisions=decisions,
            decision_steps=times[-1].min(axis=1),
        )

    def decide(self, spike_times: NDArray[np.uint8], batch_size: int = 500) -> NDArray[np.int64]:
        """Decisions int64 [n] for any number of samples, in bounded memory."""
        chunks = [
            self.run(spike_times[start : start + batch_size]).decisions
            for start in range(0, len(spike_times), batch_size)
        ]
        return np.concatenate(chunks) if chunks else np.zeros(0, np.int64)


def _first_spike(
    times: NDArray[np.uint8],
    at_spike: NDArray[np.int64],
    final: NDArray[np.int64],
    n_steps: int,
) -> NDArray[np.int64]:
    """Earliest spike; then larger potential at that step; then lower index.

    If nothing fired: larger potential at the end; then lower index.
    """
    first = times.min(axis=1, keepdims=True)
    nobody = first == n_steps
    potential = np.where(nobody, final, at_spike)
    candidate = nobody | (times == first)
    ranked = np.where(candidate, potential, np.iinfo(np.int64).min)
    decisions: NDArray[np.int64] = ranked.argmax(axis=1)
    return decisions
