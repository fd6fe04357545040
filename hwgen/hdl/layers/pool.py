"""Pooling: the first spike of each window and channel goes on, later ones are dropped.

Of neurons that may fire in each step, "first" is within a step, and so is a sample below.

Three pipeline stages and an output register, a token a cycle:

    P  look up the window's row and column
    Q  address the neuron's tag: the sample in which it has last fired, modulo 16
    R  drop the spike if that is this sample; else write the tag

A tag, and not a bit, because bits would have to be cleared after each sample, one by one, or a word
of all channels at a time, with a selector as wide. Tags of old samples do no harm until their
number comes again, 16 samples later. Until then each has been written over: behind each sample, a
fifteenth of them is.
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hwgen.hdl.memory.bank import StateBank
from hwgen.hdl.memory.table import rom
from hwgen.hdl.stream import index_bits, is_feature_map, token_stream
from hwgen.network.layers.pool2d import PoolSpec
from hwgen.protocol.memory import TAG_BITS, tags_per_window
from hwgen.protocol.tokens import Kind


class Pool(wiring.Component):
    """A pooling layer, bit-exact to `hwgen.golden`.

    Members: `i` takes tokens of the feature map `layer.pre`, `o` gives those of `layer.post`. It
    writes all tags before the first sample, and some behind each sample, one a cycle.
    """

    def __init__(self, layer: PoolSpec, *, each_step: bool = False) -> None:
        """each_step: a neuron may fire in each step of a sample.

        layer: its windows do not overlap, and lie wholly in the feature map.
        """
        self._layer = layer
        self._end = Kind.END_OF_STEP if each_step else Kind.END_OF_SAMPLE
        height, width, _ = layer.post
        self._n_places = tags_per_window(layer)
        self._n_tags = height * width * self._n_places
        self._n_renewed = -(-self._n_tags // (2**TAG_BITS - 1))  # behind each sample
        super().__init__({"i": In(token_stream(layer.pre)), "o": Out(token_stream(layer.post))})

    @property
    def _slot(self) -> data.StructLayout:
        """A token in stages Q and R, with the place of its window and the address of its tag."""
        height, width, channels = self._layer.post
        return data.StructLayout(
            {
                "valid": 1,
                "kind": 2,
                "channel": index_bits(channels),
                "column": index_bits(width),
                "row": index_bits(height),
                "tag": index_bits(self._n_tags),
                "spike": 1,
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Stages P, Q and R, the memory of tags, and what renews them."""
        m = Module()
        m.submodules.tags = tags = StateBank(n_blocks=self._n_tags, width=TAG_BITS)
        r = Signal(self._slot)
        sample = Signal(TAG_BITS)
        # Memories have no reset, so all tags are written before the first token is taken.
        renews = Signal(init=1)
        free = Signal()
        ends = Signal()
        moves = Signal()
        m.d.comb += [
            free.eq(~self.o.valid | self.o.ready),
            ends.eq(r.valid & (r.kind == self._end)),
            # Nothing follows an end until the tags behind it are renewed: a spike of the next
            # sample must not be compared with a number that has just come round.
            moves.eq(free & ~ends & ~renews),
            tags.read_en.eq(moves),
        ]
        q = self._look_up(m, moves)
        m.d.comb += tags.read_block.eq(q.tag)
        again = Signal()  # the spike before is of the same neuron; its tag was read too early
        with m.If(moves):
            # The tag is read in the cycle in which the one before is written. The comparison of
            # addresses takes the place of a bypass as wide as the memory.
            m.d.sync += [r.eq(q), again.eq(q.spike & r.spike & (q.tag == r.tag))]
        with m.If(free & ends):
            m.d.sync += [r.valid.eq(0), sample.eq(sample + 1), renews.eq(1)]
        with m.If(free):
            self._send(m, r, again | (tags.read_data == sample))

        target = Signal(range(self._n_tags))
        left = Signal(range(self._n_tags), init=self._n_tags - 1)
        m.d.comb += [
            tags.write_en.eq(renews | (free & r.spike)),
            tags.write_block.eq(Mux(renews, target, r.tag)),
            # Renewed tags get the number of the sample before: it comes again after 15 more, and by
            # then they have been renewed again.
            tags.write_data.eq(sample - renews),
        ]
        with m.If(renews):
            m.d.sync += [
                target.eq(Mux(target == self._n_tags - 1, 0, target + 1)),
                left.eq(left - 1),
            ]
            with m.If(left == 0):
                m.d.sync += [renews.eq(0), left.eq(self._n_renewed - 1)]
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
            # Products in the table: the address of a tag is two sums, and no multiplier.
            row["tag"] = row["out"] * width * self._n_places
        for column in columns:
            column["tag"] = column["out"] * self._n_places
        valid = Signal()
        kind = Signal.like(token.kind)
        channel = Signal.like(token.channel)
        m.d.comb += self.i.ready.eq(~valid | moves)
        row = rom(m, "rows", rows, enable=self.i.ready, address=token.row)
        column = rom(m, "columns", columns, enable=self.i.ready, address=token.column)
        with m.If(self.i.ready):
            m.d.sync += [valid.eq(self.i.valid), kind.eq(token.kind), channel.eq(token.channel)]
        q = Signal(self._slot)
        inside = row.inside & column.inside
        m.d.comb += [
            q.valid.eq(valid & (inside | (kind != Kind.SPIKE))),
            q.spike.eq(valid & inside & (kind == Kind.SPIKE)),
            q.kind.eq(kind),
            q.channel.eq(channel),
            q.column.eq(column.out),
            q.row.eq(row.out),
            q.tag.eq(row.tag + column.tag + channel),
        ]
        return q

    def _send(self, m: Module, r, late) -> None:
        """From stage R to the output register."""
        token = self.o.payload
        m.d.sync += [self.o.valid.eq(r.valid & ~(r.spike & late)), token.kind.eq(r.kind)]
        if is_feature_map(self._layer.post):
            m.d.sync += [
                token.channel.eq(r.channel),
                token.column.eq(r.column),
                token.row.eq(r.row),
            ]
        else:
            m.d.sync += token.index.eq(r.channel)
