"""A stream that does not do what streams do: for faults between two parts of a core.

A text planted in `hwgen/hdl/core.py` calls `connect` in place of `wiring.connect`.
"""

from amaranth.hdl import Const, Module, Signal
from amaranth.lib import wiring

from hwgen.protocol.tokens import Kind

_NEVER = 2**16 - 1  # as many tokens, and no more, are counted


def connect(
    m: Module, source, sink, how: str, kind=Kind.SPIKE, *, at: int = 20, only: bool = True
) -> None:
    """Tokens from source to sink; one of them, the at-th of its kind since reset, goes wrong, or,
    with `at` 0, each of its kind. With `only` false, none does.

    `how`: "drop" it; "repeat" it; "flip" the lowest bit of its index; "swap" it with the next token
    if that is of the same kind, too; "delay" it by one token, whichever.
    """
    if not only:
        wiring.connect(m, source, sink)
        return
    is_kind, hit, seen = source.payload.kind == kind, Signal(), Signal(16, name="seen")
    m.d.comb += [
        hit.eq(is_kind & (seen == at if at else 1)),
        sink.payload.eq(source.payload),
        sink.valid.eq(source.valid),
        source.ready.eq(sink.ready),
    ]
    with m.If(source.valid & source.ready & is_kind & (seen != _NEVER)):
        m.d.sync += seen.eq(seen + 1)
    if how == "drop":
        with m.If(hit):
            m.d.comb += [sink.valid.eq(0), source.ready.eq(1)]
    elif how == "repeat":
        again = Signal(name="again")
        with m.If(hit & ~again):
            m.d.comb += source.ready.eq(0)
        with m.If(hit & sink.valid & sink.ready):
            m.d.sync += again.eq(~again)
    elif how == "flip":
        with m.If(hit):
            m.d.comb += sink.payload.index.eq(source.payload.index ^ 1)
    elif how in ("swap", "delay"):
        _hold(m, source, sink, hit, is_kind if how == "swap" else Const(1))
    else:
        raise ValueError(f"how is {how!r}")


def _hold(m: Module, source, sink, hit, may_pass) -> None:
    """A token that is hit waits until the next has passed, or is there and may not pass."""
    held = Signal(len(source.payload.as_value()), name="held_by_saboteur")
    full, passed = Signal(name="full"), Signal(name="passed")
    with m.If(~full & hit):
        m.d.comb += [sink.valid.eq(0), source.ready.eq(1)]
        with m.If(source.valid):
            m.d.sync += [held.eq(source.payload.as_value()), full.eq(1), passed.eq(0)]
    with m.Elif(full & (passed | (source.valid & ~may_pass))):
        m.d.comb += [sink.payload.eq(held), sink.valid.eq(1), source.ready.eq(0)]
        with m.If(sink.ready):
            m.d.sync += full.eq(0)
    with m.Elif(full & source.valid & sink.ready):
        m.d.sync += passed.eq(1)
