"""How wide biases are: while they are learnt, as wide as may be; in files, as narrow as can be."""

from dataclasses import replace

import torch

from hwgen.network.layers.kinds import LayerSpec, WeightedSpec, narrowest
from hwgen.network.layers.neurons import Lif, signed_bits
from hwgen.training.multi_spike.blocks import Spiking


def with_biases(layers: tuple[LayerSpec, ...], n_steps: int) -> tuple[LayerSpec, ...]:
    """The layers, those that fire again with biases: as large as all inputs of a step together.

    n_steps: of the network.
    """
    return tuple(_with_bias(layer, n_steps) if layer.has_weights else layer for layer in layers)


def _with_bias(layer: WeightedSpec, n_steps: int) -> WeightedSpec:
    if not layer.neuron.fires_again:
        return layer
    bits = signed_bits(layer.max_slope << layer.fraction_bits)
    return narrowest(replace(layer, bias_bits=bits), n_steps, multi_spike=True)


@torch.no_grad()
def narrowed(layer: Spiking, n_steps: int) -> WeightedSpec:
    """The layer's spec with the narrowest biases, and potentials, that hold what it has learnt.

    n_steps: of the network.
    """
    spec, biases = layer.spec, layer.biases()
    if biases is not None:
        bits = max(2, signed_bits(int(biases.abs().max())))
        spec = narrowest(replace(spec, bias_bits=bits), n_steps, multi_spike=True)
    reaches = int(layer.thresholds().max()) > spec.max_threshold
    if reaches and isinstance(spec.neuron, Lif) and spec.neuron.fires == "at":
        # The file holds the largest threshold instead, and no potential may be at that one.
        return replace(spec, potential_bits=spec.potential_bits + 1)
    return spec
