"""From layers with real numbers to integers: scales, widths, leaks, and what is lost.

The unit of a neuron is free: potentials, weights, bias and threshold may all be multiplied by one
scale. It is chosen so that weights are integers, exactly if they are multiples of something, else
with the least error. `fraction_bits` are below that unit, for leaks, biases and thresholds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import NirError
from hwgen.network.change import Change
from hwgen.network.layers.conv2d import ConvSpec
from hwgen.network.layers.dense import DenseSpec
from hwgen.network.layers.kinds import WeightedSpec
from hwgen.network.layers.neurons import Lif, n_signed_digits, signed_bits
from hwgen.nir import scales
from hwgen.nir.chain import RealLayer
from hwgen.nir.dialects import Rule

Reals = NDArray[np.float64]

MAX_SHIFT, MAX_FRACTION_BITS, MAX_POTENTIAL_BITS = 15, 12, 31  # of the contract
_SAME_KEEP = 1e-9  # of 1 - keep: short numbers are whole before (`dialects.rounded`)
_ROUNDED_LEAK = 0.0015  # relative error of what leaks that no spike tells where weights are rounded
_WHOLE = 1e-6  # how far from an integer a float32 number times a scale may be, to be one


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the user asks of integers. weight_bits: None: as few as hold integers, else 8.

    fraction_bits: at most so many, where they change anything; None: as many as there are, but no
    more than the error of rounded weights is worth.
    tolerance: of what a step's leak may differ, relative.
    """

    weight_bits: int | None = None
    fraction_bits: int | None = None
    tolerance: float = 0.01


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where in a network a layer is. where: opens messages, and names of changes. is_last: outputs
    share one scale, as their potentials are compared with one another. input_bits: of the values
    that feed it; 0 of spikes."""

    where: str
    is_last: bool
    input_bits: int = 0


class Integers(NamedTuple):
    """A layer in integers, of the shapes of the contract, and what it has lost."""

    spec: WeightedSpec
    weights: NDArray[np.int8]
    thresholds: NDArray[np.int32]
    biases: NDArray[np.int32]
    changes: tuple[Change, ...]


def layer(real: RealLayer, rule: Rule, n_steps: int, wanted: Wanted, place: Place) -> Integers:
    """One layer in integers. Raises `NirError` if the contract cannot hold it.

    n_steps: of a sample.
    """
    where = place.where
    chosen = scales.choose(real.weights, wanted.weight_bits, together=place.is_last)
    spec = replace(_spec(real, rule, chosen.weight_bits), input_bits=place.input_bits)
    shift, times = leak(real.keep, 0 if chosen.is_exact else _ROUNDED_LEAK)
    change = _leak_change(where, real.keep, shift, times)
    _require(change, wanted.tolerance)
    spec = replace(spec, leak_shift=shift, leak_times=times)
    exact = _Exact(real.biases * chosen.scales, _scaled(real.thresholds, chosen.scales))
    if real.thresholds is None and (shift or exact.biases.any() or place.input_bits):
        spec = replace(spec, reset="zero")  # it never comes to that
    most = wanted.fraction_bits
    if most is None:
        most = MAX_FRACTION_BITS if chosen.is_exact else _enough(real.keep, n_steps, place)
    spec, biases, thresholds = _fit(spec, exact, n_steps, most, where)
    made = Integers(spec, chosen.weights, thresholds, biases, ())
    changes = [*([change] if shift else []), *_changes(where, real, made, chosen.scales, exact)]
    return made._replace(changes=tuple(changes))


def leak(keep: float, slack: float = 0) -> tuple[int, int]:
    """The smallest shift, and times, with 1 - times / 2**shift as near to `keep` as there is.

    keep: 0..1. slack: how far from it is as good, relative to what leaks: of those the one with the
    fewest signed digits, each of which is an adder. 0, 1 is no leak.
    """
    part = 1 - keep
    if part <= 0:
        return 0, 1
    found: list[tuple[bool, int, float, int, int]] = []
    for shift in range(1, MAX_SHIFT + 1):
        times = max(1, min(2**shift, round(part * 2**shift)))
        error = abs(times / 2**shift - part)
        if error <= _SAME_KEEP * part:
            return shift, times
        near = error <= slack * part
        found.append((not near, n_signed_digits(times) if near else 0, error, shift, times))
    *_, shift, times = min(found)
    return shift, times


def kept(neuron: Lif) -> float:
    """The part of a potential that is left after a step, 0..1, before it is rounded."""
    return 1 - neuron.leak_times / 2**neuron.leak_shift if neuron.leak_shift else 1.0


def _leak_change(where: str, keep: float, shift: int, times: int) -> Change:
    actual = 1 - times / 2**shift if shift else 1.0
    part = 1 - keep
    return Change(
        name=f"{where}, part kept after a step",
        requested=keep,
        actual=actual,
        error=abs(actual - keep) / part if part else 0.0,
        note="error of what leaks, relative",
    )


def _require(change: Change, tolerance: float) -> None:
    if change.error > tolerance:
        raise NirError(
            f"{change}, above --tolerance {tolerance:g}: leaks are whole 2^-{MAX_SHIFT}; raise the "
            "tolerance, and look at the spikes that differ"
        )


def _spec(real: RealLayer, rule: Rule, weight_bits: int) -> WeightedSpec:
    common: dict[str, Any] = {"weight_bits": weight_bits, "potential_bits": 0}
    if real.thresholds is not None:
        common["reset"] = rule.reset
        common["fires"] = rule.dialect.fires
        if rule.reset == "subtract":  # else the order changes nothing
            common["order"] = rule.dialect.order
    if real.sliding is None:
        return DenseSpec(n_pre=real.pre.n, n_post=real.post.n, **common)
    size, stride, padding = real.sliding
    return ConvSpec(
        **real.pre._asdict(),
        filters=real.post.channels,
        size=size,
        stride=stride,
        padding=padding,
        **common,
    )


def _enough(keep: float, n_steps: int, place: Place) -> int:
    """Fraction bits where weights are rounded already.

    Each leak is rounded down by half a unit of the last bit on average, which adds up over the
    steps that a potential remembers. An eighth of a weight's unit is less than the error of the
    sum of a few weights: more bits would cost flip-flops and change nothing. A weight times a value
    is so much larger.
    """
    steps = min(float(n_steps), 1 / (1 - keep) if keep < 1 else np.inf)
    bits = 2 + math.ceil(math.log2(max(1.0, steps))) - max(0, place.input_bits - 1)
    return max(0, min(MAX_FRACTION_BITS, bits))


@dataclass(frozen=True)
class _Exact:
    """Numbers of neurons in the unit of their integer weights. thresholds: None: never fires."""

    biases: Reals
    thresholds: Reals | None


def _scaled(values: Reals | None, by: Reals) -> Reals | None:
    return None if values is None else values * by


def _fit(
    spec: WeightedSpec, exact: _Exact, n_steps: int, most: int, where: str
) -> tuple[WeightedSpec, NDArray[np.int32], NDArray[np.int32]]:
    """With as many fraction bits as potentials have room for, or as change anything."""
    needed = 0
    for bits in range(min(most, _useful(spec, exact)), -1, -1):
        made, biases, thresholds = _with_fraction(spec, exact, n_steps, bits)
        needed = made.potential_bits
        if needed <= MAX_POTENTIAL_BITS:
            return made, biases.astype(np.int32), thresholds.astype(np.int32)
    raise NirError(
        f"{where}: potentials need {needed} bits, expected at most {MAX_POTENTIAL_BITS}; give "
        "fewer --weight-bits, or fewer --steps"
    )


def _useful(spec: WeightedSpec, exact: _Exact) -> int:
    """Fraction bits behind which nothing changes."""
    neuron = spec.neuron
    if isinstance(neuron, Lif) and 0 < kept(neuron) < 1:
        return MAX_FRACTION_BITS
    values = [exact.biases]
    if isinstance(neuron, Lif) and neuron.reset == "subtract" and exact.thresholds is not None:
        values.append(exact.thresholds)
    for bits in range(MAX_FRACTION_BITS):
        if all(_is_whole(x * 2**bits).all() for x in values):
            return bits
    return MAX_FRACTION_BITS


def _is_whole(values: Reals) -> NDArray[np.bool_]:
    near: NDArray[np.bool_] = np.abs(values - np.round(values)) <= _WHOLE * np.maximum(
        1, np.abs(values)
    )
    return near


def _with_fraction(
    spec: WeightedSpec, exact: _Exact, n_steps: int, bits: int
) -> tuple[WeightedSpec, NDArray[np.int64], NDArray[np.int64]]:
    room = 2.0 ** (MAX_POTENTIAL_BITS + 1)  # more is refused in any case
    biases = np.round(np.clip(exact.biases * 2**bits, -room, room)).astype(np.int64)
    largest = min(int(np.abs(biases).max()), 2**MAX_POTENTIAL_BITS)
    bias_bits = max(2, signed_bits(largest)) if largest else 0
    made = replace(spec, fraction_bits=bits, bias_bits=bias_bits)
    needed = made.min_potential_bits(n_steps, multi_spike=True)
    made = replace(made, potential_bits=needed)
    if exact.thresholds is None:
        return made, biases[: made.n_biases], np.full(len(biases), made.max_threshold)
    neuron = made.neuron
    assert isinstance(neuron, Lif)
    thresholds = _whole_thresholds(exact.thresholds * 2**bits, neuron)
    wide = max(made.potential_bits, signed_bits(int(thresholds.max())))
    return replace(made, potential_bits=wide), biases[: made.n_biases], thresholds


def _whole_thresholds(values: Reals, neuron: Lif) -> NDArray[np.int64]:
    """Thresholds that fire as the real ones do. What is subtracted is as near as can be."""
    nearest = np.round(values)
    if neuron.reset == "subtract":
        chosen = nearest
    else:
        chosen = np.ceil(values) if neuron.fires == "at" else np.floor(values)
    chosen = np.where(_is_whole(values), nearest, chosen)
    # What no potential reaches never fires, wherever it is: it need not be the number that it was.
    whole: NDArray[np.int64] = np.minimum(chosen, 2 ** (MAX_POTENTIAL_BITS - 1) - 1).astype(
        np.int64
    )
    return whole


def _changes(where: str, real: RealLayer, made: Integers, by: Reals, exact: _Exact) -> list[Change]:
    """The worst of each kind."""
    weights = made.weights / by
    spread = float(np.sqrt(np.mean(real.weights**2))) or 1.0
    error = float(np.sqrt(np.mean((weights - real.weights) ** 2)))
    found = [
        Change(
            name=f"{where}, {made.spec.weight_bits}-bit weights, root mean square",
            requested=spread,
            actual=float(np.sqrt(np.mean(weights**2))),
            error=error / spread,
            note="relative",
        )
    ]
    unit = 2.0**-made.spec.fraction_bits / by
    if made.biases.size:
        found.append(_worst(f"{where}, bias", real.biases, made.biases * unit))
    if real.thresholds is not None:
        found.append(_worst(f"{where}, threshold", real.thresholds, made.thresholds * unit))
    return found


def _worst(name: str, real: Reals, actual: Reals) -> Change:
    at = int(np.abs(actual - real).argmax())
    scale = float(np.abs(real).max()) or 1.0
    return Change(
        name=f"{name} {at}, the worst of {len(real)}",
        requested=float(real[at]),
        actual=float(actual[at]),
        error=float(abs(actual[at] - real[at])) / scale,
        note="relative to the largest",
    )


def all_changes(made: Sequence[Integers]) -> list[Change]:
    """Of all layers, in order."""
    return [change for one in made for change in one.changes]
