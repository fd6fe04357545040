"""Which component is which kind of layer: a new kind is a line of the table here."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hwgen.hdl.layers.conv import Conv
from hwgen.hdl.layers.dense import Dense
from hwgen.hdl.layers.pool import Pool
from hwgen.hdl.weights.loader import Loaded
from hwgen.hdl.weights.shadows import Shadows, SpramShadows
from hwgen.network.design import Design
from hwgen.network.layers.conv2d import ConvSpec
from hwgen.network.layers.dense import DenseSpec
from hwgen.network.layers.pool2d import PoolSpec
from hwgen.network.params import Params
from hwgen.protocol.memory import n_blocks, words

Layer = Dense | Conv | Pool


def make(design: Design, index: int) -> Layer:
    """The component of a layer. Raises ValueError if its lanes are none it can have.

    index: of the layer, from 0. Weights are constants, shadows, or what a host loads, as the design
    says.
    """
    return KINDS[type(design.params.spec.layers[index])](design, index)


def _dense(design: Design, index: int) -> Dense:
    params = design.params
    layer, lanes = params.spec.dense(index), design.lanes[index]
    tensors = params.weights[index], params.thresholds[index], _moves(params, index)
    is_output = index == len(params.spec.layers) - 1
    store = _store(design, index)
    return Dense(layer, *tensors, lanes=lanes, is_output=is_output, store=store)


def _moves(params: Params, index: int) -> NDArray[np.int32]:
    """What is added to each potential in a step: drives, or biases; no neuron has both."""
    drives, biases = params.drives[index], params.biases[index]
    return biases if len(biases) else drives


def _store(design: Design, index: int) -> Shadows | None:
    """Where the weights of a dense layer are, if they are not constant."""
    layer, lanes = design.params.spec.dense(index), design.lanes[index]
    is_loaded, learning = index in design.loaded_layers, design.params.spec.learning
    if learning is None or index not in design.learning_layers:
        return Loaded(layer, lanes) if is_loaded else None
    bits = learning.shadow_bits
    shape = {"lanes": lanes, "weight_bits": layer.weight_bits, "shadow_bits": bits}
    if is_loaded:
        return SpramShadows(layer.n_pre * n_blocks(layer.n_post, lanes), **shape)
    return Shadows(words(design.params.shadows[index], layer, lanes, bits), **shape)


def _conv(design: Design, index: int) -> Conv:
    params, layer = design.params, design.params.spec.layers[index]
    assert isinstance(layer, ConvSpec)
    tensors = params.weights[index], params.thresholds[index], _moves(params, index)
    return Conv(layer, *tensors, lanes=design.lanes[index])


def _pool(design: Design, index: int) -> Pool:
    layer, lanes = design.params.spec.layers[index], design.lanes[index]
    assert isinstance(layer, PoolSpec)
    if lanes != 1:
        raise ValueError(f"lanes of a pooling layer must be 1, not {lanes!r}")
    return Pool(layer, each_step=design.params.spec.multi_spike)


KINDS: dict[type, Callable[[Design, int], Layer]] = {
    DenseSpec: _dense,
    ConvSpec: _conv,
    PoolSpec: _pool,
}
