"""Between the network in training and the contract's integers. Nothing is lost either way."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from hwgen.params import Params
from hwgen.spec import InputSpec, NetworkSpec, dense
from hwgen.training.network import SpikingNetwork


def to_params(
    network: SpikingNetwork,
    input_spec: InputSpec,
    name: str,
    provenance: Mapping[str, Any] | None = None,
) -> Params:
    """The integers the network computes with, checked. Raises `ParamsError`."""
    layers = tuple(dense(x.n_pre, x.n_post, x.weight_bits) for x in network.dense)
    weights, thresholds = [], []
    for layer, spec in zip(network.dense, layers, strict=True):
        weights.append(layer.integer_weights().cpu().numpy().astype(np.int8))
        # Above the largest sum of weights no neuron can fire, so the limit changes no spike.
        limits = layer.integer_threshold().clamp(max=spec.max_threshold)
        thresholds.append(limits.expand(layer.n_post).cpu().numpy().astype(np.int32))
    params = Params(
        name=name,
        spec=NetworkSpec(n_steps=network.n_steps, input=input_spec, layers=layers),
        weights=tuple(weights),
        thresholds=tuple(thresholds),
        provenance=dict(provenance or {}),
    )
    params.check(name)
    return params


def from_params(params: Params) -> SpikingNetwork:
    """A network that computes what the params say, with one threshold a neuron."""
    layers = params.spec.layers
    sizes = (params.spec.input.n_inputs, *(layer.n_post for layer in layers))
    bits = tuple(layer.weight_bits for layer in layers)
    network = SpikingNetwork(sizes, bits, params.spec.n_steps)
    for layer, weights, limits in zip(
        network.dense, params.weights, params.thresholds, strict=True
    ):
        layer.shadow.data = torch.from_numpy(weights.astype(np.float32)) / layer.max_weight
        layer.threshold.data = torch.from_numpy(limits.astype(np.float32))
    return network
