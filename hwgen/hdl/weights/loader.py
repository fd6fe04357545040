"""Weights that come over the stream `fill`, of layers that do not learn: their memory is SPRAM."""

from collections.abc import Mapping

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.hdl.memory.delay import falls
from hwgen.hdl.stream import index_bits
from hwgen.hdl.weights.fill import Fill
from hwgen.hdl.weights.shadows import SpramShadows
from hwgen.network.layers.dense import DenseSpec
from hwgen.protocol.memory import SPRAM_BITS, n_blocks
from hwgen.protocol.words import MAX_UNLOADED


class Loaded(SpramShadows):
    """The weights of a layer, in large memories. What comes from a host are not weights but pieces
    of memory words, so it takes as few words of the line as there can be."""

    def __init__(self, layer: DenseSpec, lanes: int) -> None:
        """layer: dense. lanes: of the layer; a word of them is cut into pieces of 16 bits."""
        super().__init__(
            layer.n_pre * n_blocks(layer.n_post, lanes),
            lanes=-(-lanes * layer.weight_bits // SPRAM_BITS),
            weight_bits=SPRAM_BITS,
            shadow_bits=SPRAM_BITS,
        )


class Loader(wiring.Component):
    """Members: `start` begins with layer number `layer`; `done` strobes when its last piece, taken
    from `i`, has been written. `unloaded`, a bit a layer: it waits for weights, or for the rest of
    them. As those stay where they are in a reset, so does this.
    """

    def __init__(self, stores: Mapping[int, Loaded], n_layers: int) -> None:
        """stores: by number of the layer.

        n_layers: of the network. Raises ValueError above `MAX_UNLOADED`, the bits of the register.
        """
        if n_layers > MAX_UNLOADED:
            raise ValueError(f"weights in SPRAM in a network of {n_layers} layers: no more than 16")
        self._stores = stores
        self._fill = Fill(list(stores.values()), SPRAM_BITS)
        super().__init__(
            {
                "start": In(1),
                "layer": In(index_bits(n_layers)),
                "done": Out(1),
                "unloaded": Out(n_layers),
                "i": In(self._fill.i.signature.flip()),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """`Fill`, and a flip-flop a layer for whether its weights are there."""
        m = Module()
        m.submodules.fill = fill = self._fill
        wiring.connect(m, wiring.flipped(self.i), fill.i)
        m.d.comb += [fill.start.eq(self.start), self.done.eq(falls(m, fill.busy))]
        for position, (number, store) in enumerate(self._stores.items()):
            # A reset changes no memory, so it must not say that weights are missing which are
            # there.
            loaded = Signal(name=f"loaded_{number}", reset_less=True)
            filled = Signal(name=f"filled_{number}")  # with what is written last
            with m.If(self.layer == number):
                m.d.comb += fill.which.eq(position)
                with m.If(self.start):
                    # From the first piece on the old weights are no whole set: a load that is cut
                    # off leaves the layer waiting.
                    m.d.sync += loaded.eq(0)
            m.d.sync += filled.eq(fill.write_en[position])
            # `done` alone could be of another layer: which one has just been written says `filled`.
            with m.If(self.done & filled):
                m.d.sync += loaded.eq(1)
            m.d.comb += [
                self.unloaded[number].eq(~loaded),
                store.write_en.eq(fill.write_en[position]),
                store.write_address.eq(fill.address),
                store.write_word.eq(fill.word[-len(store.write_word) :]),
            ]
        return m
