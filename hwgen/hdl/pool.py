"""Pooling: the first spike of each window and channel goes on, later ones are dropped.

Four pipeline stages and an output register, a token a cycle:

    P  look up the window's row and column
    Q  address the window's word: one bit a channel, set if that has fired
    R  set the bit, write the word back
    S  drop the spike if the bit was set

Spikes of one window often follow each other, as its positions lie side by side. So what stage R
writes is kept for the next spike, which has read its word too early if it is the same one.
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hwgen.events import Kind
from hwgen.hdl.bank import StateBank
from hwgen.hdl.stream import index_bits, is_picture, token_stream
from hwgen.hdl.table import look_up
from hwgen.spec import PoolSpec


class Pool(wiring.Component):
    """A pooling layer, bit-exact to `hwgen.golden`.

    Members: `i` takes tokens of the picture `layer.pre`, `o` gives those of `layer.post`. After
    reset, and after each sample, it clears its words, one a cycle.
    """

    def __init__(self, layer: PoolSpec) -> None:
        self._layer = layer
        self._n_words = layer.post.height * layer.post.width
        super().__init__({"i": In(token_stream(layer.pre)), "o": Out(token_stream(layer.post))})

    @property
    def _slot(self) -> data.StructLayout:
        height, width, channels = self._layer.post
        return data.StructLayout(
            {
                "valid": 1,
                "kind": 2,
                "channel": index_bits(channels),
                "column": index_bits(width),
                "row": index_bits(height),
                "word": index_bits(height * width),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        channels = self._layer.channels
        m.submodules.fired = bank = StateBank(n_blocks=self._n_words, width=channels)
        r = Signal(self._slot)
        s = Signal(self._slot)
        ends = Signal()
        clearing = Signal(init=1)
        free = Signal()
        moves = Signal()
        m.d.comb += [
            free.eq(~self.o.valid | self.o.ready),
            ends.eq(r.valid & (r.kind == Kind.END_OF_SAMPLE)),
            moves.eq(free & ~ends & ~clearing),
        ]
        q = self._look_up(m, moves)

        # The bit of the spike in stage R, and the word as the spike before left it, if that `keeps`
        # it for this one. While all words are cleared, that is a word without bits.
        bit = Signal(channels)
        was_set = Signal(channels, reset_less=True)
        keeps = Signal(init=1)
        kept = Signal(channels)
        word = Signal(channels)
        sets = Signal()
        m.d.comb += [
            bank.read_en.eq(moves),
            bank.read_block.eq(q.word),
            word.eq(Mux(keeps, kept, bank.read_data)),
            bank.write_data.eq(word | bit),
            sets.eq(free & r.valid & (r.kind == Kind.SPIKE)),
        ]
        with m.If(moves):
            m.d.sync += [
                r.eq(q),
                bit.eq(Mux(q.valid & (q.kind == Kind.SPIKE), 1 << q.channel, 0)),
                keeps.eq(sets & (q.word == r.word)),
                kept.eq(bank.write_data),
            ]
        with m.If(free & ends):
            m.d.sync += [r.valid.eq(0), bit.eq(0), keeps.eq(1), kept.eq(0), clearing.eq(1)]
        self._write(m, bank, r.word, sets, clearing)
        with m.If(free):
            m.d.sync += [s.eq(r), was_set.eq(word & bit)]
            self._send(m, s, was_set.any())
        return m

    def _look_up(self, m: Module, moves):
        """Stages P and Q. Returns the token as stage R takes it."""
        layer, token = self._layer, self.i.payload
        size, (height, width, _) = layer.size, layer.post
        # Rows and columns that fill no whole window are in none.
        rows = [
            {"inside": y < height * size, "out": min(y // size, height - 1)}
            for y in range(layer.height)
        ]
        columns = [
            {"inside": x < width * size, "out": min(x // size, width - 1)}
            for x in range(layer.width)
        ]
        for row in rows:
            row["start"] = row["out"] * width
        valid = Signal()
        kind = Signal.like(token.kind)
        channel = Signal.like(token.channel)
        m.d.comb += self.i.ready.eq(~valid | moves)
        row = look_up(m, "rows", rows, enable=self.i.ready, address=token.row)
        column = look_up(m, "columns", columns, enable=self.i.ready, address=token.column)
        with m.If(self.i.ready):
            m.d.sync += [valid.eq(self.i.valid), kind.eq(token.kind), channel.eq(token.channel)]
        q = Signal(self._slot)
        inside = row.inside & column.inside
        m.d.comb += [
            q.valid.eq(valid & (inside | (kind != Kind.SPIKE))),
            q.kind.eq(kind),
            q.channel.eq(channel),
            q.column.eq(column.out),
            q.row.eq(row.out),
            q.word.eq(row.start + column.out),
        ]
        return q

    def _send(self, m: Module, s, late) -> None:
        """From stage S to the output register."""
        token = self.o.payload
        m.d.sync += [self.o.valid.eq(s.valid & ~late), token.kind.eq(s.kind)]
        if is_picture(self._layer.post):
            m.d.sync += [
                token.channel.eq(s.channel),
                token.column.eq(s.column),
                token.row.eq(s.row),
            ]
        else:
            m.d.sync += token.index.eq(s.channel)

    def _write(self, m: Module, bank, word, sets, clearing) -> None:
        """The word back, or, behind END_OF_SAMPLE, all words."""
        target = Signal.like(word)
        m.d.comb += [
            bank.write_en.eq(sets | clearing),
            bank.write_block.eq(Mux(clearing, target, word)),
        ]
        with m.If(clearing):
            m.d.sync += target.eq(target + 1)
            with m.If(target == self._n_words - 1):
                m.d.sync += [clearing.eq(0), target.eq(0)]
