"""Shapes of feature maps."""

from dataclasses import dataclass
from math import prod
from typing import Annotated, NamedTuple

from hwgen.schema import Range


class Shape(NamedTuple):
    """Neurons of a layer as a picture; their index is ``(row * width + column) * channels + c``."""

    height: int
    width: int
    channels: int

    @property
    def n(self) -> int:
        return prod(self)


@dataclass(frozen=True, kw_only=True)
class FeatureMap:
    """What layers that take a picture share: its sizes."""

    height: Annotated[int, Range(1, 4096)]
    width: Annotated[int, Range(1, 4096)]
    channels: Annotated[int, Range(1, 4096)]

    @property
    def pre(self) -> Shape:
        return Shape(self.height, self.width, self.channels)

    @property
    def post(self) -> Shape:
        raise NotImplementedError

    @property
    def n_pre(self) -> int:
        return self.pre.n

    @property
    def n_post(self) -> int:
        return self.post.n
