"""The core behind a serial line, and that on a board."""

from collections.abc import Sequence
from typing import Any

from amaranth.back import verilog
from amaranth.build import ResourceError
from amaranth.hdl import Cat, Elaboratable, Module, Mux, Signal, signed
from amaranth.lib import io, wiring
from amaranth.lib.wiring import In, Out

from hwgen.board import Board
from hwgen.events import Kind
from hwgen.hdl.core import SpikeCore
from hwgen.hdl.fifo import Fifo
from hwgen.hdl.uart import Receiver, Transmitter
from hwgen.params import Params
from hwgen.protocol import (
    BY_SPIKE_BIT,
    INDEX_BITS,
    READ_REGISTER,
    READ_SHADOWS,
    WRITE_SHADOWS,
    Register,
)

TOP = "hwgen_uart"
FIFO_WORDS = 256  # 256 x 16 bits are just one memory block of an iCE40
MAX_CLASSES = 2**BY_SPIKE_BIT
_NO_REGISTER = 15
_PENDING_BITS = 8  # signed; the core never holds as many as 127 samples

assert _NO_REGISTER not in list(Register)


class UartTop(wiring.Component):
    """Words of `hwgen.protocol` from `rx` to the core, its answers to `tx`.

    Answers come in the order of the questions: a register request waits until every sample that
    ended before it is answered. (Asked for in the middle of a sample, its answer may come before or
    after that sample's: ask between samples.) The core answers a sample as soon as it is decided:
    the counters are final only when SAMPLES counts it, some sweeps of the layers later.

    There is no flow control on the line. A word takes 20 * `divisor` cycles to arrive and the FIFO
    holds `FIFO_WORDS` of them, so none is lost as long as the core never falls more than
    FIFO_WORDS * 20 * `divisor` cycles behind the line: 61440 at 12 cycles a bit, where the dearest
    step of a 784-600-10 with 8 lanes takes 75 cycles an event and some 1300 for its spikes.

    A word that is lost nevertheless, or a byte without its stop bit, raises `error` until reset.
    Such a byte (hence a break on the line, too) makes the next byte the first of a word. Spikes
    whose index does not fit the core's reach it as one that it drops; registers beyond its map read
    0. Questions for shadow weights in the middle of a sample are dropped, without an answer.

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
        m.submodules.words = words = Fifo(16, depth=FIFO_WORDS)
        m.d.comb += core.early_exit.eq(self._early_exit)
        self._receive(m, words)

        pending = Signal(signed(_PENDING_BITS))  # samples ended on the input, less those answered
        ended, answered, asked = Signal(), Signal(), Signal()
        address = Signal(4)
        m.d.comb += core.reg_addr.eq(address)
        m.d.sync += pending.eq(pending + ended - answered)
        m.d.sync += self.toggle.eq(self.toggle ^ answered)

        # A register behind the queue: out of its memory a word comes late in the cycle.
        word = Signal(16)
        held = Signal()
        done = Signal()
        m.d.comb += words.o.ready.eq(~held)
        with m.If(~held):
            m.d.sync += [held.eq(words.o.valid), word.eq(words.o.payload)]
        with m.Elif(done):
            m.d.sync += held.eq(0)
        kind, index = word[INDEX_BITS:], word[:INDEX_BITS]
        token = core.i.payload
        moving = Signal()  # shadow weights are on their way out
        too_far = (kind == Kind.SPIKE) & index[len(token.index) :].any()
        m.d.comb += [token.kind.eq(kind), token.index.eq(index)]
        m.d.sync += address.eq(index[:4] | index[4:].any().replicate(4))
        with m.If(held):
            with m.If(kind == READ_REGISTER):
                m.d.comb += asked.eq((pending <= 0) & ~moving)
            with m.Else():
                with m.If(too_far):  # an index of no input, which the core counts as dropped
                    m.d.comb += token.index.eq(~0)
                m.d.comb += [core.i.valid.eq(1), done.eq(core.i.ready)]
                m.d.comb += ended.eq(core.i.ready & (kind == Kind.END_OF_SAMPLE))
        if core.learning_layers:
            self._move_shadows(m, core, word, held, asked=asked, done=done, moving=moving)
        self._answer(m, core, asked=asked, request_done=done, answered=answered)
        return m

    def _move_shadows(self, m: Module, core, word, held, *, asked, done, moving) -> None:
        """What else words may be if the core learns."""
        layers, can_fill = core.learning_layers, hasattr(core, "fill")
        filling, fills = Signal(), Signal()
        kind, layer = word[INDEX_BITS:], word[:8]
        what = word[8:INDEX_BITS]
        reads = Signal()
        known = (kind == READ_REGISTER) & (layer >= layers.start) & (layer < layers.stop)
        m.d.comb += [
            reads.eq(held & known & (what == READ_SHADOWS >> 8)),
            fills.eq(held & known & (what == WRITE_SHADOWS >> 8) & can_fill),
        ]
        with m.If(reads | fills):
            m.d.comb += [
                asked.eq(0),
                core.i.valid.eq(1),
                core.i.payload.kind.eq(Kind.POTENTIAL),
                core.i.payload.index.eq(layer + Mux(fills, layers.stop, 0)),
                done.eq(core.i.ready),
            ]
        # In the middle of a sample the core drops the question, and there is no answer to wait for.
        with m.If(reads & core.i.ready & core.asks):
            m.d.sync += moving.eq(1)
        with m.Elif(core.shadows.valid & core.shadows.ready & core.shadows.payload.last):
            m.d.sync += moving.eq(0)
        if not can_fill:
            return
        m.d.comb += core.fill.payload.eq(word)
        with m.If(filling):
            m.d.comb += [
                asked.eq(0),
                core.i.valid.eq(0),
                core.fill.valid.eq(held),
                done.eq(core.fill.ready),
            ]
            with m.If(core.filled):
                m.d.sync += filling.eq(0)
        with m.Elif(fills & core.i.ready & core.asks):
            m.d.sync += filling.eq(1)

    def _receive(self, m: Module, words: Fifo) -> None:
        """Bytes to words, high byte first, into the FIFO."""
        m.submodules.receiver = receiver = Receiver(self._divisor)
        high, is_low = Signal(8), Signal()
        m.d.comb += [
            receiver.rx.eq(self.rx),
            receiver.o.ready.eq(1),
            words.i.payload.eq(Cat(receiver.o.payload, high)),
            words.i.valid.eq(receiver.o.valid & is_low),
        ]
        with m.If(receiver.o.valid):
            m.d.sync += [high.eq(receiver.o.payload), is_low.eq(~is_low)]
        with m.If(receiver.framing):
            m.d.sync += is_low.eq(0)
        with m.If(receiver.framing | receiver.overrun | (words.i.valid & ~words.i.ready)):
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
        # The address is registered on the way to the core, the data on the way back.
        addressed, fetched = Signal(), Signal()
        m.d.sync += [addressed.eq(0), fetched.eq(addressed)]
        with m.If(fetched):
            m.d.comb += request_done.eq(1)
            m.d.sync += [rest.eq(core.reg_data), n_rest.eq(4)]
        with m.Elif(line.valid & line.ready):
            m.d.sync += [rest.eq(rest << 8), n_rest.eq(n_rest - 1)]
        with m.Elif(~line.valid & ~addressed & core.o.valid):
            m.d.comb += [core.o.ready.eq(1), answered.eq(1)]
            m.d.sync += rest[24:].eq(result.label | result.by_spike << BY_SPIKE_BIT)
            m.d.sync += [rest[16:24].eq(result.step), n_rest.eq(2)]
        if core.learning_layers:
            shadow = core.shadows.payload.shadow
            n_bytes = -(-len(shadow) // 8)
            with m.Elif(~line.valid & ~addressed & core.shadows.valid):
                m.d.comb += core.shadows.ready.eq(1)
                m.d.sync += [rest.eq(shadow << 8 * (4 - n_bytes)), n_rest.eq(n_bytes)]
        with m.Elif(~line.valid & ~addressed):
            m.d.sync += addressed.eq(asked)


def uart_verilog(
    params: Params, lanes: Sequence[int], divisor: int, *, early_exit: bool = False
) -> str:
    """`UartTop` as Verilog, module `hwgen_uart`: ports clk, rst, rx, tx, error, toggle."""
    top = UartTop(SpikeCore(params, lanes), divisor, early_exit=early_exit)
    return str(verilog.convert(top, name=TOP, emit_src=False, strip_internal_attrs=True))


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
        line = platform.request("uart", self._board.uart.resource, dir="-")
        m.submodules.rx = rx = io.Buffer("i", line.rx)
        m.submodules.tx = tx = io.Buffer("o", line.tx)
        m.d.comb += [top.rx.eq(rx.i), tx.o.eq(top.tx)]
        for number, level in enumerate((top.error, top.toggle)):
            try:
                pin = platform.request("led", number, dir="-")
            except ResourceError:
                continue
            m.submodules[f"led_{number}"] = led = io.Buffer("o", pin)
            m.d.comb += led.o.eq(level)
        return m
