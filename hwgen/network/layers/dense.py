"""Dense layers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from hwgen.network.layers.neurons import MAX_NEURONS, Neurons
from hwgen.network.layers.shape import Shape
from hwgen.schema import Range


@dataclass(frozen=True, kw_only=True)
class DenseSpec(Neurons):
    """Every input feeds every neuron. Weights [n_pre, n_post], one threshold a neuron."""

    n_pre: Annotated[int, Range(1, MAX_NEURONS)]
    n_post: Annotated[int, Range(1, MAX_NEURONS)]
    kind: Literal["dense"] = "dense"
    takes_vector: ClassVar[Literal[True]] = True  # whatever the shape of what feeds it
    lane_word: ClassVar[str] = "neurons"  # what a lane updates

    @property
    def pre(self) -> Shape:
        """Neurons that feed the layer, as a vector."""
        return Shape(1, 1, self.n_pre)

    @property
    def post(self) -> Shape:
        """Neurons of the layer, as a vector."""
        return Shape(1, 1, self.n_post)

    @property
    def n_fan_in(self) -> int:
        """Synapses of a neuron: one an input."""
        return self.n_pre

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """[n_pre, n_post], as in the contract."""
        return self.n_pre, self.n_post

    @property
    def n_thresholds(self) -> int:
        """One a neuron."""
        return self.n_post

    @property
    def max_lanes(self) -> int:
        """Most neurons that hardware updates at once."""
        return self.n_post

    @property
    def n_synapses(self) -> int:
        """All pairs of input and neuron."""
        return self.n_pre * self.n_post

    @property
    def n_reached(self) -> int:
        """Positions that all inputs together reach: each input the only one."""
        return self.n_pre

    def fan_out(self) -> NDArray[np.int64]:
        """Synapses of each input: int64 [n_pre]."""
        return np.full(self.n_pre, self.n_post, np.int64)

    def rows(self, values: NDArray[np.integer | np.bool_]) -> NDArray[np.int64]:
        """Numbers of the shape of the weights as [1, n_pre, n_post]: the order of `Conv2d.rows`."""
        return values.astype(np.int64)[None]

    @property
    def word(self) -> str:
        """As the field writes it."""
        return str(self.n_post)

    @property
    def sizes(self) -> str:
        """As in ``784 -> 600``."""
        return f"{self.n_pre} -> {self.n_post}"

    @property
    def summary(self) -> str:
        """In a line, without its neurons."""
        return self.sizes

    def misfits(self, feeding: Shape) -> Iterator[str]:
        """Why a layer of the shape `feeding` cannot feed this one: ends of messages."""
        if self.n_pre != feeding.n:
            yield f".n_pre is {self.n_pre}, but {feeding.n} neurons feed it"
