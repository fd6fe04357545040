"""Between the network in training and the contract's integers. Nothing is lost either way."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hwgen.errors import ParamsError
from hwgen.network.layers.neurons import SingleSpike
from hwgen.network.params import Params
from hwgen.network.spec import InputSpec, NetworkSpec
from hwgen.training.layers.kinds import SYNAPSES
from hwgen.training.learner import Exported, Network
from hwgen.training.sstdp.network import SpikingNetwork

_Integer = TypeVar("_Integer", np.int8, np.int32)


def to_params(
    network: Network,
    input_spec: InputSpec,
    name: str,
    provenance: Mapping[str, Any] | None = None,
) -> Params:
    """The integers the network computes with, checked. Raises `ParamsError`.

    input_spec: that the network was trained with. name: of the model (contract, section 1). Tensors
    are int8 and int32, with the contract's order of axes.
    """
    specs = network.specs
    weights, thresholds, drives, biases = [], [], [], []
    for spec, layer in zip(specs, _tensors(network), strict=True):
        limits = layer.thresholds
        if spec.has_weights:
            # Above the largest potential no neuron can fire, so the limit changes no spike.
            limits = limits.clamp(max=spec.max_threshold).expand(spec.n_thresholds)
        weights.append(_integers(layer.weights, np.int8))
        thresholds.append(_integers(limits, np.int32))
        drives.append(_integers(layer.drives, np.int32))
        biases.append(_integers(layer.biases, np.int32))
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
        biases=tuple(biases),
        provenance=dict(provenance or {}),
    )
    params.check(name)
    return params


def _integers(tensor: Tensor, dtype: type[_Integer]) -> NDArray[_Integer]:
    return tensor.detach().cpu().numpy().astype(dtype)


def _tensors(network: Network) -> Iterator[Exported]:
    """Of every layer, pooling included, in the order of axes of the contract."""
    weighted = iter(network.exported())
    nothing = torch.zeros(0)
    for spec in network.specs:
        if spec.has_weights:
            layer = next(weighted)
            yield layer._replace(weights=layer.weights.permute(SYNAPSES[type(spec)].axes))
        else:
            yield Exported(nothing, nothing)


def from_params(params: Params) -> SpikingNetwork:
    """A network of dense layers that computes what the params say, with one threshold a neuron.

    Raises `ParamsError` if there are other layers.

    Its shadows are the weights divided by the largest one, so they round back to the same weights.
    """
    layers = [params.spec.dense(n) for n in params.spec.dense_layers]
    if not params.spec.is_dense or any(layer.neuron != SingleSpike() for layer in layers):
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
