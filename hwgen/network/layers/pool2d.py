"""Pooling layers."""

from dataclasses import dataclass
from typing import Annotated, Literal

from hwgen.network.layers.shape import FeatureMap, Shape
from hwgen.schema import Range


@dataclass(frozen=True, kw_only=True)
class PoolSpec(FeatureMap):
    """Earliest spike in each `size` x `size` window, channel by channel; windows do not overlap.

    Rows and columns that fill no whole window are left out. No weights, no potential.
    """

    size: Annotated[int, Range(2, 15)]
    kind: Literal["pool2d"] = "pool2d"

    @property
    def post(self) -> Shape:
        return Shape(self.height // self.size, self.width // self.size, self.channels)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return (0,)

    @property
    def n_thresholds(self) -> int:
        return 0

    @property
    def max_lanes(self) -> int:
        """Most neurons that hardware updates at once; it has nothing to update but who fired."""
        return 1

    @property
    def n_drives(self) -> int:
        return 0

    @property
    def n_synapses(self) -> int:
        return 0
