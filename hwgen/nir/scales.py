"""The scale of each neuron's weights: exact where there is one, else of least error."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]

DEFAULT_BITS = 8
_EXACT = 1e-6  # of the largest weight: what float32 loses
# Largest integer over largest weight, from where large weights are cut to where they have room.
_FACTORS = np.geomspace(4, 0.7, 400)


class Scaled(NamedTuple):
    """Integer weights int8, in the shape of the real ones; what each neuron's are multiplied by,
    float64 [n_post]; their width; and whether no weight was rounded."""

    weights: NDArray[np.int8]
    scales: Reals
    weight_bits: int
    is_exact: bool


def choose(weights: Reals, weight_bits: int | None, *, together: bool) -> Scaled:
    """Scales for weights [..., n_post].

    weight_bits: 1..8; None: as few as hold the weights exactly, if they are multiples of
    something, else `DEFAULT_BITS`. together: one scale for all neurons.
    """
    columns = weights.reshape(-1, weights.shape[-1])
    groups = [columns] if together else [columns[:, [n]] for n in range(columns.shape[1])]
    bits = weight_bits or DEFAULT_BITS
    most = 2 ** (bits - 1) - 1
    scales = np.array([_exact(group, max(1, most)) for group in groups])
    if weight_bits is None and (scales > 0).all():
        integers = np.round(np.abs(columns) * scales)
        largest = int(integers.max(initial=1))
        bits = 1 if (integers == 1).all() else max(2, largest.bit_length() + 1)
    for index in np.flatnonzero(scales == 0):
        scales[index] = _best(groups[index], bits)
    if bits == 1:
        scales = np.array([_of_signs(group) for group in groups])
    every = np.broadcast_to(scales, weights.shape[-1]).copy()
    integers = _integers(weights * every, bits)
    error = np.abs(integers - weights * every).max(initial=0)
    return Scaled(integers.astype(np.int8), every, bits, bool(error <= _EXACT * 128))


def _integers(scaled: Reals, bits: int) -> Reals:
    if bits == 1:
        return np.where(scaled < 0, -1.0, 1.0)
    most = 2 ** (bits - 1) - 1
    return np.clip(np.round(scaled), -most, most)


def _exact(values: Reals, most: int) -> float:
    """The scale that makes integers of all values: 1 if they are, else the least; 0: none does.

    most: the largest integer that there is.
    """
    largest = float(np.abs(values).max())
    if not largest or (largest <= most and (values == np.round(values)).all()):
        return 1.0
    for integer in range(1, most + 1):
        scaled = values * (integer / largest)
        if np.abs(scaled - np.round(scaled)).max() <= _EXACT * integer:
            return integer / largest
    return 0.0


def _best(values: Reals, bits: int) -> float:
    """The scale of least error of a group, [n_pre, n].

    Inputs are spikes, or values that are not negative: errors of a neuron's weights that do not
    cancel out add up, step by step. So their sum counts beside their squares.
    """
    if bits == 1:
        return _of_signs(values)
    largest = 2 ** (bits - 1) - 1
    candidates = _FACTORS * largest / np.abs(values).max()
    costs = []
    for scale in candidates:
        errors = _integers(values * scale, bits) / scale - values
        costs.append(float((errors**2).sum() + (errors.sum(axis=0) ** 2).sum()))
    return float(candidates[int(np.argmin(costs))])


def _of_signs(values: Reals) -> float:
    mean = float(np.abs(values).mean())
    return 1 / mean if mean else 1.0
