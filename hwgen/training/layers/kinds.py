"""Which class of training is which kind of layer with weights: a new kind is a line here."""

from typing import Any

from hwgen.network.layers.conv2d import ConvSpec
from hwgen.network.layers.dense import DenseSpec
from hwgen.network.layers.kinds import WeightedSpec
from hwgen.training.layers.conv2d import ConvSynapses
from hwgen.training.layers.dense import DenseSynapses

Synapses = DenseSynapses | ConvSynapses
SYNAPSES: dict[type, Any] = {DenseSpec: DenseSynapses, ConvSpec: ConvSynapses}


def synapses(spec: WeightedSpec) -> Synapses:
    """Those of a layer.

    spec: of a layer that has weights.
    """
    made: Synapses = SYNAPSES[type(spec)](spec)
    return made
