"""Random small networks and inputs, chosen so that neurons do fire, tie and stay silent."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.network.layers.conv2d import ConvSpec
from hwgen.network.layers.dense import DenseSpec
from hwgen.network.layers.kinds import LayerSpec, WeightedSpec, dense, narrowest
from hwgen.network.layers.pool2d import PoolSpec
from hwgen.network.layers.shape import Shape
from hwgen.network.learning import LearningSpec, forward_weights, shadow_limits
from hwgen.network.params import Params
from hwgen.network.spec import InputSpec, NetworkSpec


def random_params(
    seed: int,
    sizes: Sequence[int] = (12, 9, 4),
    weight_bits: int = 1,
    n_steps: int = 6,
    uniform: bool = False,
) -> Params:
    """A dense network of these sizes, with the step PSP.

    `uniform` gives each layer one threshold for all its neurons.
    """
    rng = np.random.default_rng(seed)
    layers = tuple(dense(pre, post, weight_bits) for pre, post in pairwise(sizes))
    weights, thresholds = [], []
    for layer in layers:
        largest = layer.max_weight
        shape = (layer.n_pre, layer.n_post)
        values = rng.integers(-largest, largest, shape, endpoint=True)
        if weight_bits == 1:
            values = rng.choice([-1, 1], shape)
        weights.append(values.astype(np.int8))
        spread = max(1, int(np.sqrt(layer.n_pre) * largest * 0.6))
        limits = rng.integers(0, spread, layer.n_post, endpoint=True)
        thresholds.append((limits[:1].repeat(layer.n_post) if uniform else limits).astype(np.int32))
    return Params(
        name="random",
        spec=NetworkSpec(
            n_steps=n_steps,
            input=InputSpec(height=1, width=sizes[0], x_max=255),
            layers=layers,
        ),
        weights=tuple(weights),
        thresholds=tuple(thresholds),
    )


def random_network(
    seed: int,
    shape: str,
    *,
    psp: str = "step",
    tau_steps: int = 0,
    weight_bits: int = 1,
    n_steps: int = 6,
    uniform: bool = False,
) -> Params:
    """A network given as the field writes it: ``9x8-4C3s2p1-P2-7-3`` (s: stride, p: padding).

    `psp` is that of all layers, or of each that has weights, as in ``step/ramp/triangle``;
    "phased" is a two-phase layer. `tau_steps` is of triangles. `uniform` gives each layer one
    threshold and one drive only.
    """
    first, *words = shape.split("-")
    height, width, *channels = map(int, first.split("x"))
    given = InputSpec(height=height, width=width, x_max=255, channels=sum(channels) or 1)
    psps = cycle(psp.split("/"))
    layers: list[LayerSpec] = []
    for word in words:
        pre = layers[-1].post if layers else given.post
        if word[0] == "P":
            layers.append(PoolSpec(**pre._asdict(), size=int(word[1:])))
            continue
        own = next(psps)
        neurons = {
            "weight_bits": weight_bits,
            "psp": "ramp" if own == "phased" else own,
            "tau_steps": tau_steps if own == "triangle" else 0,
            "phased": own == "phased",
            "potential_bits": 0,
        }
        layers.append(narrowest(_weighted(word, pre, neurons), n_steps))
    rng = np.random.default_rng(seed)
    tensors = [_tensors(rng, layer, n_steps, uniform) for layer in layers]
    weights, thresholds, drives = zip(*tensors, strict=True)
    spec = NetworkSpec(n_steps=n_steps, input=given, layers=tuple(layers))
    return Params(name="random", spec=spec, weights=weights, thresholds=thresholds, drives=drives)


def _weighted(word: str, pre: Shape, neurons: dict[str, Any]) -> WeightedSpec:
    if word.isdecimal():
        return DenseSpec(n_pre=pre.n, n_post=int(word), **neurons)
    parts = re.fullmatch(r"(\d+)C(\d+)(?:s(\d+))?(?:p(\d+))?", word).groups(default="")
    filters, size, stride, padding = parts
    return ConvSpec(
        **pre._asdict(),
        filters=int(filters),
        size=int(size),
        stride=int(stride or 1),
        padding=int(padding or 0),
        **neurons,
    )


def _tensors(
    rng: np.random.Generator, layer: LayerSpec, n_steps: int, uniform: bool
) -> tuple[NDArray[np.int8], NDArray[np.int32], NDArray[np.int32]]:
    """Random weights, thresholds, drives; a potential is about as large as a threshold."""
    nothing = np.zeros(0, np.int32)
    if isinstance(layer, PoolSpec):
        return np.zeros(0, np.int8), nothing, nothing
    largest, n_thresholds = layer.max_weight, layer.n_thresholds
    if layer.weight_bits == 1:
        weights = rng.choice([-1, 1], layer.weight_shape)
    else:
        weights = rng.integers(-largest, largest, layer.weight_shape, endpoint=True)
    height = {"step": 1, "ramp": n_steps / 2, "triangle": min(n_steps, layer.tau_steps) / 2}
    spread = max(1, int(np.sqrt(layer.n_fan_in) * largest * 0.45 * height[layer.psp]))
    limits = rng.integers(0, spread, n_thresholds, endpoint=True)
    limits = limits[:1].repeat(n_thresholds) if uniform else limits
    if not layer.phased:
        return weights.astype(np.int8), limits.astype(np.int32), nothing
    # What fires at rest, for its drive alone, does so late or never.
    highest = min(layer.max_slope, max(1, 2 * spread // n_steps))
    drives = rng.integers(1, highest, n_thresholds, endpoint=True)
    drives = drives[:1].repeat(n_thresholds) if uniform else drives
    limits = limits + rng.integers(n_steps * drives // 2, n_steps * drives, endpoint=True)
    return weights.astype(np.int8), limits.astype(np.int32), drives.astype(np.int32)


def learning_params(
    psp: str, bits: int, shape: str, seed: int = 3, *, n_steps: int = 6, **learning: Any
) -> Params:
    """A random network whose shadows are anywhere between their limits."""
    net = random_network(seed, shape, psp=psp, weight_bits=bits, n_steps=n_steps)
    how = LearningSpec(**learning)
    spec = replace(net.spec, learning=how)
    rng = np.random.default_rng(seed)
    shadows, weights = [], list(net.weights)
    for index, layer in enumerate(spec.layers):
        shadow = np.zeros(0, np.int32)
        if index in spec.learning_layers:
            assert isinstance(layer, DenseSpec)
            least, greatest = shadow_limits(bits, how.shadow_bits)
            shadow = rng.integers(least, greatest, layer.weight_shape, endpoint=True)
            shadow = shadow.astype(np.int32)
            weights[index] = forward_weights(shadow, bits, how.shadow_bits)
        shadows.append(shadow)
    return replace(net, spec=spec, weights=tuple(weights), shadows=tuple(shadows))


def random_spike_times(seed: int, n: int, params: Params) -> NDArray[np.uint8]:
    """Spike times uint8 [n, n_inputs]: dense, sparse and empty samples, with empty steps."""
    rng = np.random.default_rng(seed)
    n_steps, n_inputs = params.spec.n_steps, params.spec.input.n_inputs
    times = rng.integers(0, n_steps, (n, n_inputs))
    silent = rng.random((n, n_inputs)) < rng.choice([0.0, 0.3, 0.8, 1.0], (n, 1))
    empty_step = rng.integers(0, n_steps, (n, 1))
    return np.where(silent | (times == empty_step), n_steps, times).astype(np.uint8)


def with_biases(net: Params, bits: int, seed: int = 5) -> Params:
    """The network with random biases in all layers that have slopes."""
    rng = np.random.default_rng(seed)
    layers, biases = [], []
    for layer in net.spec.layers:
        has = isinstance(layer, DenseSpec | ConvSpec) and layer.psp != "step" and not layer.phased
        own = narrowest(replace(layer, bias_bits=bits), net.spec.n_steps) if has else layer
        most = 2 ** (bits - 1) - 1
        layers.append(own)
        biases.append(rng.integers(-most, most, own.n_biases, endpoint=True).astype(np.int32)
                      if has else np.zeros(0, np.int32))  # fmt: skip
    return replace(net, spec=replace(net.spec, layers=tuple(layers)), biases=tuple(biases))
