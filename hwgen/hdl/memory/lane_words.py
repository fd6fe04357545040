"""A number for each neuron of a layer: written one at a time, read a block of lanes at a time."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from hwgen.hdl.stream import index_bits
from hwgen.network.layers.kinds import WeightedSpec
from hwgen.protocol.memory import n_blocks


class LaneWords(wiring.Component):
    """Members: with `write_en`, neuron `index` gets `value`; with `clear_en`, all of `block` get 0.
    With `read_en`, `word` is that of `block` from the next cycle on, lane 0 in the low bits.
    """

    def __init__(self, *, n: int, lanes: int, width: int) -> None:
        """lanes: a power of two, or n.

        n: neurons. width: of a number, in bits.
        """
        self._n_blocks = n_blocks(n, lanes)
        self._lanes, self._width = lanes, width
        super().__init__(
            {
                "write_en": In(1),
                "index": In(index_bits(n)),
                "value": In(width),
                "clear_en": In(1),
                "read_en": In(1),
                "block": In(index_bits(self._n_blocks)),
                "word": Out(lanes * width),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """A memory whose lanes are written one by one, or registers if there is one block."""
        m = Module()
        lane_bits = (self._lanes - 1).bit_length()
        chosen = Signal(self._lanes)
        written = Signal(self._lanes)
        m.d.comb += written.eq(
            (chosen & self.write_en.replicate(self._lanes)) | self.clear_en.replicate(self._lanes)
        )
        # Lanes are a power of two here, so block and lane are the high and the low bits of the
        # index.
        lane = self.index[:lane_bits] if self._n_blocks > 1 else self.index
        m.d.comb += chosen.eq(Cat(lane == number for number in range(self._lanes)))
        value = Signal(self._width)
        with m.If(~self.clear_en):
            m.d.comb += value.eq(self.value)
        if self._n_blocks == 1:
            for number in range(self._lanes):
                with m.If(written[number]):
                    m.d.sync += self.word.word_select(number, self._width).eq(value)
            return m
        m.submodules.words = storage = memory.Memory(
            shape=data.ArrayLayout(self._width, self._lanes),
            depth=self._n_blocks,
            init=[],
            attrs={"no_rw_check": 1},
        )
        read, write = storage.read_port(domain="comb"), storage.write_port(granularity=1)
        with m.If(self.read_en):
            m.d.sync += self.word.eq(read.data)
        m.d.comb += [
            read.addr.eq(self.block),
            write.en.eq(written),
            write.addr.eq(self.index[lane_bits:]),
        ]
        with m.If(self.clear_en):
            m.d.comb += write.addr.eq(self.block)
        m.d.comb += [write.data[number].eq(value) for number in range(self._lanes)]
        return m


def signed_weight(field, weight_bits: int):
    """A weight as it is stored, as a number. A binary one is stored as its sign: Cat(1, 1) is -1,
    Cat(1, 0) is +1.

    field: `weight_bits` wide. Returns a signed value; the form of
    `hwgen.protocol.memory.memory_image`.
    """
    return (Cat(1, field) if weight_bits == 1 else field).as_signed()


def times_plane(weights, layer: WeightedSpec, lanes: int, plane):
    """Weights of all lanes, side by side, as they count for bit `plane` of values: shifted by it.

    Returns the word, and the bits of a lane of it; both as they are if the layer takes spikes.
    """
    bits = layer.weight_bits
    if not layer.input_bits:
        return weights, bits
    wide = max(2, bits) + layer.input_bits - 1
    fields = (signed_weight(weights.word_select(lane, bits), bits) for lane in range(lanes))
    return Cat((field << plane)[:wide] for field in fields), wide
