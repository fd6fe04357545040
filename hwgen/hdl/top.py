"""The core behind a serial line, and that on a board."""

from typing import Any

from amaranth.build import ResourceError
from amaranth.hdl import Cat, Elaboratable, Module, Signal, signed
from amaranth.lib import fifo, wiring
from amaranth.lib.wiring import In, Out

from hwgen.board import Board
from hwgen.events import Kind
from hwgen.hdl.uart import Receiver, Transmitter
from hwgen.protocol import BY_SPIKE_BIT, INDEX_BITS, READ_REGISTER, Register

FIFO_WORDS = 256  # 256 x 16 bits are just one memory block of an iCE40
MAX_CLASSES = 2**BY_SPIKE_BIT
_NO_REGISTER = 15
_PENDING_BITS = 8  # signed; the core never holds as many as 127 samples

assert _NO_REGISTER not in list(Register)


class UartTop(wiring.Component):
    """Words of `hwgen.protocol` from `rx` to the core, its answers to `tx`.

    Answers come in the order of the questions: a register request waits until every sample that
    ended before it is answered. (Asked for in the middle of a sample, its answer may come before or
    after that sample's early exit: ask between samples.)

    There is no flow control on the line. A word takes 20 * `divisor` cycles to arrive and the FIFO
    holds `FIFO_WORDS` of them, so none is lost as long as the core never falls more than
    FIFO_WORDS * 20 * `divisor` cycles behind the line: 61440 at 12 cycles a bit, where the dearest
    step of a 784-600-10 with 8 lanes takes 75 cycles an event and some 1300 for its spikes.

    A word that is lost nevertheless, or a byte without its stop bit, raises `error` until reset.
    Such a byte (hence a break on the line, too) makes the next byte the first of a word. Spikes
    whose index does not fit the core's are swallowed; registers beyond its map read 0.

    Members: `toggle` changes with every sample answered.
    """

    def __init__(self, core: wiring.Component, divisor: int, *, early_exit: bool = False) -> None:
        """core: a `SpikeCore` or anything with its ports. divisor: clock cycles a bit."""
        if len(core.o.payload.label) > BY_SPIKE_BIT:
            raise ValueError(f"an answer has room for {MAX_CLASSES} classes, the core has more")
        self._core = core
        self._divisor = divisor
        self._early_exit = early_exit
        super().__init__(
            {"rx": In(1, init=1), "tx": Out(1, init=1), "error": Out(1), "toggle": Out(1)}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.core = core = self._core
        m.submodules.words = words = fifo.SyncFIFOBuffered(width=16, depth=FIFO_WORDS)
        m.d.comb += core.early_exit.eq(self._early_exit)
        self._receive(m, words)

        pending = Signal(signed(_PENDING_BITS))  # samples ended on the input, less those answered
        ended, answered, asked = Signal(), Signal(), Signal()
        m.d.sync += pending.eq(pending + ended - answered)
        m.d.sync += self.toggle.eq(self.toggle ^ answered)

        kind, index = words.r_data[INDEX_BITS:], words.r_data[:INDEX_BITS]
        token = core.i.payload
        too_far = (kind == Kind.SPIKE) & index[len(token.index) :].any()
        m.d.comb += [token.kind.eq(kind), token.index.eq(index)]
        m.d.comb += core.reg_addr.eq(index[:4] | index[4:].any().replicate(4))
        with m.If(words.r_rdy):
            with m.If(kind == READ_REGISTER):
                m.d.comb += asked.eq(pending <= 0)
            with m.Elif(too_far):
                m.d.comb += words.r_en.eq(1)
            with m.Else():
                m.d.comb += [core.i.valid.eq(1), words.r_en.eq(core.i.ready)]
                m.d.comb += ended.eq(core.i.ready & (kind == Kind.END_OF_SAMPLE))
        self._answer(m, core, asked=asked, request_done=words.r_en, answered=answered)
        return m

    def _receive(self, m: Module, words: fifo.SyncFIFOBuffered) -> None:
        """Bytes to words, high byte first, into the FIFO."""
        m.submodules.receiver = receiver = Receiver(self._divisor)
        high, is_low = Signal(8), Signal()
        m.d.comb += [
            receiver.rx.eq(self.rx),
            receiver.o.ready.eq(1),
            words.w_data.eq(Cat(receiver.o.payload, high)),
            words.w_en.eq(receiver.o.valid & is_low),
        ]
        with m.If(receiver.o.valid):
            m.d.sync += [high.eq(receiver.o.payload), is_low.eq(~is_low)]
        with m.If(receiver.framing):
            m.d.sync += is_low.eq(0)
        with m.If(receiver.framing | receiver.overrun | (words.w_en & ~words.w_rdy)):
            m.d.sync += self.error.eq(1)

    def _answer(self, m: Module, core, *, asked, request_done, answered) -> None:
        """Results and registers to bytes, one whole answer after the other."""
        m.submodules.transmitter = transmitter = Transmitter(self._divisor)
        line, result = transmitter.i, core.o.payload
        rest, n_rest = Signal(32), Signal(range(5))  # bytes to send, the next one on top
        m.d.comb += [
            self.tx.eq(transmitter.tx),
            line.payload.eq(rest[24:]),
            line.valid.eq(n_rest != 0),
        ]
        is_reading = Signal()
        m.d.sync += is_reading.eq(0)
        with m.If(is_reading):
            m.d.comb += request_done.eq(1)
            m.d.sync += [rest.eq(core.reg_data), n_rest.eq(4)]
        with m.Elif(line.valid & line.ready):
            m.d.sync += [rest.eq(rest << 8), n_rest.eq(n_rest - 1)]
        with m.Elif(~line.valid & core.o.valid):
            m.d.comb += [core.o.ready.eq(1), answered.eq(1)]
            m.d.sync += rest[24:].eq(result.label | result.by_spike << BY_SPIKE_BIT)
            m.d.sync += [rest[16:24].eq(result.step), n_rest.eq(2)]
        with m.Elif(~line.valid):
            m.d.sync += is_reading.eq(asked)


class BoardTop(Elaboratable):
    """`UartTop` on the pins of a board: its serial line, and if it has any LEDs, led 0 for `error`
    and led 1 for `toggle`."""

    def __init__(
        self,
        core: wiring.Component,
        board: Board,
        *,
        divisor: int | None = None,
        early_exit: bool = False,
    ) -> None:
        """divisor: clock cycles a bit, if not from the board's baud rate."""
        self._board = board
        self._top = UartTop(core, divisor or board.divisor(), early_exit=early_exit)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.top = top = self._top
        line = platform.request("uart", self._board.uart.resource)
        m.d.comb += [top.rx.eq(line.rx.i), line.tx.o.eq(top.tx)]
        for number, level in enumerate((top.error, top.toggle)):
            try:
                led = platform.request("led", number)
            except ResourceError:
                continue
            m.d.comb += led.o.eq(level)
        return m
