"""Random small networks whose neurons fire more than once, and spikes for them."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from samples import random_network

from hwgen.network.layers.kinds import narrowest
from hwgen.network.layers.pool2d import PoolSpec
from hwgen.network.params import Params


def multi_spike(
    seed: int,
    shape: str,
    *,
    reset: str = "zero",
    leak_shift: int = 1,
    readout: str = "spike_count",
    neuron: dict[str, Any] | None = None,
    **network: Any,
) -> Params:
    """As `random_network`, with a reset and a leak; inputs are rates, or, of two channels, as in
    ``6x5x2-...``, events. neuron: more fields of neurons that fire; biases are random."""
    net = random_network(seed, shape, **network)
    n_steps, n_layers = net.spec.n_steps, len(net.spec.layers)
    rng = np.random.default_rng(seed)
    layers, thresholds, biases = [], list(net.thresholds), list(net.biases)
    for index, layer in enumerate(net.spec.layers):
        if isinstance(layer, PoolSpec):
            layers.append(layer)
            continue
        fires = index < n_layers - 1 or readout == "spike_count"
        own = {"reset": reset, "leak_shift": leak_shift} | (neuron or {}) if fires else {}
        layers.append(narrowest(replace(layer, **own), n_steps, multi_spike=True))
        thresholds[index] = thresholds[index] << layers[-1].fraction_bits
        n, most = layers[-1].n_biases, layers[-1].max_bias
        biases[index] = rng.integers(-most, most, n, endpoint=True).astype(np.int32)
        if not fires:
            thresholds[index] = np.full_like(thresholds[index], layers[-1].max_threshold)
    spec = replace(
        net.spec,
        layers=tuple(layers),
        input=replace(
            net.spec.input,
            encoding="events" if net.spec.input.channels > 1 else "rate",
            step_us=1000 if net.spec.input.channels > 1 else 0,
        ),
        readout=readout,
    )
    return replace(net, spec=spec, thresholds=tuple(thresholds), biases=tuple(biases))


# Output layers that never fire, but leak, or have biases.
OUTPUT: dict[str, dict[str, Any]] = {
    "output leaks": {"leak_shift": 4, "leak_times": 3, "fraction_bits": 4},
    "output has biases": {"bias_bits": 6},
    "output, both": {"leak_shift": 1, "bias_bits": 6},
}


def integrator(name: str) -> Params:
    """A network with the readout "potential" and an output layer of `OUTPUT`."""
    net = multi_spike(3, "3x4-9-4", leak_shift=3, weight_bits=2, readout="potential", n_steps=7)
    wide = replace(net.spec.layers[-1], reset="zero", **OUTPUT[name])
    layer = narrowest(wide, net.spec.n_steps, multi_spike=True)
    spec = replace(net.spec, layers=(*net.spec.layers[:-1], layer))
    most = layer.max_bias
    biases = np.array([most, -most, 1, 0][: layer.n_biases], np.int32)
    limits = np.full(layer.n_post, layer.max_threshold, np.int32)
    return replace(
        net,
        spec=spec,
        thresholds=(*net.thresholds[:-1], limits),
        biases=(*net.biases[:-1], biases),
    )


def random_spikes(seed: int, n: int, params: Params) -> NDArray[np.uint8]:
    """uint8 [n, n_steps, n_inputs]: dense, sparse and empty samples, with empty steps."""
    rng = np.random.default_rng(seed)
    shape = n, params.spec.n_steps, params.spec.input.n_inputs
    density = rng.choice([0, 0.05, 0.3, 0.7, 1], (n, 1, 1), p=[0.1, 0.2, 0.3, 0.3, 0.1])
    spikes = rng.random(shape) < density
    spikes &= rng.random((n, shape[1], 1)) < 0.8
    return spikes.astype(np.uint8)
