"""Shadow weights to a stream: what a core has learnt, for whoever wants to keep it."""

from collections.abc import Sequence

from amaranth.hdl import Array, Module, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen.hdl.stream import index_bits
from hwgen.hdl.weights.shadows import Shadows


def readback_layout(shadow_bits: int) -> data.StructLayout:
    """A shadow weight; `last` of its layer.

    shadow: signed, `shadow_bits` wide, in the low bits.
    """
    return data.StructLayout({"shadow": signed(shadow_bits), "last": 1})


class Readback(wiring.Component):
    """Members: `start` begins with layer `which` of those that learn; `busy` until its last shadow
    is taken from `o`. They come word by word, of each lane 0 first, lanes without a neuron
    included: `hwgen.protocol.memory.unpacked` puts them in order. While `busy`, `address` is for
    the stores.
    """

    def __init__(self, stores: Sequence[Shadows], shadow_bits: int) -> None:
        """stores: of the layers that learn, in order. shadow_bits: of a shadow weight."""
        self._stores = stores
        self._bits = shadow_bits
        super().__init__(
            {
                "start": In(1),
                "which": In(index_bits(len(stores))),
                "busy": Out(1),
                "address": Out(index_bits(max(store.depth for store in stores))),
                "o": Out(stream.Signature(readback_layout(shadow_bits))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """An address, a lane, and the choice among lanes and stores."""
        m = Module()
        n_lanes = max(store.lanes for store in self._stores)
        lane = Signal(range(n_lanes))
        which = Signal.like(self.which)
        fetched = Signal()  # the word of `address` is there
        values = []
        ends = []
        for store in self._stores:
            lanes = Array(store.word.word_select(n, self._bits) for n in range(store.lanes))
            values.append(lanes[lane])
            ends.append((lane == store.lanes - 1, self.address == store.depth - 1))
        last_lane = Array(end[0] for end in ends)[which]
        last_word = Array(end[1] for end in ends)[which]
        m.d.comb += [
            self.o.valid.eq(fetched),
            self.o.payload.shadow.eq(Array(values)[which]),
            self.o.payload.last.eq(last_lane & last_word),
        ]
        with m.If(self.start):
            m.d.sync += [self.busy.eq(1), which.eq(self.which), self.address.eq(0), lane.eq(0)]
        # One cycle for the word to come. Then its lanes go out one by one, as fast as they are
        # taken; the word is read once.
        with m.Elif(self.busy & ~fetched):
            m.d.sync += fetched.eq(1)
        with m.Elif(self.busy & self.o.ready):
            m.d.sync += lane.eq(lane + 1)
            with m.If(last_lane):
                m.d.sync += [lane.eq(0), fetched.eq(0), self.address.eq(self.address + 1)]
                m.d.sync += self.busy.eq(~last_word)
        return m
