"""The neuron of docs/contract.md, section 4, stated here once more, beside a layer.

The bench takes in the same tokens as the layer and follows one neuron, any. What comes out of it
between two ends, a spike, a potential, or nothing, is compared when the second end comes out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from amaranth.hdl import Array, Cat, Const, Mux, Signal, Value, signed
from amaranth.lib.data import ArrayLayout
from formal.bench import PATIENCE, Bench, Relay

from hwgen.hdl.stream import is_feature_map
from hwgen.network.layers.kinds import WeightedSpec
from hwgen.network.layers.shape import Shape
from hwgen.protocol.tokens import Kind

WIDE = 12  # bits in which nothing of a bench overflows


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What the bench knows of a neuron, for lemmas: its sums after all that was taken; what is due
    with the token that is taken now; what was seen of it since the last end."""

    neuron: Any
    pre: Any
    plane: Any
    taken: Any
    weights: Any
    limit: Any
    drive: Any
    bias: Any
    slope: Any
    potential: Any
    fired: Any
    events: Any
    steps: Any
    max_steps: int
    due: Any
    seen: Any
    relay: Relay
    is_output: bool


def index_of(token: Any, shape: Shape) -> Any:
    if not is_feature_map(shape):
        return token.index
    return (token.row * shape.width + token.column) * shape.channels + token.channel


def content(shows: Any, kind: Any, value: Any) -> Any:
    """What there is of a neuron between two ends: nothing, or a token of a kind and a value."""
    return Cat(shows, Mux(shows, Cat(Const(0, 2) | kind, value), 0))


def after_step(layer: WeightedSpec, potential: Any, fires: Any, limit: Any) -> Any:
    """Points 4 and 5 of a layer with reset: what is left of a potential at the end of a step."""
    if layer.reset == "never":
        return potential
    kept = Mux(fires, potential - limit if layer.reset == "subtract" else 0, potential)
    first = layer.order == "leak, reset" and layer.reset == "subtract"
    leaks = (potential if first else kept) * layer.leak_times >> layer.leak_shift
    return kept - leaks if layer.leak_shift else kept


def exceeds(layer: WeightedSpec, potential: Any, limit: Any) -> Any:
    """Point 3: whether a potential is enough."""
    return potential >= limit if layer.fires == "at" else potential > limit


def most_gained(layer: WeightedSpec) -> int:
    """Of a layer with reset: what inputs and bias move a potential by in a step, at most."""
    return layer.max_slope * 2**layer.fraction_bits + layer.max_bias


def bound(layer: WeightedSpec, n_steps: int) -> int:
    """Largest magnitude of a potential before so many steps of a layer with reset have ended."""
    rest = 0
    for _ in range(n_steps):
        most = rest + most_gained(layer)
        leak = most * layer.leak_times >> layer.leak_shift if layer.leak_shift else 0
        rest = max(most - leak, leak if layer.order == "leak, reset" else 0)
    return rest


def follow(
    bench: Bench,
    layer: WeightedSpec,
    dut: Any,
    n_steps: int,
    *,
    weight: Callable[[int, int], Any],
    threshold: Callable[[int], Any],
    drive: Callable[[int], Any] | None = None,
    bias: Callable[[int], Any] | None = None,
    is_output: bool = False,
) -> Watched:
    """`weight(pre, post)`, `threshold(post)`, `drive(post)`, `bias(post)`: of neurons, by index."""
    m = bench.m
    token, out = dut.i.payload, dut.o.payload
    taken, given = bench.offers(dut.i), bench.takes(dut.o, PATIENCE)
    pre, post = index_of(token, layer.pre), index_of(out, layer.post)
    drives = token.drive if layer.phased else Const(1)
    is_spike, is_step = token.kind == Kind.SPIKE, token.kind == Kind.END_OF_STEP
    is_end = token.kind == Kind.END_OF_SAMPLE
    events, opened, steps = _legal(bench, layer, token, pre, taken, n_steps)

    watched = bench.fixed(range(layer.n_post), "neuron")
    bench.given(watched < layer.n_post)

    def ours(values: Callable[[int], Any]) -> Any:
        return Array(Value.cast(values(n)) for n in range(layer.n_post))[watched]

    weights = Array(ours(partial(weight, n)) for n in range(layer.n_pre))
    limit, own_drive = ours(threshold), ours(drive) if drive else Const(0)
    own_bias = ours(bias).as_signed() if bias else Const(0)
    factor = Mux(token.knee, -2, 1) if layer.psp == "triangle" else 1
    plane = token.plane if layer.input_bits else Const(0)
    # A, G, V, of the contract, and the last two at the end of this step.
    added, slope, potential = (Signal(signed(WIDE), name=name) for name in "AGV")
    new_slope, new_potential, fired = Signal.like(slope), Signal.like(potential), Signal()
    # What events have moved the potential by, and what the end of the step does besides.
    at_once = added << layer.fraction_bits if layer.psp == "step" else Const(0)
    later = new_slope if layer.psp != "step" else Const(0)
    if layer.input_bits:  # the slope is the current, which values bring once a sample
        at_once, later = Const(0), slope << layer.fraction_bits
    if drive:
        later = Mux(drives, own_drive, new_slope)
    integrated = Signal.like(potential)
    m.d.comb += integrated.eq(potential + at_once)
    m.d.comb += [new_slope.eq(slope + added), new_potential.eq(integrated + later + own_bias)]
    fires = is_step & drives & exceeds(layer, new_potential, limit) & ~fired
    with m.If(taken & is_spike):
        if layer.input_bits:
            m.d.sync += slope.eq(slope + (weights[pre] << plane))
        else:
            m.d.sync += added.eq(added + weights[pre] * factor)
    with m.If(taken & is_step):
        m.d.sync += [added.eq(0), slope.eq(new_slope)]
        m.d.sync += potential.eq(after_step(layer, new_potential, fires, limit))
        if layer.reset == "never":
            m.d.sync += fired.eq(fired | fires)
    with m.If(taken & is_end):
        m.d.sync += [value.eq(0) for value in (added, slope, potential, fired)]
    bench.lemma(opened | (added == 0))
    if layer.reset != "never":
        came = sum(Mux(events[n] == 1, weights[n], 0) for n in range(layer.n_pre))
        if layer.input_bits:
            came = 0
        most = Array(bound(layer, n) for n in range(n_steps + 1))[steps]
        bench.lemma(added == came)
        bench.lemma((potential <= most) & (potential >= -most))
        bench.lemma(~opened | (steps < n_steps))

    is_mark = (out.kind == Kind.END_OF_STEP) | (out.kind == Kind.END_OF_SAMPLE)
    is_ours = given & ~is_mark & (post == watched)
    seen, shown, kind = Signal(), Signal(signed(WIDE)), Signal(2)
    with m.If(given & is_mark):
        m.d.sync += seen.eq(0)
    with m.If(is_ours):
        m.d.sync += [seen.eq(1), kind.eq(out.kind)]
        m.d.sync += shown.eq(out.potential if is_output else 0)
    shows = fires | (is_end & is_output)
    value = Mux(is_step, new_potential, potential) if is_output else Const(0, WIDE)
    due = Cat(token.kind, content(shows, Mux(is_end, Kind.POTENTIAL, Kind.SPIKE), value))
    found = content(seen, kind, shown)
    bench.always(~is_ours | ~seen)
    bench.always(~given | is_mark | (post < layer.n_post))
    ends = taken & (is_end | (is_step & drives))
    relay = bench.relays(ends, due, given & is_mark, Cat(out.kind, found))
    return Watched(
        neuron=watched,
        pre=pre,
        plane=plane,
        taken=taken,
        weights=weights,
        limit=limit,
        drive=own_drive,
        bias=own_bias,
        slope=new_slope,
        potential=integrated,
        fired=fired,
        events=events,
        steps=steps,
        max_steps=n_steps * (2 if layer.phased else 1),
        due=due,
        seen=found,
        relay=relay,
        is_output=is_output,
    )


def _legal(
    bench: Bench, layer: WeightedSpec, token: Any, pre: Any, taken: Any, n_steps: int
) -> tuple[Any, Any, Any]:
    """What may come in: each input once a sample, or, of neurons with reset, once a step; with the
    triangle, then its knee, then its end; of values, each bit once before the first step; not more
    steps than there are; to a two-phase layer its input's, then its own.

    Returns how often each input came, whether a step has begun, and how many were ended.
    """
    m, given = bench.m, bench.given
    is_spike, is_step = token.kind == Kind.SPIKE, token.kind == Kind.END_OF_STEP
    is_end = token.kind == Kind.END_OF_SAMPLE
    driven = token.drive if layer.phased else Const(0)
    # How often each input came, or, of values, which bits of it.
    events, opened = Signal(ArrayLayout(2, layer.n_pre)), Signal()
    event = events[pre]
    n_taken, n_driven = Signal(range(n_steps + 1)), Signal(range(n_steps + 1))
    may_come = event == 0
    if layer.psp == "triangle":
        may_come = (event < 3) & (token.knee == event[0])
    often = layer.reset != "never"
    if often:
        may_come &= n_taken < n_steps
    if layer.input_bits:
        may_come = ~event.bit_select(token.plane, 1) & (n_taken == 0)
        may_come &= token.plane < layer.input_bits
    given(~is_spike | ((pre < layer.n_pre) & may_come & (n_driven == 0)))
    given(~is_step | Mux(driven, n_driven < n_steps, (n_driven == 0) & (n_taken < n_steps)))
    given((token.kind != Kind.POTENTIAL) & ~(is_end & opened))
    if is_feature_map(layer.pre):
        given((token.column < layer.width) & (token.channel < layer.channels))
    with m.If(taken & is_spike):
        if layer.input_bits:
            m.d.sync += [event.eq(event | 1 << token.plane), opened.eq(1)]
        else:
            m.d.sync += [event.eq(event + 1), opened.eq(1)]
    with m.If(taken & is_step):
        m.d.sync += events.eq(0 if often and not layer.input_bits else events)
        m.d.sync += [opened.eq(0), n_driven.eq(n_driven + driven), n_taken.eq(n_taken + ~driven)]
    with m.If(taken & is_end):
        m.d.sync += [events.eq(0), n_taken.eq(0), n_driven.eq(0)]
    bench.lemma((n_taken <= n_steps) & (n_driven <= n_steps))
    return events, opened, n_taken + n_driven
