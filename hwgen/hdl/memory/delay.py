"""Registers in a row."""

from amaranth.hdl import Module, Signal, Value


def delay(m: Module, value, n_cycles: int):
    """The value, so many cycles later; 0 until then.

    m: the module to which the registers are added. With `n_cycles` 0 it is the value itself.
    """
    for _ in range(n_cycles):
        held = Signal(Value.cast(value).shape())
        m.d.sync += held.eq(value)
        value = held
    return value


def falls(m: Module, level):
    """A strobe in the first cycle in which `level` is low again."""
    return delay(m, level, 1) & ~level
