"""The core behind a serial line, and that on a board."""

from typing import Any

from amaranth.back import verilog
from amaranth.build import ResourceError
from amaranth.hdl import (
    ClockDomain,
    ClockSignal,
    Elaboratable,
    Module,
    ResetInserter,
    ResetSignal,
)
from amaranth.lib import io, wiring
from amaranth.lib.wiring import In, Out

from hwgen.boards.board import Board
from hwgen.boards.pll import Pll
from hwgen.hdl.bus.commands import Commands
from hwgen.hdl.clock import PllClock
from hwgen.hdl.core import SpikeCore
from hwgen.hdl.link.link import Link
from hwgen.network.design import Design

TOP = "hwgen_uart"


class UartTop(wiring.Component):
    """A core behind a serial line: `rx` and `tx` as of `hdl.link.link`, words as of `Commands`.

    Members: `fault`: a frame was dropped since the session began; `session`: there is one;
    `toggle` changes with every sample answered.
    """

    def __init__(self, core: wiring.Component, divisor: int, *, early_exit: bool = False) -> None:
        """core: a `SpikeCore` or anything with its ports. divisor: clock cycles a bit."""
        self._commands = Commands(core, early_exit=early_exit)
        self._divisor = divisor
        super().__init__(
            {
                "rx": In(1, init=1),
                "tx": Out(1, init=1),
                "fault": Out(1),
                "session": Out(1),
                "toggle": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """`Link` in front of `Commands`, which have the core."""
        m = Module()
        m.submodules.link = link = Link(self._divisor)
        # A new session begins with a core as behind a reset, whatever the program before has left
        # in it. Memories keep what they hold, so a core keeps what it has learnt.
        m.submodules.commands = ResetInserter(link.reset)(self._commands)
        wiring.connect(m, link.o, self._commands.i)
        wiring.connect(m, self._commands.o, link.i)
        m.d.comb += [
            link.rx.eq(self.rx),
            self.tx.eq(link.tx),
            self.fault.eq(link.fault),
            self.session.eq(link.session.any()),
            self.toggle.eq(self._commands.toggle),
        ]
        return m


def uart_verilog(design: Design, divisor: int, *, early_exit: bool = False) -> str:
    """`UartTop` as Verilog, module `hwgen_uart`: ports clk, rst, rx, tx, fault, session, toggle.

    divisor: clock cycles a bit. early_exit: level of the core's input. Without positions of source
    text, so the same text on every run and machine.
    """
    top = UartTop(SpikeCore(design), divisor, early_exit=early_exit)
    return str(verilog.convert(top, name=TOP, emit_src=False, strip_internal_attrs=True))


class BoardTop(Elaboratable):
    """`UartTop` on the pins of a board: its serial line, and as many LEDs as it has of these: 0 for
    `fault`, 1 for `toggle`, 2 for `session`."""

    def __init__(
        self,
        core: wiring.Component,
        board: Board,
        *,
        divisor: int | None = None,
        early_exit: bool = False,
        pll: Pll | None = None,
    ) -> None:
        """divisor: clock cycles a bit, if not from the board's baud rate. pll: makes the clock, if
        it is not the board's own."""
        self._board, self._pll = board, pll
        divisor = divisor or board.divisor(pll and pll.output_hz)
        self._top = UartTop(core, divisor, early_exit=early_exit)

    def elaborate(self, platform: Any) -> Module:
        """Pins, clock and `UartTop`. `platform`: Amaranth's, of the board."""
        m = Module()
        if self._pll:
            m.domains.sync = ClockDomain("sync")
            m.submodules.clock = clock = PllClock(self._pll)
            m.d.comb += [ClockSignal().eq(clock.clock), ResetSignal().eq(clock.reset)]
        m.submodules.top = top = self._top
        line = platform.request("uart", self._board.uart.resource, dir="-")
        m.submodules.rx = rx = io.Buffer("i", line.rx)
        m.submodules.tx = tx = io.Buffer("o", line.tx)
        m.d.comb += [top.rx.eq(rx.i), tx.o.eq(top.tx)]
        for number, level in enumerate((top.fault, top.toggle, top.session)):
            try:
                pin = platform.request("led", number, dir="-")
            except ResourceError:
                continue
            m.submodules[f"led_{number}"] = led = io.Buffer("o", pin)
            m.d.comb += led.o.eq(level)
        return m
