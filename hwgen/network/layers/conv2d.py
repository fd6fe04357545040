"""Convolutional layers."""

from dataclasses import dataclass
from typing import Annotated, Literal

from hwgen.network.layers.neurons import Neurons
from hwgen.network.layers.shape import FeatureMap, Shape
from hwgen.schema import Range


@dataclass(frozen=True, kw_only=True)
class ConvSpec(FeatureMap, Neurons):
    """Convolution of a picture `height` x `width` x `channels` with `filters` square filters.

    Weights [size, size, channels, filters], one threshold a filter. The neuron (y, x, f) has the
    synapse weights[i, j, c, f] to the input (y * stride + i - padding, x * stride + j - padding,
    c), where there is one.
    """

    filters: Annotated[int, Range(1, 4096)]
    size: Annotated[int, Range(1, 15)]
    stride: Annotated[int, Range(1, 15)] = 1
    padding: Annotated[int, Range(0, 14)] = 0
    kind: Literal["conv2d"] = "conv2d"

    @property
    def post(self) -> Shape:
        reach = self.size - 2 * self.padding
        rows = (self.height - reach) // self.stride + 1
        columns = (self.width - reach) // self.stride + 1
        return Shape(max(0, rows), max(0, columns), self.filters)

    @property
    def n_fan_in(self) -> int:
        return self.size * self.size * self.channels

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return self.size, self.size, self.channels, self.filters

    @property
    def n_thresholds(self) -> int:
        return self.filters

    @property
    def max_lanes(self) -> int:
        """Most neurons that hardware updates at once: the filters of a position."""
        return self.filters

    @property
    def n_synapses(self) -> int:
        """Those that exist: fewer at the edges."""
        rows = sum(len(taps(self, self.height, y)) for y in range(self.height))
        columns = sum(len(taps(self, self.width, x)) for x in range(self.width))
        return rows * columns * self.channels * self.filters


def taps(layer: ConvSpec, n: int, position: int) -> list[tuple[int, int]]:
    """Along one axis of `n` inputs, what an input reaches: (output position, tap), ascending.

    The tap is the first (or second) index of the weights.
    """
    n_out = (n + 2 * layer.padding - layer.size) // layer.stride + 1
    reached = [(out, position + layer.padding - out * layer.stride) for out in range(n_out)]
    return [(out, tap) for out, tap in reached if 0 <= tap < layer.size]
