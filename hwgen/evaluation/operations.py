"""How much work an image is: ours is counted by golden; here is what others would need.

- As an artificial network of the same shape: a multiplication and an addition for each synapse.
- With a rate code in the same number of steps, in expectation: an input fires in each step with the
  probability of its grey value; as many neurons are active as in our network, and an active one
  fires in each step with the mean probability of the inputs that are not black. Each spike costs an
  addition for each synapse of its neuron. Pooling costs nothing.
"""

import numpy as np
from numpy.typing import NDArray

from hwgen.network.spec import NetworkSpec

RATE_CODE = (
    "Rate code: in each of as many steps an input fires with the probability of its grey value; as "
    "many neurons are active as here, and an active one fires with the mean probability of the "
    "inputs that are not black."
)


def multiply_accumulates(spec: NetworkSpec) -> int:
    """Of an artificial network of this shape, for an image.

    Synapses at edges that do not exist are not counted.
    """
    return spec.n_synapses


def rate_additions(
    spec: NetworkSpec, images: NDArray[np.uint8], spike_times: tuple[NDArray[np.uint8], ...]
) -> NDArray[np.float64]:
    """Expected additions of a rate code, of each image: float64 [n].

    images: uint8 [n, height, width], not cropped; spike_times: one uint8 [n, n_post] a layer, of
    our network on these images.

    Only of networks whose neurons fire once; in expectation, so no integer.
    """
    crop = spec.input.crop
    kept = images[:, crop : spec.input.height - crop, crop : spec.input.width - crop]
    chances = kept.reshape(len(images), -1) / spec.input.x_max
    n_lit = (chances > 0).sum(axis=1)
    mean_chance = chances.sum(axis=1) / np.maximum(1, n_lit)
    additions = chances @ spec.layers[0].fan_out()
    for layer, times in zip(spec.layers[1:], spike_times, strict=False):
        additions += mean_chance * ((times < spec.n_steps) @ layer.fan_out())
    result: NDArray[np.float64] = additions * spec.n_steps
    return result
