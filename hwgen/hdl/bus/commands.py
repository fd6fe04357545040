"""Words of `hwgen.protocol.words` to what the core takes, its answers to words."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen.hdl.bus.words import check_classes, fitted_index, result_word
from hwgen.protocol.tokens import Kind
from hwgen.protocol.words import INDEX_BITS, READ_REGISTER, READ_SHADOWS, WRITE_SHADOWS, Register

_NO_REGISTER = 15
_PENDING_BITS = 8  # signed; the core never holds as many as 127 samples

assert _NO_REGISTER not in list(Register)


class Commands(wiring.Component):
    """A core, between words that come in at `i` and answers that go out at `o`.

    Answers come in the order of the questions: a register request waits until every sample that
    ended before it is answered. (Asked for in the middle of a sample, its answer may come before or
    after that sample's: ask between samples.) The core answers a sample as soon as it is decided:
    the counters are final only when SAMPLES counts it, some sweeps of the layers later.

    Spikes whose index does not fit the core's reach it as one that it drops; registers beyond its
    map read 0. Questions for shadow weights in the middle of a sample are dropped, without an
    answer.

    Members: `toggle` changes with every sample answered.
    """

    def __init__(self, core: wiring.Component, *, early_exit: bool = False) -> None:
        """core: a `SpikeCore` or anything with its ports.

        early_exit: level of the core's input, for good. Raises ValueError if its labels do not fit
        an answer.
        """
        check_classes(core)
        self._core = core
        self._early_exit = early_exit
        super().__init__(
            {"i": In(stream.Signature(16)), "o": Out(stream.Signature(16)), "toggle": Out(1)}
        )

    def elaborate(self, platform: object) -> Module:
        """The core, words to tokens, and one register for answers."""
        m = Module()
        m.submodules.core = core = self._core
        m.d.comb += core.early_exit.eq(self._early_exit)
        # Signed, because early exit answers a sample before its end has come in: then it is -1 for
        # a while.
        pending = Signal(signed(_PENDING_BITS))  # samples ended on the input, less those answered
        ended, answered, asked = Signal(), Signal(), Signal()
        address = Signal(4)
        m.d.comb += core.reg_addr.eq(address)
        m.d.sync += pending.eq(pending + ended - answered)
        m.d.sync += self.toggle.eq(self.toggle ^ answered)

        held, word, done = self.i.valid, self.i.payload, self.i.ready
        kind, index = word[INDEX_BITS:], word[:INDEX_BITS]
        token = core.i.payload
        moving = Signal()  # shadow weights are on their way out
        m.d.comb += [token.kind.eq(kind), token.index.eq(fitted_index(word, token))]
        # A number above 15 must not read a register of the map by its low bits: all ones is none.
        m.d.sync += address.eq(index[:4] | index[4:].any().replicate(4))
        with m.If(held):
            with m.If(kind == READ_REGISTER):
                # A question waits in the word stream, and all words behind it: so answers stay in
                # the order of the questions, without a queue.
                m.d.comb += asked.eq((pending <= 0) & ~moving)
            with m.Else():
                m.d.comb += [core.i.valid.eq(1), done.eq(core.i.ready)]
                m.d.comb += ended.eq(core.i.ready & (kind == Kind.END_OF_SAMPLE))
        if core.learning_layers or core.fillable_layers:
            self._move_weights(m, core, word, held, asked=asked, done=done, moving=moving)
        self._answer(m, core, asked=asked, request_done=done, answered=answered)
        return m

    def _move_weights(self, m: Module, core, word, held, *, asked, done, moving) -> None:
        """What else words may be if weights of some layers can be read, or written."""
        kind, what, layer = word[INDEX_BITS:], word[8:INDEX_BITS], word[:8]
        reads, fills = Signal(), Signal()
        for asks, layers, code in (
            (reads, core.learning_layers, READ_SHADOWS),
            (fills, core.fillable_layers, WRITE_SHADOWS),
        ):
            is_one = Cat(layer == number for number in layers).any()
            m.d.comb += asks.eq(held & (kind == READ_REGISTER) & (what == code >> 8) & is_one)
        with m.If(reads | fills):
            m.d.comb += [
                asked.eq(0),
                core.i.valid.eq(1),
                core.i.payload.kind.eq(Kind.POTENTIAL),
                core.i.payload.index.eq(layer + Mux(fills, len(core.lanes), 0)),
                done.eq(core.i.ready),
            ]
        if core.learning_layers:
            # In the middle of a sample the core drops the question: there is no answer to wait for.
            with m.If(reads & core.i.ready & core.asks):
                m.d.sync += moving.eq(1)
            with m.Elif(core.shadows.valid & core.shadows.ready & core.shadows.payload.last):
                m.d.sync += moving.eq(0)
        if core.fillable_layers:
            _fill(m, core, word, held, fills, asked=asked, done=done)

    def _answer(self, m: Module, core, *, asked, request_done, answered) -> None:
        """Results, registers and shadow weights to words, one whole answer after the other."""
        low, is_low = Signal(16), Signal()  # of a register
        # The address is registered on the way to the core, the data on the way back.
        addressed, fetched = Signal(), Signal()
        m.d.sync += [addressed.eq(0), fetched.eq(addressed)]
        # A register is two words. Nothing may come between them, nor while its data is on the way.
        free = ~self.o.valid & ~is_low & ~addressed & ~fetched
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(fetched):
            m.d.comb += request_done.eq(1)
            m.d.sync += [self.o.payload.eq(core.reg_data[16:]), self.o.valid.eq(1)]
            m.d.sync += [low.eq(core.reg_data), is_low.eq(1)]
        with m.Elif(is_low & ~self.o.valid):
            m.d.sync += [self.o.payload.eq(low), self.o.valid.eq(1), is_low.eq(0)]
        # Results go first: the core stands still while one waits.
        with m.Elif(free & core.o.valid):
            m.d.comb += [core.o.ready.eq(1), answered.eq(1)]
            m.d.sync += [self.o.payload.eq(result_word(core.o.payload)), self.o.valid.eq(1)]
        if core.learning_layers:
            with m.Elif(free & core.shadows.valid):
                m.d.comb += core.shadows.ready.eq(1)
                m.d.sync += [self.o.payload.eq(core.shadows.payload.shadow), self.o.valid.eq(1)]
        with m.Elif(free):
            m.d.sync += addressed.eq(asked)


def _fill(m: Module, core, word, held, fills, *, asked, done) -> None:
    """Behind a word that `fills`, words are weights, up to the last of the layer."""
    filling = Signal()
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
