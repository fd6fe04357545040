"""Grey values to spike times. Integers only, so training, golden and a host agree exactly."""

import numpy as np
from numpy.typing import NDArray

from hwgen.spec import InputSpec


def latency(images: NDArray[np.uint8], spec: InputSpec, n_steps: int) -> NDArray[np.uint8]:
    """Spike times of images: uint8 [n, height, width] -> uint8 [n, n_inputs].

    The brightest value fires at step 0; `n_steps` means never. See `InputSpec` for the formula.
    Raises ValueError on images of another shape or with values above `x_max`.
    """
    if images.ndim != 3 or images.shape[1:] != (spec.height, spec.width):
        raise ValueError(
            f"images must be [n, {spec.height}, {spec.width}], not {list(images.shape)}"
        )
    if images.size and int(images.max()) > spec.x_max:
        raise ValueError(f"grey values must be at most {spec.x_max}, not {images.max()}")
    rows = slice(spec.crop, spec.height - spec.crop)
    columns = slice(spec.crop, spec.width - spec.crop)
    values = images[:, rows, columns].reshape(len(images), -1).astype(np.int32)
    return ((spec.x_max - values) * n_steps // spec.x_max).astype(np.uint8)
