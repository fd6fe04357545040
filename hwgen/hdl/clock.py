"""A PLL between the clock pin of a board and the design, and the reset at power-on behind it."""

from typing import Any

from amaranth.hdl import (
    ClockDomain,
    ClockSignal,
    Elaboratable,
    Instance,
    Module,
    Signal,
)
from amaranth.lib import io
from amaranth.lib.cdc import ResetSynchronizer

from hwgen.boards.pll import Pll

# Block RAMs of an iCE40 read as zero for some 3 us after configuration. Five times that, as
# Amaranth waits where there is no PLL.
_ICE40_START_S = 15e-6
_SETTLED_CYCLES = 16  # of the others: so that no glitch of the lock lets the design go


class PowerOnReset(Elaboratable):
    """`reset` until the PLL has been `locked` for so many cycles of `clock`, and again whenever it
    is not."""

    def __init__(self, cycles: int) -> None:
        """cycles: of `clock`, 1 or more."""
        self._cycles = cycles
        self.clock = Signal()
        self.locked = Signal()
        self.reset = Signal()

    def elaborate(self, platform: object) -> Module:
        """A counter in a domain of its own, which the lock resets."""
        m = Module()
        m.domains.por = ClockDomain("por", local=True)
        # The lock is of no clock, so it is synchronised; the reset begins at once and ends with an
        # edge.
        m.submodules.unlocked = ResetSynchronizer(~self.locked, domain="por")
        timer = Signal(range(self._cycles + 1))
        ready = Signal()
        with m.If(timer == self._cycles):
            m.d.por += ready.eq(1)
        with m.Else():
            m.d.por += timer.eq(timer + 1)
        m.d.comb += [ClockSignal("por").eq(self.clock), self.reset.eq(~ready)]
        return m


class PllClock(Elaboratable):
    """`clock` and `reset` for a domain: from a board's clock pin, through the PLL of its family."""

    def __init__(self, pll: Pll) -> None:
        """pll: of `hwgen.boards.pll.find`."""
        self._pll = pll
        self.clock = Signal()
        self.reset = Signal()

    def elaborate(self, platform: Any) -> Module:
        """The vendor's cell and the reset. `platform`: Amaranth's, of the board."""
        m = Module()
        cycles = _SETTLED_CYCLES
        if self._pll.family == "ice40":
            cycles = round(_ICE40_START_S * self._pll.output_hz)
        m.submodules.reset = reset = PowerOnReset(cycles)
        m.d.comb += [reset.clock.eq(self.clock), self.reset.eq(reset.reset)]
        pin = platform.request(platform.default_clk, dir="-")
        if self._pll.pad:
            source = pin.io  # the PLL takes the place of the pin's buffer
        else:
            m.submodules.pin = buffer = io.Buffer("i", pin)
            source = buffer.i
        ports = {"ice40": _ice40, "ecp5": _ecp5, "gowin": _gowin}[self._pll.family]
        m.submodules.pll = ports(source, self.clock, reset.locked, self._pll, platform)
        return m


def _ice40(source: Any, clock: Signal, locked: Signal, pll: Pll, platform: Any) -> Instance:
    return Instance(
        "SB_PLL40_PAD" if pll.pad else "SB_PLL40_CORE",
        ("i", "PACKAGEPIN" if pll.pad else "REFERENCECLK", source),
        *(("p", name, value) for name, value in pll.parameters.items()),
        i_RESETB=1,
        i_BYPASS=0,
        o_PLLOUTGLOBAL=clock,
        o_LOCK=locked,
    )


def _ecp5(source: Any, clock: Signal, locked: Signal, pll: Pll, platform: Any) -> Instance:
    feedback = Signal()
    return Instance(
        "EHXPLLL",
        *(("p", name, value) for name, value in pll.parameters.items()),
        # Of the loop filter, as Project Trellis has it for all frequencies.
        a_ICP_CURRENT="12",
        a_LPF_RESISTOR="8",
        a_MFG_ENABLE_FILTEROPAMP="1",
        a_MFG_GMCREF_SEL="2",
        a_FREQUENCY_PIN_CLKI=f"{pll.input_hz / 1e6:g}",
        a_FREQUENCY_PIN_CLKOP=f"{float(pll.pfd_hz) / 1e6:g}",
        a_FREQUENCY_PIN_CLKOS=f"{float(pll.exact_hz) / 1e6:g}",
        i_CLKI=source,
        i_CLKFB=feedback,
        o_CLKOP=feedback,
        o_CLKOS=clock,
        o_LOCK=locked,
        i_RST=0,
        i_STDBY=0,
        i_PHASESEL0=0,
        i_PHASESEL1=0,
        i_PHASEDIR=1,
        i_PHASESTEP=1,
        i_PHASELOADREG=1,
        i_PLLWAKESYNC=0,
        i_ENCLKOP=0,
    )


def _gowin(source: Any, clock: Signal, locked: Signal, pll: Pll, platform: Any) -> Instance:
    zeros = ("CLKFB", "RESET", "RESET_P", "FBDSEL", "IDSEL", "ODSEL", "PSDA", "DUTYDA", "FDLY")
    return Instance(
        "rPLL",
        *(("p", name, value) for name, value in pll.parameters.items()),
        *(("i", name, 0) for name in zeros),
        p_DEVICE=platform.family,
        i_CLKIN=source,
        o_CLKOUT=clock,
        o_LOCK=locked,
    )
