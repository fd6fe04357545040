"""Random small networks whose first layer takes values, and inputs for these and all others."""

from dataclasses import replace

import numpy as np
from multi_spike_nets import random_spikes
from numpy.typing import NDArray
from samples import random_spike_times

from hwgen.network.layers.kinds import narrowest
from hwgen.network.params import Params


def direct(net: Params, x_max: int = 255) -> Params:
    """The network with input "direct"; its first layer must be phased, or have a reset. Thresholds
    and drives of that layer grow with the values."""
    first, n_steps = net.spec.layers[0], net.spec.n_steps
    wide = replace(first, input_bits=x_max.bit_length())
    layer = narrowest(wide, n_steps, multi_spike=net.spec.multi_spike)
    half = max(1, x_max // 2)
    thresholds = net.thresholds[0].astype(np.int64) * half
    drives = np.minimum(
        net.drives[0].astype(np.int64) * half // n_steps + 1, layer.max_drive(n_steps)
    )
    given = replace(net.spec.input, encoding="direct", step_us=0, x_max=x_max)
    spec = replace(net.spec, input=given, layers=(layer, *net.spec.layers[1:]))
    return replace(
        net,
        spec=spec,
        thresholds=(
            np.minimum(thresholds, layer.max_threshold).astype(np.int32),
            *net.thresholds[1:],
        ),
        drives=(drives.astype(np.int32), *net.drives[1:]),
    )


def random_planes(seed: int, n: int, params: Params) -> NDArray[np.uint8]:
    """Bit planes uint8 0/1 [n, n_planes, n_inputs] of values 0 .. x_max: dense, sparse, all at most
    and all 0."""
    rng = np.random.default_rng(seed)
    given = params.spec.input
    values = rng.integers(0, given.x_max, (n, given.n_inputs), endpoint=True)
    values *= rng.random(values.shape) < rng.choice([0.0, 0.1, 0.5, 1.0], (n, 1))
    values[0], values[-1] = given.x_max, 0
    bits = [values >> place & 1 for place in range(given.n_planes)]
    return np.stack(bits, axis=1).astype(np.uint8)


def random_inputs(seed: int, n: int, params: Params) -> NDArray[np.uint8]:
    """Random ones of n samples, as golden takes them: times, spikes, or bit planes."""
    if params.spec.input.encoding == "direct":
        return random_planes(seed, n, params)
    draw = random_spikes if params.spec.multi_spike else random_spike_times
    return draw(seed, n, params)
