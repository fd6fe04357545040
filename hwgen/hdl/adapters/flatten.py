"""From linear indices to places in a feature map, and back; tables instead of arithmetic."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.hdl.memory.table import rom
from hwgen.hdl.stream import token_stream, vector
from hwgen.network.layers.shape import Shape


class Unflatten(wiring.Component):
    """Index to row, column and channel, of one channel or two, as the input of a core has.

    A table with a row for each pixel, and one register. Of two channels, the lowest bit of the
    index is the channel.

    Two channels are the polarities of a camera.
    """

    def __init__(self, shape: Shape) -> None:
        """shape: of the input. Raises ValueError if it has more than 2 channels."""
        if shape.channels > 2:
            raise ValueError(f"an input has 1 or 2 channels, not {shape.channels}")
        self._shape = shape
        super().__init__({"i": In(token_stream(vector(shape.n))), "o": Out(token_stream(shape))})

    def elaborate(self, platform: object) -> Module:
        """One look-up, and a register for what is not looked up."""
        m = Module()
        pixels = [
            {"row": row, "column": column}
            for row in range(self._shape.height)
            for column in range(self._shape.width)
        ]
        m.d.comb += self.i.ready.eq(~self.o.valid | self.o.ready)
        index, n_low = self.i.payload.index, self._shape.channels - 1
        place = rom(m, "pixels", pixels, enable=self.i.ready, address=index[n_low:])
        kind, channel = Signal.like(self.i.payload.kind), Signal(1)
        with m.If(self.i.ready):
            m.d.sync += [self.o.valid.eq(self.i.valid), kind.eq(self.i.payload.kind)]
            if n_low:
                m.d.sync += channel.eq(index[0])
        m.d.comb += [
            self.o.payload.kind.eq(kind),
            self.o.payload.row.eq(place.row),
            self.o.payload.column.eq(place.column),
            self.o.payload.channel.eq(channel),
        ]
        return m


class Flatten(wiring.Component):
    """Row, column and channel to the index ``(row * width + column) * channels + channel``.

    Two small tables hold the products. A register behind the tables, another behind the sum.
    """

    def __init__(self, shape: Shape) -> None:
        """shape: of the layer in front."""
        self._shape = shape
        super().__init__({"i": In(token_stream(shape)), "o": Out(token_stream(vector(shape.n)))})

    def elaborate(self, platform: object) -> Module:
        """Two look-ups, and a sum in the cycle behind them."""
        m = Module()
        height, width, channels = self._shape
        token = self.i.payload
        valid = Signal()
        moves = Signal()
        m.d.comb += [
            moves.eq(~self.o.valid | self.o.ready),
            self.i.ready.eq(~valid | moves),
        ]
        # Products are constants of the shape, so they stand in tables: no multiplier, and no long
        # path.
        rows = [{"start": row * width * channels} for row in range(height)]
        columns = [{"start": column * channels} for column in range(width)]
        row = rom(m, "rows", rows, enable=self.i.ready, address=token.row)
        column = rom(m, "columns", columns, enable=self.i.ready, address=token.column)
        kind = Signal.like(token.kind)
        channel = Signal.like(token.channel)
        with m.If(self.i.ready):
            m.d.sync += [valid.eq(self.i.valid), kind.eq(token.kind), channel.eq(token.channel)]
        with m.If(moves):
            m.d.sync += [
                self.o.valid.eq(valid),
                self.o.payload.kind.eq(kind),
                self.o.payload.index.eq(row.start + column.start + channel),
            ]
        return m
