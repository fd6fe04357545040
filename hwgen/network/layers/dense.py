"""Dense layers."""

from dataclasses import dataclass
from typing import Annotated, Literal

from hwgen.network.layers.neurons import MAX_NEURONS, Neurons
from hwgen.network.layers.shape import Shape
from hwgen.schema import Range


@dataclass(frozen=True, kw_only=True)
class DenseSpec(Neurons):
    """Every input feeds every neuron. Weights [n_pre, n_post], one threshold a neuron."""

    n_pre: Annotated[int, Range(1, MAX_NEURONS)]
    n_post: Annotated[int, Range(1, MAX_NEURONS)]
    kind: Literal["dense"] = "dense"

    @property
    def pre(self) -> Shape:
        return Shape(1, 1, self.n_pre)

    @property
    def post(self) -> Shape:
        return Shape(1, 1, self.n_post)

    @property
    def n_fan_in(self) -> int:
        return self.n_pre

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return self.n_pre, self.n_post

    @property
    def n_thresholds(self) -> int:
        return self.n_post

    @property
    def max_lanes(self) -> int:
        """Most neurons that hardware updates at once."""
        return self.n_post

    @property
    def n_synapses(self) -> int:
        return self.n_pre * self.n_post
