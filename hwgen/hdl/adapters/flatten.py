"""From linear indices to places in a feature map, and back; tables instead of arithmetic."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.hdl.memory.table import rom
from hwgen.hdl.stream import token_stream, vector
from hwgen.network.layers.shape import Shape


class Unflatten(wiring.Component):
    """Index to row, column and channel, as the input of a core has.

    A table with a row for each pixel, and one register: of 2 or 4 channels, the lowest bits of the
    index are the channel. Of 3, the table has a row for each index: there is no division by 3.

    Two channels are the polarities of a camera.
    """

    def __init__(self, shape: Shape) -> None:
        """shape: of the input."""
        self._shape = shape
        channels = shape.channels
        # Low bits that are not looked up; None: all of the index is.
        self._n_low = channels.bit_length() - 1 if channels & (channels - 1) == 0 else None
        super().__init__({"i": In(token_stream(vector(shape.n))), "o": Out(token_stream(shape))})

    def elaborate(self, platform: object) -> Module:
        """One look-up, and a register for what is not looked up."""
        m = Module()
        channels = [{}] if self._n_low is not None else self._channels
        pixels = [
            {"row": row, "column": column, **channel}
            for row in range(self._shape.height)
            for column in range(self._shape.width)
            for channel in channels
        ]
        m.d.comb += self.i.ready.eq(~self.o.valid | self.o.ready)
        index, n_low = self.i.payload.index, self._n_low or 0
        place = rom(m, "pixels", pixels, enable=self.i.ready, address=index[n_low:])
        kind, channel = Signal.like(self.i.payload.kind), Signal(max(1, n_low))
        with m.If(self.i.ready):
            m.d.sync += [self.o.valid.eq(self.i.valid), kind.eq(self.i.payload.kind)]
            if n_low:
                m.d.sync += channel.eq(index[:n_low])
        if self._n_low is None:
            channel = place.channel
        m.d.comb += [
            self.o.payload.kind.eq(kind),
            self.o.payload.row.eq(place.row),
            self.o.payload.column.eq(place.column),
            self.o.payload.channel.eq(channel),
        ]
        return m

    @property
    def _channels(self) -> list[dict[str, int]]:
        return [{"channel": channel} for channel in range(self._shape.channels)]


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
