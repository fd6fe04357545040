"""Shadow weights from a stream: for a core that begins with none, or that goes on from others'."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen.hdl.stream import index_bits
from hwgen.hdl.weights.shadows import Shadows


class Fill(wiring.Component):
    """Members: `start` begins with layer `which` of those that learn; `busy` until its last shadow
    has been taken from `i`. They come as `Readback` sends them: word by word, of each lane 0 first,
    lanes without a neuron included. While `busy`, `write_en`, `address` and `word` are for the
    store of that layer; its lanes are the highest of `word`.
    """

    def __init__(self, stores: Sequence[Shadows], shadow_bits: int) -> None:
        """stores: of the layers, in order. shadow_bits: of a number in the stream `i`."""
        self._stores = stores
        self._bits = shadow_bits
        lanes = max(store.lanes for store in stores)
        super().__init__(
            {
                "start": In(1),
                "which": In(index_bits(len(stores))),
                "busy": Out(1),
                "write_en": Out(len(stores)),
                "address": Out(index_bits(max(store.depth for store in stores))),
                "word": Out(lanes * shadow_bits),
                "i": In(stream.Signature(signed(shadow_bits))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """A shift register as wide as the widest word, and an address."""
        m = Module()
        lane = Signal(range(max(store.lanes for store in self._stores)))
        which, last_lane, last_word = Signal.like(self.which), Signal(), Signal()
        full = Signal()  # the word; its writing
        with m.Switch(which):
            for number, store in enumerate(self._stores):
                with m.Case(number):
                    m.d.comb += [
                        last_lane.eq(lane == store.lanes - 1),
                        last_word.eq(self.address == store.depth - 1),
                        self.write_en[number].eq(full),
                    ]
        # A full word needs a cycle to be written. Meanwhile nothing is shifted into it.
        m.d.comb += self.i.ready.eq(self.busy & ~full)
        with m.If(self.start):
            m.d.sync += [self.busy.eq(1), which.eq(self.which), self.address.eq(0)]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [
                # Shifted in from above, so a narrower store finds its lanes in the highest bits,
                # without a choice.
                self.word.eq(Cat(self.word[self._bits :], self.i.payload)),
                lane.eq(lane + 1),
            ]
            with m.If(last_lane):
                m.d.sync += [lane.eq(0), full.eq(1)]
        with m.If(full):
            m.d.sync += [full.eq(0), self.address.eq(self.address + 1), self.busy.eq(~last_word)]
        return m
