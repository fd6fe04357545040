"""Random small networks and inputs, chosen so that neurons do fire, tie and stay silent."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hwgen.params import Params
from hwgen.spec import InputSpec, NetworkSpec, dense


def random_params(
    seed: int,
    sizes: Sequence[int] = (12, 9, 4),
    weight_bits: int = 1,
    n_steps: int = 6,
    uniform: bool = False,
) -> Params:
    """A network of these sizes; `uniform` gives each layer one threshold for all its neurons."""
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


def random_spike_times(seed: int, n: int, params: Params) -> NDArray[np.uint8]:
    """Spike times uint8 [n, n_inputs]: dense, sparse and empty samples, with empty steps."""
    rng = np.random.default_rng(seed)
    n_steps, n_inputs = params.spec.n_steps, params.spec.input.n_inputs
    times = rng.integers(0, n_steps, (n, n_inputs))
    silent = rng.random((n, n_inputs)) < rng.choice([0.0, 0.3, 0.8, 1.0], (n, 1))
    empty_step = rng.integers(0, n_steps, (n, 1))
    return np.where(silent | (times == empty_step), n_steps, times).astype(np.uint8)
