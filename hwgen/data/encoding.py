"""Grey values and recordings to spikes. Integers only: training, golden and a host agree exactly.

Spike times, where an input fires once: uint8 [n, n_inputs]. Rasters, where it may fire in any
step: uint8 0/1 [n, n_steps, n_inputs]. Values, which are no spikes: uint8 0/1 [n, n_planes,
n_inputs], bit plane p worth 2 ** p.
"""

import numpy as np
from numpy.typing import NDArray

from hwgen.network.spec import InputSpec


def latency(images: NDArray[np.uint8], spec: InputSpec, n_steps: int) -> NDArray[np.uint8]:
    """Spike times of images: uint8 [n, height, width], or [n, height, width, channels] where there
    are several -> uint8 [n, n_inputs].

    The brightest value fires at step 0; `n_steps` means never. See `InputSpec` for the formula.
    Raises ValueError on images of another shape or with values above `x_max`.

    Contract, section 3.
    """
    values = _greys(images, spec)
    return ((spec.x_max - values) * n_steps // spec.x_max).astype(np.uint8)


def rate(images: NDArray[np.uint8], spec: InputSpec, n_steps: int) -> NDArray[np.uint8]:
    """Rasters of images, which are as in `latency`: uint8 0/1 [n, n_steps, n_inputs].

    The value x fires in x / `x_max` of the steps, evenly spaced: in step t if (t + 1) * x // x_max
    is more than t * x // x_max. Raises ValueError as `latency` does.

    Contract, section 3.
    """
    values = _greys(images, spec)[:, None]
    steps = np.arange(n_steps, dtype=np.int32)[None, :, None]
    fires = (steps + 1) * values // spec.x_max > steps * values // spec.x_max
    return fires.astype(np.uint8)


def planes(images: NDArray[np.uint8], spec: InputSpec) -> NDArray[np.uint8]:
    """Bit planes of images, which are as in `latency`: uint8 0/1 [n, n_planes, n_inputs].

    Plane p holds bit p of each value, the lowest first. Raises ValueError as `latency` does.

    Contract, section 3.
    """
    values = _greys(images, spec)[:, None]
    places = np.arange(spec.n_planes, dtype=np.int32)[None, :, None]
    return (values >> places & 1).astype(np.uint8)


def plane_values(planes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The values that bit planes say: uint8 0/1 [n, n_planes, n_inputs] -> int64 [n, n_inputs]."""
    worth = 1 << np.arange(planes.shape[1], dtype=np.int64)
    values: NDArray[np.int64] = (planes * worth[:, None]).sum(axis=1)
    return values


def once(times: NDArray[np.uint8], n_steps: int) -> NDArray[np.uint8]:
    """Spike times uint8 [n, n_inputs] as a raster, uint8 0/1 [n, n_steps, n_inputs].

    `n_steps` means never: a row of zeros.
    """
    steps = np.arange(n_steps, dtype=np.uint8)[None, :, None]
    fires: NDArray[np.uint8] = (times[:, None] == steps).astype(np.uint8)
    return fires


def events(
    addresses: NDArray[np.integer],
    times_us: NDArray[np.integer],
    offsets: NDArray[np.integer],
    spec: InputSpec,
    n_steps: int,
) -> NDArray[np.uint8]:
    """Rasters of recordings: uint8 0/1 [n, n_steps, n_inputs].

    addresses: of all events of all recordings, [n_events], (row * width + column) * channels +
    polarity in the whole picture; times_us: since the recording began, [n_events]; offsets:
    recording i is events offsets[i] .. offsets[i + 1] - 1, [n + 1]. An input fires in step t if
    there was an event in t * step_us .. (t + 1) * step_us - 1; what comes later is left out, and so
    is what `crop` cuts. Raises ValueError on addresses outside of the picture.

    Contract, section 3. times_us: microseconds.
    """
    n = len(offsets) - 1
    kept, step, index = _places(addresses, times_us, spec, n_steps)
    recording = np.repeat(np.arange(n), np.diff(offsets))
    rasters = np.zeros((n, n_steps, spec.n_inputs), np.uint8)
    rasters[recording[kept], step[kept], index[kept]] = 1
    return rasters


def steps_inside(
    addresses: NDArray[np.integer],
    times_us: NDArray[np.integer],
    spec: InputSpec,
    n_steps: int,
) -> NDArray[np.int64]:
    """The steps of those events that `events` does not leave out, int64, in their order."""
    kept, step, _ = _places(addresses, times_us, spec, n_steps)
    return step[kept]


def _places(
    addresses: NDArray[np.integer], times_us: NDArray[np.integer], spec: InputSpec, n_steps: int
) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
    """Of each event: whether it is taken in; its step; its input."""
    channels = spec.channels
    whole = spec.height * spec.width * channels
    if addresses.size and not 0 <= int(addresses.min()) <= int(addresses.max()) < whole:
        raise ValueError(f"addresses must be in 0..{whole - 1}")
    pixel, polarity = np.divmod(addresses.astype(np.int64), channels)
    row, column = np.divmod(pixel, spec.width)
    row, column = row - spec.crop, column - spec.crop
    height, width, _ = spec.post
    step = times_us.astype(np.int64) // spec.step_us
    kept = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    kept &= (step >= 0) & (step < n_steps)
    return kept, step, (row * width + column) * channels + polarity


def _greys(images: NDArray[np.uint8], spec: InputSpec) -> NDArray[np.int32]:
    """What is left after `crop`, int32 [n, n_inputs]; raises ValueError."""
    expected = [spec.height, spec.width] + [spec.channels] * (spec.channels > 1)
    if images.ndim != len(expected) + 1 or list(images.shape[1:]) != expected:
        wanted = ", ".join(map(str, expected))
        raise ValueError(f"images must be [n, {wanted}], not {list(images.shape)}")
    if images.size and int(images.max()) > spec.x_max:
        raise ValueError(f"grey values must be at most {spec.x_max}, not {images.max()}")
    rows = slice(spec.crop, spec.height - spec.crop)
    columns = slice(spec.crop, spec.width - spec.crop)
    return images[:, rows, columns].reshape(len(images), -1).astype(np.int32)
