"""What frameworks mean by a neuron of NIR, step by step: one table.

NIR's text is an equation over time; each framework has its own discrete rule, and no file says
whose it is. In all of them a step is ``v = keep * v + gain * current``, then the comparison, then
the reset; what differs is in the rows here. Measured on the frameworks themselves (`docs/nir.md`).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import NirError
from hwgen.network.layers.neurons import Fires, Order
from hwgen.nir.graph import Node
from hwgen.schema import suggest

Reals = NDArray[np.float64]
HowReset = Literal["zero", "subtract"]
NEURONS = ("IF", "LIF", "I", "LI")  # types of nodes
_EXACT = 4e-7  # relative: what float32 loses of a number that was written as a short one


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """A framework's rule. `dt`: the step that its exporter takes, in seconds, if not said.

    keep: of tau and dt, what a step leaves of a potential; gain: of r, tau and dt; gain_if: of r
    and dt. reset: None if files do not say it. refused: why it cannot be imported.
    """

    title: str
    dt: float
    keep: Callable[[Reals, float], Reals]
    gain: Callable[[Reals, Reals, float], Reals]
    gain_if: Callable[[Reals, float], Reals]
    fires: Fires
    reset: HowReset | None
    order: Order = "reset, leak"
    refused: str = ""


def _euler(tau: Reals, dt: float) -> Reals:
    return 1 - dt / tau


def _exact(tau: Reals, dt: float) -> Reals:
    return np.exp(-dt / tau)


def _norse_1_1(tau: Reals, dt: float) -> Reals:
    """Norse 1.1.0 writes dt times the time constant (norse#411)."""
    return 1 - dt * dt / tau


def _one(r: Reals, *_: object) -> Reals:
    return np.ones_like(r)


def _scaled(r: Reals, tau: Reals, dt: float) -> Reals:
    return r * dt / tau


def _times_dt(r: Reals, dt: float) -> Reals:
    return r * dt


DIALECTS: Mapping[str, Dialect] = {
    "snntorch": Dialect(
        title="snnTorch",
        dt=1e-4,
        keep=_euler,
        gain=_one,
        gain_if=_one,
        fires="above",
        reset=None,
        order="leak, reset",
    ),
    "spikingjelly": Dialect(
        title="SpikingJelly",
        dt=1e-4,
        keep=_euler,
        gain=_scaled,
        gain_if=_times_dt,
        fires="at",
        reset="zero",
    ),
    "norse": Dialect(
        title="Norse after 1.1",
        dt=1e-3,
        keep=_euler,
        gain=lambda r, tau, dt: dt / tau + np.zeros_like(r),
        gain_if=_one,
        fires="above",
        reset="zero",
    ),
    "norse-1.1": Dialect(
        title="Norse up to 1.1",
        dt=1e-3,
        keep=_norse_1_1,
        gain=lambda r, tau, dt: dt * dt / tau + np.zeros_like(r),
        gain_if=_one,
        fires="above",
        reset="zero",
    ),
    "sinabs": Dialect(
        title="sinabs",
        dt=1,
        keep=_exact,
        gain=_one,
        gain_if=_one,
        fires="at",
        reset="subtract",
        refused="its neurons fire several times in a step (MultiSpike, its default), which a core "
        "of hwgen cannot; a network with SingleSpike is imported by --from sinabs-single",
    ),
    "sinabs-single": Dialect(
        title="sinabs, SingleSpike",
        dt=1,
        keep=_exact,
        gain=_one,
        gain_if=_one,
        fires="at",
        reset="subtract",
    ),
    "euler": Dialect(
        title="NIR's text, by Euler's rule",
        dt=1e-4,
        keep=_euler,
        gain=_scaled,
        gain_if=_times_dt,
        fires="above",
        reset="zero",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Which row, and what files do not say of it. dt: seconds. Raises nothing."""

    dialect: Dialect
    dt: float
    reset: HowReset


def rule(source: str, *, dt: float | None = None, reset: HowReset | None = None) -> Rule:
    """A row by its name. Raises `NirError` if there is none, if it is refused, or if the reset
    must be said and is not."""
    if source not in DIALECTS:
        close = suggest(source, DIALECTS)
        hint = f"did you mean {close!r}?" if close else f"known: {', '.join(DIALECTS)}"
        raise NirError(f"--from is {source!r}; {hint}")
    dialect = DIALECTS[source]
    if dialect.refused:
        raise NirError(f"--from {source} is refused: {dialect.refused}")
    if dt is not None and not 0 < dt < math.inf:
        raise NirError(f"--dt is {dt!r}, expected seconds, more than 0")
    chosen = reset or dialect.reset
    if chosen is None:
        raise NirError(
            f"--reset is missing: {dialect.title} writes v_reset 0 whatever the network does; say "
            "--reset subtract (its default) or --reset zero"
        )
    return Rule(dialect=dialect, dt=dialect.dt if dt is None else dt, reset=chosen)


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """A neuron node in steps; arrays float64 of the shapes in the file, or ().

    A potential rests at `rest`, where it also begins, and is set to it by the reset "zero".
    threshold: None of nodes that never fire.
    """

    keep: Reals
    gain: Reals
    threshold: Reals | None
    rest: Reals


def meaning(node: Node, rule: Rule) -> Meaning:
    """Of a node of `NEURONS`. Raises `NirError` for what no row here means."""
    _require_one_shape(node)
    dialect, dt, r = rule.dialect, rule.dt, node.array("r")
    if node.kind in ("LIF", "LI"):
        tau = node.array("tau")
        if not (tau > 0).all():
            raise NirError(f"node {node.label}: tau is {tau.min():g}, expected more than 0")
        with np.errstate(all="ignore"):  # what comes of infinities is looked at below
            keep, gain = dialect.keep(tau, dt), dialect.gain(r, tau, dt)
    else:
        keep, gain = np.ones(()), dialect.gain_if(r, dt)
    keep, gain = 1 - rounded(1 - keep), rounded(gain)
    rest = node.array("v_leak") if "v_leak" in node.fields else np.zeros(())
    if (keep < 0).any() or not np.isfinite(keep).all():
        raise NirError(
            f"node {node.label}: a step keeps {keep.min():g} of a potential with dt = {dt:g}, "
            "expected 0..1; give another --dt, or another --from"
        )
    if not ((gain > 0) & np.isfinite(gain)).all():
        raise NirError(
            f"node {node.label}: the gain of its input is {gain.min():g}, expected more "
            "than 0; is --from right?"
        )
    if node.kind in ("I", "LI"):
        return Meaning(keep=keep, gain=gain, threshold=None, rest=rest)
    reset_to = node.array("v_reset") if "v_reset" in node.fields else rest
    if node.kind == "IF":  # nothing pulls it anywhere: it rests where it is set to
        rest = reset_to
    if rule.reset == "zero" and not np.array_equal(reset_to + 0 * rest, rest + 0 * reset_to):
        raise NirError(
            f"node {node.label}: v_reset is {_values(reset_to)} and v_leak {_values(rest)}; hwgen "
            "resets a potential to where it rests"
        )
    if rule.reset == "subtract" and rest.any():
        raise NirError(
            f"node {node.label}: rests at {_values(rest)}, which goes with the reset 'zero' only"
        )
    return Meaning(keep=keep, gain=gain, threshold=node.array("v_threshold"), rest=rest)


def _require_one_shape(node: Node) -> None:
    """Fields are of all neurons, or scalars. Raises `NirError`."""
    names = ("tau", "r", "v_threshold", "v_leak", "v_reset")
    shapes = {name: node.array(name).shape for name in names if name in node.fields}
    whole = {name: shape for name, shape in shapes.items() if np.prod(shape) > 1}
    if len(set(whole.values())) > 1:
        told = ", ".join(f"{name} {list(shape)}" for name, shape in whole.items())
        raise NirError(f"node {node.label}: fields of different shapes: {told}")


def rounded(values: Reals) -> Reals:
    """Numbers as they were before float32 had them: 0.10000002 is 0.1, where a short one is near.

    Short: of three significant decimals, or of ten binary places. Others stay.
    """
    near: Reals = np.vectorize(_rounded, otypes=[np.float64])(values)
    return near


def _rounded(value: float) -> float:
    if not value or not math.isfinite(value):
        return value
    for near in (round(value * 1024) / 1024, float(f"{value:.3g}")):
        if abs(near - value) <= _EXACT * abs(value):
            return near
    return value


def _values(values: Reals) -> str:
    low, high = float(values.min()), float(values.max())
    return f"{low:g}" if low == high else f"{low:g}..{high:g}"


def guess(nodes: Sequence[Node]) -> str:
    """Whose numbers these look like, in words; "" if they look like nobody's."""
    found = [_guess(node) for node in nodes if node.kind in ("IF", "LIF")]
    return found[0] if found and len(set(found)) == 1 else ""


def _guess(node: Node) -> str:
    _require_one_shape(node)
    r, is_double = node.array("r"), np.asarray(node.fields["r"]).dtype == np.float64
    if node.kind == "IF":
        if np.allclose(r, 1):
            return "norse or sinabs (r = 1)"
        return "spikingjelly (r = 1 / dt)" if np.allclose(r, 1e4) else ""
    tau = node.array("tau")
    if np.isinf(tau).all() or np.allclose(r, tau / 1e-4, rtol=1e-4):
        who = "spikingjelly" if is_double else "snntorch"
        return f"{who} (r = tau / 1e-4)"
    if (tau > 1).all():
        return "sinabs (tau in steps)"
    if np.allclose(r, 1):
        if is_double:
            return "spikingjelly with decay_input (r = 1)"
        return "norse-1.1 (r = 1, tau below 1e-4)" if (tau < 1e-4).all() else "norse (r = 1)"
    return ""
