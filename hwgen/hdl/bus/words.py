"""A core whose streams are words of `hwgen.protocol.words`, a stream for each kind of word."""

from amaranth.hdl import Cat, Module, Mux, ResetInserter
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen.protocol.tokens import Kind
from hwgen.protocol.words import (
    BY_SPIKE_BIT,
    INDEX_BITS,
    LABEL_BITS,
    READ_REGISTER,
    READ_SHADOWS,
    STEP_BITS,
    WRITE_SHADOWS,
)

MAX_CLASSES = 2**LABEL_BITS
SHADOW_WORD = data.StructLayout({"word": 16, "last": 1})


def check_classes(core: wiring.Component) -> None:
    """Raise ValueError unless an answer has room for the core's labels.

    core: a `SpikeCore` or anything with its ports. An answer has `LABEL_BITS` bits of label.
    """
    if len(core.o.payload.label) > LABEL_BITS:
        raise ValueError(f"an answer has room for {MAX_CLASSES} classes, the core has more")


def result_word(result: data.View):
    """The answer to a sample.

    In bits: by_spike 15, label 14..8, step 7..0 (`docs/link.md`).
    """
    return result.step | result.label << STEP_BITS | result.by_spike << BY_SPIKE_BIT


def fitted_index(word, token: data.View):
    """The index of a word, as the core takes it. If it does not fit, that of a spike is all ones,
    which is no input's; any other is 0, which is no label.

    word: 16 bits. Cut off without a look, an index too large would be another input's, and no core
    could tell. Returns a value as wide as the token's index, or wider.
    """
    kind, index = word[INDEX_BITS:], word[:INDEX_BITS]
    too_far = index[len(token.index) :].any()
    return Mux(too_far, (kind == Kind.SPIKE).replicate(len(token.index)), index)


class WordCore(wiring.Component):
    """Members: `tokens` takes words, `results` gives one a sample. Of a core that learns, `shadows`
    gives shadow weights, sign extended; `fill` takes them, if they lie in SPRAM. `reset` resets the
    core: in that cycle no word moves. `early_exit`, `reg_addr` and `reg_data` are the core's.

    Words of kind 3 ask for shadow weights, or say that they come. Those that ask for anything else,
    and spikes whose index does not fit the core's, reach it as a spike that it drops; an index of
    END_OF_SAMPLE that does not fit is no label.
    """

    def __init__(self, core: wiring.Component) -> None:
        """core: a `SpikeCore` or anything with its ports."""
        check_classes(core)
        self._core = core
        self.learns = bool(core.learning_layers)
        self.fills = bool(core.fillable_layers)
        if self.fills and not self.learns:
            raise ValueError("a core whose weights are loaded has no bus yet")
        learnt: dict[str, wiring.Member] = {}
        if self.learns:
            learnt["shadows"] = Out(stream.Signature(SHADOW_WORD))
        if self.fills:
            learnt["fill"] = In(stream.Signature(16))
        super().__init__(
            {
                **learnt,
                "tokens": In(stream.Signature(16)),
                "results": Out(stream.Signature(16)),
                "reset": In(1),
                "early_exit": In(1),
                "reg_addr": In(4),
                "reg_data": Out(32),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """The core behind a reset of its own, and words to tokens without a register between."""
        m = Module()
        core = self._core
        m.submodules.core = ResetInserter(self.reset)(core)
        runs = ~self.reset
        self._tokens(m, core.i.payload)
        m.d.comb += [
            core.i.valid.eq(self.tokens.valid & runs),
            self.tokens.ready.eq(core.i.ready & runs),
            self.results.valid.eq(core.o.valid & runs),
            self.results.payload.eq(result_word(core.o.payload)),
            core.o.ready.eq(self.results.ready),
            core.early_exit.eq(self.early_exit),
            core.reg_addr.eq(self.reg_addr),
            self.reg_data.eq(core.reg_data),
        ]
        if self.learns:
            m.d.comb += [
                self.shadows.valid.eq(core.shadows.valid & runs),
                self.shadows.payload.word.eq(core.shadows.payload.shadow),
                self.shadows.payload.last.eq(core.shadows.payload.last),
                core.shadows.ready.eq(self.shadows.ready),
            ]
        if self.fills:
            m.d.comb += [
                core.fill.valid.eq(self.fill.valid & runs),
                core.fill.payload.eq(self.fill.payload),
                self.fill.ready.eq(core.fill.ready & runs),
            ]
        return m

    def _tokens(self, m: Module, token) -> None:
        word = self.tokens.payload
        kind, index = word[INDEX_BITS:], word[:INDEX_BITS]
        layers, layer, what = self._core.learning_layers, index[:8], index[8:]
        fills = what == WRITE_SHADOWS >> 8
        asks = (what == READ_SHADOWS >> 8) | (fills & self.fills)
        m.d.comb += [token.kind.eq(kind), token.index.eq(fitted_index(word, token))]
        with m.If(kind == READ_REGISTER):
            # The highest index is that of no input.
            m.d.comb += [token.kind.eq(Kind.SPIKE), token.index.eq(~0)]
            if self.learns:
                with m.If(asks & Cat(layer == number for number in layers).any()):
                    m.d.comb += token.kind.eq(Kind.POTENTIAL)
                    m.d.comb += token.index.eq(layer + Mux(fills, layers.stop, 0))
