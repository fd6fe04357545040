"""A serial line, 8N1: a byte is a low start bit, eight bits from low to high, a high stop bit."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import cdc, stream, wiring
from amaranth.lib.wiring import In, Out

MIN_DIVISOR = 4  # fewer cycles a bit, and the two of the synchroniser shift the sampling point off


def _check(divisor: int) -> None:
    if divisor < MIN_DIVISOR:
        raise ValueError(f"divisor must be at least {MIN_DIVISOR}, not {divisor!r}")


class Receiver(wiring.Component):
    """Bits of `rx` to bytes. Each bit is sampled once, in its middle.

    Members: `o` holds a byte until it is taken; one that arrives meanwhile is lost, which strobes
    `overrun`. A byte without its stop bit is dropped, which strobes `framing`; the line must then
    go high before the next start bit counts. A low shorter than half a bit is no start bit.

    The last bit is sampled 9.5 bits after the first edge, so clocks may differ by some 5 %;
    `hwgen.boards.board` allows 2 %.
    """

    def __init__(self, divisor: int) -> None:
        """divisor: clock cycles a bit.

        Raises ValueError below `MIN_DIVISOR`.
        """
        _check(divisor)
        self._divisor = divisor
        super().__init__(
            {
                "rx": In(1, init=1),
                "o": Out(stream.Signature(8)),
                "overrun": Out(1),
                "framing": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """A synchroniser of two stages, a timer, and a shift register."""
        m = Module()
        # High at rest: a low one would be a start bit, right behind the reset.
        line = Signal(init=1)
        m.submodules.synchroniser = cdc.FFSynchronizer(self.rx, line, init=1)
        bits = Signal(8)
        timer = Signal(range(self._divisor))
        remaining = Signal(range(9))

        with m.If(self.o.valid & self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.FSM():
            with m.State("idle"):
                m.d.sync += remaining.eq(8)
                # Half a bit to the middle of the start bit; from there on whole bits, so each is
                # sampled in its middle.
                m.d.sync += timer.eq(self._divisor // 2 - 1)
                with m.If(~line):
                    m.next = "start"
            with m.State("start"):
                # A low as short as that was noise.
                with m.If(line):
                    m.next = "idle"
                with m.Elif(timer == 0):
                    m.d.sync += timer.eq(self._divisor - 1)
                    m.next = "data"
            with m.State("data"), m.If(timer == 0):
                m.d.sync += timer.eq(self._divisor - 1)
                with m.If(remaining == 0):
                    self._stop_bit(m, line, bits)
                with m.Else():
                    m.d.sync += [bits.eq(Cat(bits[1:], line)), remaining.eq(remaining - 1)]
            with m.State("broken"), m.If(line):
                m.next = "idle"
        return m

    def _stop_bit(self, m: Module, line: Signal, bits: Signal) -> None:
        with m.If(~line):
            m.d.comb += self.framing.eq(1)
            m.next = "broken"
        with m.Else():
            with m.If(self.o.valid & ~self.o.ready):
                m.d.comb += self.overrun.eq(1)
            with m.Else():
                # A byte that is not taken is kept, and the new one lost: the receiver of words then
                # sees a wrong sum, and never half of two bytes.
                m.d.sync += [self.o.valid.eq(1), self.o.payload.eq(bits)]
            m.next = "idle"


class Transmitter(wiring.Component):
    """Bytes to bits of `tx`; `i` is ready when the last byte is wholly out, stop bit included."""

    def __init__(self, divisor: int) -> None:
        """divisor: clock cycles a bit.

        Raises ValueError below `MIN_DIVISOR`.
        """
        _check(divisor)
        self._divisor = divisor
        super().__init__({"i": In(stream.Signature(8)), "tx": Out(1, init=1)})

    def elaborate(self, platform: object) -> Module:
        """A shift register and a timer. The line is high while nothing is sent."""
        m = Module()
        bits = Signal(9)  # what follows the bit on the line; the stop bit is shifted in behind
        timer = Signal(range(self._divisor))
        remaining = Signal(range(11))
        m.d.comb += self.i.ready.eq(remaining == 0)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [
                self.tx.eq(0),
                bits.eq(Cat(self.i.payload, 1)),
                remaining.eq(10),
                timer.eq(self._divisor - 1),
            ]
        with m.Elif(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.Elif(remaining != 0):
            m.d.sync += [
                self.tx.eq(bits[0]),
                bits.eq(Cat(bits[1:], 1)),
                remaining.eq(remaining - 1),
                timer.eq(self._divisor - 1),
            ]
        return m
