"""Errors scaled to a few bits: `hwgen.golden.stdp.normalise`, one error a cycle."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class Normalise(wiring.Component):
    """Members: with `start`, the largest magnitude is forgotten; each `seen` while `strobe` is high
    is remembered. Two cycles after `error`, `scaled` is it, scaled so that the largest magnitude
    seen has `bits` bits. `any` says whether one of them was not 0.
    """

    def __init__(self, *, width: int, bits: int) -> None:
        """width: of the signed errors.

        bits: of the largest scaled magnitude; `scaled` has two more, for rounding up and for the
        sign.
        """
        self._bits = bits
        super().__init__(
            {
                "start": In(1),
                "strobe": In(1),
                "seen": In(signed(width)),
                "any": Out(1),
                "error": In(signed(width)),
                "scaled": Out(signed(bits + 2)),  # rounding up may reach 2 ** bits
            }
        )

    def elaborate(self, platform: object) -> Module:
        """An or of magnitudes, its length, and one shifter."""
        m = Module()
        # Only the length of the largest counts, and the or of all is as long as the largest: no
        # comparator.
        magnitudes = Signal(len(self.seen))  # or-ed: as long as the largest
        with m.If(self.start):
            m.d.sync += magnitudes.eq(0)
        with m.Elif(self.strobe):
            m.d.sync += magnitudes.eq(magnitudes | abs(self.seen)[: len(magnitudes)])
        length = Signal(range(len(magnitudes) + 1))
        for position in range(len(magnitudes)):
            with m.If(magnitudes[position]):
                m.d.comb += length.eq(position + 1)
        # error * 2 ** bits / 2 ** length, halves up: a shift to the left is part of it.
        half = Signal(len(magnitudes))
        m.d.comb += [self.any.eq(magnitudes.any()), half.eq((1 << length) >> 1)]
        # The shift to the left by `bits` is constant, so only one shifter to the right is left, and
        # errors that are short or long take the same way.
        raised = Signal(signed(len(self.error) + self._bits + 1))
        m.d.sync += [
            raised.eq((self.error << self._bits) + half),
            self.scaled.eq(raised >> length),
        ]
        return m
