"""All kinds of layers, in one place: a new kind is a file here, and a line of `LayerSpec`."""

from dataclasses import replace
from typing import TypeVar

from hwgen.network.layers.conv2d import ConvSpec
from hwgen.network.layers.dense import DenseSpec
from hwgen.network.layers.pool2d import PoolSpec

WeightedSpec = DenseSpec | ConvSpec  # layers that have weights
LayerSpec = DenseSpec | ConvSpec | PoolSpec
_Weighted = TypeVar("_Weighted", bound=WeightedSpec)


def narrowest(layer: _Weighted, n_steps: int, *, multi_spike: bool = False) -> _Weighted:
    """The layer with the narrowest potential that cannot overflow.

    Its `potential_bits` may be 0 before.
    """
    bits = layer.min_potential_bits(n_steps, multi_spike=multi_spike)
    return replace(layer, potential_bits=bits)


def dense(n_pre: int, n_post: int, weight_bits: int) -> DenseSpec:
    """A dense layer of the step PSP, with the narrowest potential that cannot overflow."""
    wide = DenseSpec(n_pre=n_pre, n_post=n_post, weight_bits=weight_bits, potential_bits=0)
    return narrowest(wide, 1)
