"""Between the network in training and the contract's integers. Nothing is lost either way."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hwgen.errors import ParamsError
from hwgen.network.layers.conv2d import ConvSpec
from hwgen.network.layers.dense import DenseSpec
from hwgen.network.layers.kinds import dense
from hwgen.network.layers.pool2d import PoolSpec
from hwgen.network.params import Params
from hwgen.network.spec import InputSpec, NetworkSpec
from hwgen.training.autograd.stack import Stack
from hwgen.training.multi_spike.truncated_bptt import TruncatedNetwork
from hwgen.training.sstdp.network import SpikingNetwork


def to_params(
    network: SpikingNetwork | Stack | TruncatedNetwork,
    input_spec: InputSpec,
    name: str,
    provenance: Mapping[str, Any] | None = None,
) -> Params:
    """The integers the network computes with, checked. Raises `ParamsError`."""
    if isinstance(network, Stack | TruncatedNetwork):
        specs, tensors = network.specs, _deep_tensors(network)
    else:
        none = torch.zeros(0)
        specs = tuple(dense(x.n_pre, x.n_post, x.weight_bits) for x in network.dense)
        tensors = [(x.integer_weights(), x.integer_threshold(), none) for x in network.dense]
    weights, thresholds, drives = [], [], []
    for spec, (matrix, limits, rises) in zip(specs, tensors, strict=True):
        if not isinstance(spec, PoolSpec):
            # Above the largest potential no neuron can fire, so the limit changes no spike.
            limits = limits.clamp(max=spec.max_threshold).expand(spec.n_thresholds)
        weights.append(matrix.detach().cpu().numpy().astype(np.int8))
        thresholds.append(limits.detach().cpu().numpy().astype(np.int32))
        drives.append(rises.detach().cpu().numpy().astype(np.int32))
    params = Params(
        name=name,
        spec=NetworkSpec(
            n_steps=network.n_steps,
            input=input_spec,
            layers=specs,
            readout=network.readout,
        ),
        weights=tuple(weights),
        thresholds=tuple(thresholds),
        drives=tuple(drives),
        provenance=dict(provenance or {}),
    )
    params.check(name)
    return params


def _deep_tensors(network: Stack | TruncatedNetwork) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Weights, thresholds, drives of every layer, in the order of axes of the contract."""
    weighted = iter(network.exported())
    nothing = torch.zeros(0)
    tensors = []
    for spec in network.specs:
        if isinstance(spec, PoolSpec):
            tensors.append((nothing, nothing, nothing))
            continue
        weights, thresholds, drives = next(weighted)
        order = (2, 3, 1, 0) if isinstance(spec, ConvSpec) else (1, 0)
        tensors.append((weights.permute(order), thresholds, drives))
    return tensors


def from_params(params: Params) -> SpikingNetwork:
    """A network of dense layers that computes what the params say, with one threshold a neuron.

    Raises `ParamsError` if there are other layers.
    """
    layers = [layer for layer in params.spec.layers if isinstance(layer, DenseSpec)]
    if len(layers) < len(params.spec.layers) or any(layer.psp != "step" for layer in layers):
        raise ParamsError(f"{params.name}: expected dense layers with psp 'step' only")
    sizes = (params.spec.input.n_inputs, *(layer.n_post for layer in layers))
    bits = tuple(layer.weight_bits for layer in layers)
    network = SpikingNetwork(sizes, bits, params.spec.n_steps)
    for index, (dense_layer, spec) in enumerate(zip(network.dense, layers, strict=True)):
        weights, limits = params.weights[index], params.thresholds[index]
        shadow = torch.from_numpy(weights.astype(np.float32)) / spec.max_weight
        dense_layer.shadow.data = shadow
        dense_layer.threshold.data = torch.from_numpy(limits.astype(np.float32))
    return network
