"""Which class of golden computes which kind of layer: a new kind is a line of each table here."""

from typing import Any

from hwgen.golden.layers.conv2d import Conv
from hwgen.golden.layers.dense import Dense
from hwgen.golden.layers.multi_spike import LeakyNeurons
from hwgen.golden.layers.pool2d import Pool, StepPool
from hwgen.golden.layers.single_spike import Neurons
from hwgen.network.layers.conv2d import ConvSpec
from hwgen.network.layers.dense import DenseSpec
from hwgen.network.layers.pool2d import PoolSpec
from hwgen.network.params import Params

CONNECTIONS: dict[type, Any] = {DenseSpec: Dense, ConvSpec: Conv}  # of layers with weights
WITHOUT_WEIGHTS: dict[type, Any] = {PoolSpec: Pool}
WITHOUT_WEIGHTS_MULTI_SPIKE: dict[type, Any] = {PoolSpec: StepPool}


def single_spike(params: Params, index: int) -> Neurons | Pool:
    """A layer of a network whose neurons fire once a sample.

    index: of the layer. Pooling has no weights, and a class of its own.
    """
    layer = params.spec.layers[index]
    if not layer.has_weights:
        made: Pool = WITHOUT_WEIGHTS[type(layer)](layer)
        return made
    connection = CONNECTIONS[type(layer)](params.weights[index], layer)
    numbers = params.thresholds[index], params.drives[index], params.biases[index]
    return Neurons(layer, connection, *numbers)


def multi_spike(params: Params, index: int) -> LeakyNeurons | StepPool:
    """A layer of a network whose neurons may fire in each step.

    index: of the layer. Spikes are arrays over steps here.
    """
    layer = params.spec.layers[index]
    if not layer.has_weights:
        made: StepPool = WITHOUT_WEIGHTS_MULTI_SPIKE[type(layer)](layer)
        return made
    connection = CONNECTIONS[type(layer)](params.weights[index], layer)
    return LeakyNeurons(layer, connection, params.thresholds[index], params.biases[index])
