"""Pooling layers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from hwgen.network.layers.shape import FeatureMap, Shape
from hwgen.schema import Range


@dataclass(frozen=True, kw_only=True)
class PoolSpec(FeatureMap):
    """Earliest spike in each `size` x `size` window, channel by channel; windows do not overlap.

    Rows and columns that fill no whole window are left out. No weights, no potential.
    """

    size: Annotated[int, Range(2, 15)]
    kind: Literal["pool2d"] = "pool2d"
    has_weights: ClassVar[Literal[False]] = False
    lane_word: ClassVar[str] = "lane, as it pools"  # it has nothing to update but who fired
    max_lanes: ClassVar[int] = 1
    weight_shape: ClassVar[tuple[int, ...]] = (0,)
    n_thresholds: ClassVar[int] = 0
    n_drives: ClassVar[int] = 0
    n_biases: ClassVar[int] = 0
    n_synapses: ClassVar[int] = 0

    @property
    def post(self) -> Shape:
        """Neurons of the layer: one a window and channel."""
        return Shape(self.height // self.size, self.width // self.size, self.channels)

    def fan_out(self) -> NDArray[np.int64]:
        """Synapses of each input: none, int64 [n_pre]."""
        return np.zeros(self.n_pre, np.int64)

    @property
    def word(self) -> str:
        """As the field writes it."""
        return f"P{self.size}"

    @property
    def summary(self) -> str:
        """In a line."""
        return f"pool {self.size}x{self.size}, {self.sizes}"

    def problems(self, n_steps: int, *, multi_spike: bool) -> Iterator[str]:
        """None: whatever feeds it can be pooled."""
        return iter(())
