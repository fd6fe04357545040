"""Spikes as arrays: who fires when, and how often."""

import numpy as np
from numpy.typing import NDArray


def fire(sample: NDArray[np.uint8], step: int) -> NDArray[np.bool_]:
    """Who fires in a step: spike times uint8 [n], or spikes uint8 [n_steps, n] -> bool [n].

    step: 0 .. n_steps - 1.
    """
    fires: NDArray[np.bool_] = sample == step if sample.ndim == 1 else sample[step] > 0
    return fires


def n_spikes(samples: NDArray[np.uint8], n_steps: int) -> NDArray[np.int64]:
    """Of each sample: spike times uint8 [n_samples, n], or spikes uint8 [n_samples, n_steps, n] ->
    int64 [n_samples].
    """
    counted = samples < n_steps if samples.ndim == 2 else samples
    n: NDArray[np.int64] = counted.sum(axis=tuple(range(1, samples.ndim)), dtype=np.int64)
    return n
