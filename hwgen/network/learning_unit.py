"""Networks that can learn: from such that cannot, and from what a core has learnt."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import DataError
from hwgen.network.layers.kinds import narrowest
from hwgen.network.learning import LearningSpec, forward_weights
from hwgen.network.params import Params

FORWARD_BITS = 8  # of layers that learn: enough to change a little at a time


def add_learning_unit(params: Params, learning: LearningSpec, weight_bits: int = 0) -> Params:
    """The same network with a learning unit, or another one.

    Layers that did not learn before get shadows made from their weights, and `weight_bits` forward
    bits, if they have fewer: their weights, thresholds and drives are multiplied by a power of two,
    so that all spikes are as before, and weights have room to double. Raises `ParamsError` if its
    layers cannot learn so.

    weight_bits: 0 leaves the width as it is. Provenance stays; the digest is another one.
    """
    before, learnt = params.spec.learning, params.spec.learning_layers
    spec = replace(params.spec, learning=learning)
    layers, scaled = list(spec.layers), [1] * len(spec.layers)
    for index in spec.learning_layers:
        layer = layers[index]
        if layer.takes_vector and layer.weight_bits < weight_bits and index not in learnt:
            scaled[index] = 2 ** (weight_bits - layer.weight_bits - 1)
            wider = replace(layer, weight_bits=weight_bits)
            layers[index] = narrowest(wider, spec.n_steps)
    made = replace(
        params,
        spec=replace(spec, layers=tuple(layers)),
        weights=_scaled(params.weights, scaled),
        thresholds=_scaled(params.thresholds, scaled),
        drives=_scaled(params.drives, scaled),
        shadows=(),
    )
    shadows = list(made.shadows)
    for index in spec.learning_layers:
        if before and index in learnt and before.shadow_bits == learning.shadow_bits:
            shadows[index] = params.shadows[index]
    made = replace(made, shadows=tuple(shadows))
    made.check(params.name)
    return made


def with_learned_weights(params: Params, shadows: Mapping[int, NDArray[np.integer]]) -> Params:
    """Params with the shadow weights that a core has learnt, by layer: int [n_pre, n_post].

    They name the digest of `params` as their parent. Raises `ParamsError` if they are not legal.
    """
    learning = params.spec.learning
    if learning is None:
        raise DataError(f"{params.name}: has no learning unit, so there is nothing to adopt")
    weights, kept = list(params.weights), list(params.shadows)
    for index, of_layer in shadows.items():
        bits = params.spec.dense(index).weight_bits
        kept[index] = of_layer.astype(np.int32)
        weights[index] = forward_weights(kept[index], bits, learning.shadow_bits)
    provenance = dict(params.provenance) | {"parent": params.digest}
    made = replace(params, weights=tuple(weights), shadows=tuple(kept), provenance=provenance)
    made.check(params.name)
    return made


def _scaled(tensors: Sequence[NDArray[Any]], by: Sequence[int]) -> tuple[NDArray[Any], ...]:
    return tuple((x * n).astype(x.dtype) for x, n in zip(tensors, by, strict=True))
