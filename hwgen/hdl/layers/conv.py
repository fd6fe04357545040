"""The event-driven convolution: a cycle for each position and block a spike reaches.

    i -> Walk -> slots, addresses of weights -> Neurons -> o
          A      weight memory, read A to B     B C D

`Walk` finds what an event reaches, `Neurons` adds, compares and fires. At each end of a step with
something new in it, all positions are compared; spikes come out position by position, of each the
filters in ascending order.
"""

import numpy as np
from amaranth.hdl import Module
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out
from numpy.typing import NDArray

from hwgen.hdl.layers.walk import Walk
from hwgen.hdl.neurons.pipeline import Neurons
from hwgen.hdl.stream import index_bits, marks_of, token_stream
from hwgen.network.layers.conv2d import ConvSpec
from hwgen.protocol.memory import memory_image


class Conv(wiring.Component):
    """A convolutional layer of neurons, bit-exact to `hwgen.golden`.

    Members: `i` takes tokens of the feature map `layer.pre`, with the marks of the layer, if any;
    `o` gives those of `layer.post`. For `ops` and the probe see `Neurons`; lane k of `probe_block`
    is filter ``block * lanes + k`` of a position, with probe_block = position * n_blocks + block.
    """

    def __init__(
        self,
        layer: ConvSpec,
        weights: NDArray[np.int8],
        thresholds: NDArray[np.int32],
        drives: NDArray[np.int32],
        *,
        lanes: int,
    ) -> None:
        """weights: int8 [size, size, channels, filters]; thresholds: int32 [filters]; drives: the
        same of a two-phase layer, else [0]; lanes: filters updated at once, 1..filters.

        Raises ValueError if lanes are out of range.
        """
        if not 1 <= lanes <= layer.filters:
            raise ValueError(f"lanes must be 1..{layer.filters}, not {lanes!r}")
        self.lanes = lanes
        self._width = lanes * layer.weight_bits
        self._image = memory_image(weights, layer, lanes)
        self._walk = Walk(layer, lanes=lanes)
        self._neurons = Neurons(layer, thresholds.tolist(), drives.tolist(), lanes=lanes)
        super().__init__(
            {
                "i": In(token_stream(layer.pre, marks=marks_of(layer))),
                "o": Out(token_stream(layer.post)),
                "ops": Out(range(lanes + 1)),
                "probe_strobe": Out(1),
                "probe_block": Out(index_bits(self._neurons.n_words)),
                "probe_word": Out(len(self._neurons.probe_word)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """`Walk`, the weight memory, and `Neurons`. Both move with `take`, so a weight word arrives
        with its slot."""
        m = Module()
        m.submodules.walk = walk = self._walk
        m.submodules.neurons = neurons = self._neurons
        m.submodules.weights = weights = memory.Memory(
            shape=self._width, depth=len(self._image), init=self._image
        )
        read = weights.read_port()
        wiring.connect(m, wiring.flipped(self.i), walk.i)
        wiring.connect(m, neurons.o, wiring.flipped(self.o))
        m.d.comb += [
            read.en.eq(neurons.take),
            read.addr.eq(walk.weight),
            neurons.i.eq(walk.o),
            walk.take.eq(neurons.take),
            neurons.weights.eq(read.data),
            self.ops.eq(neurons.ops),
            self.probe_strobe.eq(neurons.probe_strobe),
            self.probe_block.eq(neurons.probe_block),
            self.probe_word.eq(neurons.probe_word),
        ]
        return m
