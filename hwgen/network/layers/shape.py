"""Shapes of feature maps, and what layers that take a feature map share."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Annotated, ClassVar, Literal, NamedTuple

from hwgen.schema import Range


class Shape(NamedTuple):
    """Neurons of a layer as a feature map.

    Neuron (row, column, channel) has the index ``(row * width + column) * channels + channel``.
    """

    height: int
    width: int
    channels: int

    @property
    def n(self) -> int:
        """Neurons."""
        return prod(self)

    @property
    def n_positions(self) -> int:
        """Places, each with a neuron a channel."""
        return self.height * self.width

    def __str__(self) -> str:
        return "x".join(map(str, self))


@dataclass(frozen=True, kw_only=True)
class FeatureMap:
    """What layers that take a feature map share: its sizes."""

    height: Annotated[int, Range(1, 4096)]
    width: Annotated[int, Range(1, 4096)]
    channels: Annotated[int, Range(1, 4096)]
    takes_vector: ClassVar[Literal[False]] = False

    @property
    def pre(self) -> Shape:
        """Neurons that feed the layer."""
        return Shape(self.height, self.width, self.channels)

    @property
    def post(self) -> Shape:
        """Neurons of the layer; 0 where a filter or window does not fit."""
        raise NotImplementedError

    @property
    def n_pre(self) -> int:
        """Inputs."""
        return self.pre.n

    @property
    def n_post(self) -> int:
        """Neurons of the layer."""
        return self.post.n

    @property
    def sizes(self) -> str:
        """As in ``28x28x1 -> 24x24x16``."""
        return f"{self.pre} -> {self.post}"

    def misfits(self, feeding: Shape) -> Iterator[str]:
        """Why a layer of the shape `feeding` cannot feed this one: ends of messages."""
        if self.pre != feeding:
            yield f" takes {self.pre}, but {feeding} feed it (height x width x channels)"
