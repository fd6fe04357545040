"""Samples to spikes. Integers only, so training, golden and a host agree exactly."""

import numpy as np
from numpy.typing import NDArray

from hwgen.spec import InputSpec


def latency(images: NDArray[np.uint8], spec: InputSpec, n_steps: int) -> NDArray[np.uint8]:
    """Spike times of images: uint8 [n, height, width] -> uint8 [n, n_inputs].

    The brightest value fires at step 0; `n_steps` means never. See `InputSpec` for the formula.
    Raises ValueError on images of another shape or with values above `x_max`.
    """
    values = _values(images, spec)
    return ((spec.x_max - values) * n_steps // spec.x_max).astype(np.uint8)


def rate(images: NDArray[np.uint8], spec: InputSpec, n_steps: int) -> NDArray[np.uint8]:
    """Spikes of images: uint8 [n, height, width] -> uint8 [n, n_steps, n_inputs] of 0 and 1.

    x_max fires in each step, 0 never; see `InputSpec` for the formula. Raises ValueError as
    `latency` does.
    """
    values = _values(images, spec)[:, None]
    ends = np.arange(1, n_steps + 1, dtype=np.int32)[:, None]
    return ((ends * values // spec.x_max) > ((ends - 1) * values // spec.x_max)).astype(np.uint8)


def encode(samples: NDArray[np.uint8], spec: InputSpec, n_steps: int) -> NDArray[np.uint8]:
    """What a network takes: spike times uint8 [n, n_inputs], or spikes uint8 [n, n_steps,
    n_inputs].

    samples: images uint8 [n, height, width]; of an event camera, uint8 [n, n_steps, height, width,
    channels], 1 where there was an event. Raises ValueError on other shapes and values.
    """
    if spec.encoding == "latency":
        return latency(samples, spec, n_steps)
    if spec.encoding == "rate":
        return rate(samples, spec, n_steps)
    shape = (n_steps, spec.height, spec.width, spec.channels)
    if samples.ndim != 5 or samples.shape[1:] != shape:
        raise ValueError(f"events must be [n, {', '.join(map(str, shape))}], not {samples.shape}")
    rows, columns = _inside(spec)
    return (samples[:, :, rows, columns] > 0).reshape(len(samples), n_steps, -1).astype(np.uint8)


def _inside(spec: InputSpec) -> tuple[slice, slice]:
    return slice(spec.crop, spec.height - spec.crop), slice(spec.crop, spec.width - spec.crop)


def _values(images: NDArray[np.uint8], spec: InputSpec) -> NDArray[np.int32]:
    """The grey values that remain: int32 [n, n_inputs]."""
    if images.ndim != 3 or images.shape[1:] != (spec.height, spec.width):
        raise ValueError(
            f"images must be [n, {spec.height}, {spec.width}], not {list(images.shape)}"
        )
    if images.size and int(images.max()) > spec.x_max:
        raise ValueError(f"grey values must be at most {spec.x_max}, not {images.max()}")
    rows, columns = _inside(spec)
    return images[:, rows, columns].reshape(len(images), -1).astype(np.int32)
