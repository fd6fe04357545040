"""Convolutional layers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from hwgen.network.layers.neurons import Neurons
from hwgen.network.layers.shape import FeatureMap, Shape
from hwgen.schema import Range


@dataclass(frozen=True, kw_only=True)
class ConvSpec(FeatureMap, Neurons):
    """Convolution of a feature map `height` x `width` x `channels` with `filters` square filters.

    Weights [size, size, channels, filters], one threshold a filter. The neuron (y, x, f) has the
    synapse weights[i, j, c, f] to the input (y * stride + i - padding, x * stride + j - padding,
    c), where there is one.
    """

    filters: Annotated[int, Range(1, 4096)]
    size: Annotated[int, Range(1, 15)]
    stride: Annotated[int, Range(1, 15)] = 1
    padding: Annotated[int, Range(0, 14)] = 0
    kind: Literal["conv2d"] = "conv2d"
    lane_word: ClassVar[str] = "filters"  # what a lane updates

    @property
    def post(self) -> Shape:
        """Neurons of the layer; 0 where the filter does not fit."""
        reach = self.size - 2 * self.padding
        rows = (self.height - reach) // self.stride + 1
        columns = (self.width - reach) // self.stride + 1
        return Shape(max(0, rows), max(0, columns), self.filters)

    @property
    def n_fan_in(self) -> int:
        """Synapses of a neuron that is not at an edge."""
        return self.size * self.size * self.channels

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """[size, size, channels, filters], as in the contract."""
        return self.size, self.size, self.channels, self.filters

    @property
    def n_thresholds(self) -> int:
        """One a filter."""
        return self.filters

    @property
    def max_lanes(self) -> int:
        """Most neurons that hardware updates at once: the filters of a position."""
        return self.filters

    @property
    def n_synapses(self) -> int:
        """Those that exist: fewer at the edges."""
        return self.n_reached * self.filters

    @property
    def n_reached(self) -> int:
        """Positions that all inputs together reach, each input counted by itself."""
        rows = sum(len(taps(self, self.height, y)) for y in range(self.height))
        columns = sum(len(taps(self, self.width, x)) for x in range(self.width))
        return rows * columns * self.channels

    def fan_out(self) -> NDArray[np.int64]:
        """Synapses of each input: int64 [n_pre]."""
        rows = np.array([len(taps(self, self.height, row)) for row in range(self.height)])
        columns = np.array([len(taps(self, self.width, column)) for column in range(self.width)])
        places = np.outer(rows, columns).ravel()
        return np.repeat(places, self.channels).astype(np.int64) * self.filters

    def rows(self, values: NDArray[np.integer | np.bool_]) -> NDArray[np.int64]:
        """Numbers of the shape of the weights as [taps, channels, filters], taps in `tap_order`.

        values: [size, size, channels, filters]. It is the order in which hardware walks over
        weights.
        """
        order = tap_order(self.size, self.stride)
        ordered = values.astype(np.int64)[order][:, order]
        return ordered.reshape(self.size**2, self.channels, self.filters)

    @property
    def word(self) -> str:
        """As the field writes it: ``20C5``; s2 is a stride, p1 a padding."""
        stride = f"s{self.stride}" if self.stride > 1 else ""
        padding = f"p{self.padding}" if self.padding else ""
        return f"{self.filters}C{self.size}{stride}{padding}"

    @property
    def summary(self) -> str:
        """In a line, without its neurons."""
        return f"conv {self.size}x{self.size}, {self.sizes}"

    def own_problems(self) -> Iterator[str]:
        """A padding as wide as the filter gives outputs that see nothing."""
        if self.padding >= self.size:
            yield f".padding is {self.padding}, expected less than size, {self.size}"


def taps(layer: ConvSpec, n: int, position: int) -> list[tuple[int, int]]:
    """Along one axis of `n` inputs, what an input reaches: (output position, tap), ascending.

    The tap is the first (or second) index of the weights.

    n: inputs along the axis; position: 0 .. n - 1.
    """
    n_out = (n + 2 * layer.padding - layer.size) // layer.stride + 1
    reached = [(out, position + layer.padding - out * layer.stride) for out in range(n_out)]
    return [(out, tap) for out, tap in reached if 0 <= tap < layer.size]


def tap_order(size: int, stride: int) -> list[int]:
    """Rows, or columns, of a filter, in the order in which an event meets them.

    The next output to the right, or below, sees the event `stride` taps earlier in its filter. So
    those taps lie side by side, and the way from one to the next is the same everywhere.

    Returns each of 0 .. size - 1 once. `hwgen.hdl.layers.walk` walks in this order.
    """
    return sorted(range(size), key=lambda tap: (tap % stride, -tap))
