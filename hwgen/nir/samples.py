"""Samples to compare by: the same numbers for golden, and for the rule of a file."""

from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from hwgen.data import encoding
from hwgen.data.inputs import encode
from hwgen.errors import NirError
from hwgen.files import reason
from hwgen.network.spec import InputSpec
from hwgen.reading import regular

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Samples:
    """inputs: as golden takes them, uint8 [n, n_input_steps, n_inputs]; spikes: of the outputs, as
    the framework itself gave them, uint8 [n, n_steps, n_outputs]; source: which samples."""

    source: str
    inputs: Bytes
    labels: NDArray[np.int64] | None = None
    spikes: Bytes | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, part: slice) -> "Samples":
        """Some of them."""
        return replace(
            self,
            inputs=self.inputs[part],
            labels=None if self.labels is None else self.labels[part],
            spikes=None if self.spikes is None else self.spikes[part],
        )


def scale(spec: InputSpec) -> float:
    """How much larger numbers of the input are in a core than in the file: 1 of spikes.

    Frameworks take pixels as 0..1, a core takes 0..x_max.
    """
    return float(spec.x_max) if spec.encoding == "direct" else 1.0


def to_values(
    inputs: Bytes, spec: InputSpec, n_steps: int, shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """What the framework's network takes for the inputs of golden: [n, n_steps, *shape].

    shape: of the file's Input, [channels, height, width] or [n_inputs].
    """
    if spec.encoding == "direct":
        pixels = encoding.plane_values(inputs) / spec.x_max
        values = np.broadcast_to(pixels[:, None], (len(inputs), n_steps, spec.n_inputs))
    else:
        values = inputs.astype(np.float64)
    maps = values.reshape(len(inputs), n_steps, *spec.post)
    return np.moveaxis(maps, -1, 2).reshape(len(inputs), n_steps, *shape)


def random(spec: InputSpec, n_steps: int, n: int, seed: int) -> Samples:
    """n samples, from a spike here and there to one of every other input in each step; of values,
    from dark images to bright ones."""
    rng = np.random.default_rng(seed)
    source = f"{n} random samples, seed {seed}"
    if spec.encoding == "direct":
        shape = spec.post if spec.channels > 1 else spec.post[:2]
        bright = rng.choice([0.25, 0.5, 1], (n, *[1] * len(shape)))
        images = np.floor(rng.random((n, *shape)) * bright * (spec.x_max + 1)).astype(np.uint8)
        return of_images(images, None, spec, n_steps, source)
    density = rng.choice([0.02, 0.1, 0.25, 0.5], (n, 1, 1))
    spikes = rng.random((n, n_steps, spec.n_inputs)) < density
    return Samples(source=source, inputs=spikes.astype(np.uint8))


def of_images(
    images: Bytes, labels: NDArray[np.integer] | None, spec: InputSpec, n_steps: int, source: str
) -> Samples:
    """Images uint8 [n, height, width], or with channels, as the network's encoding has them."""
    inputs = encode(images, spec, n_steps, multi_spike=True)
    told = None if labels is None else labels.astype(np.int64)
    return Samples(source=source, inputs=inputs, labels=told)


def read(path: Path, spec: InputSpec, n_steps: int, shape: tuple[int, ...]) -> Samples:
    """Samples of a .npz: `inputs` of 0 and 1, [n_steps, *shape] or [n, n_steps, *shape], as the
    framework's network takes them, or `images`, uint8; `spikes` of its outputs and `labels`, if
    there are any. Raises `NirError`."""
    try:
        with np.load(regular(path), allow_pickle=False) as file:
            arrays = dict(file)
    except FileNotFoundError:
        raise NirError(f"{path}: no such file; expected a .npz with inputs") from None
    except (OSError, ValueError, TypeError, BadZipFile, EOFError) as error:
        raise NirError(f"{path}: not a whole .npz: {reason(error)}") from None
    if "images" in arrays:
        if spec.encoding == "events":
            raise NirError(f"{path}: holds images, but the encoding is {spec.encoding!r}")
        try:
            found = of_images(arrays["images"], arrays.get("labels"), spec, n_steps, str(path.name))
        except ValueError as error:
            raise NirError(f"{path}: {error}") from None
    elif "inputs" in arrays:
        inputs = _inputs(arrays["inputs"], spec, n_steps, shape, path)
        found = Samples(source=path.name, inputs=inputs)
    else:
        raise NirError(f"{path}: holds {', '.join(arrays) or 'nothing'}, expected inputs or images")
    if "spikes" in arrays:
        return replace(found, spikes=_spikes(arrays["spikes"], len(found), n_steps, path))
    return found


def _inputs(
    values: NDArray[np.generic], spec: InputSpec, n_steps: int, shape: tuple[int, ...], path: Path
) -> Bytes:
    height, width, channels = spec.post
    shapes = {shape, (spec.n_inputs,), (channels, height, width)}
    if channels == 1:
        shapes.add((height, width))
    if spec.encoding == "direct":
        return _pixels(values, spec, sorted(shapes), path)
    fits = [s for s in shapes if values.shape[values.ndim - len(s) :] == s and values.ndim > len(s)]
    before = values.shape[: values.ndim - len(fits[0])] if fits else ()
    if len(before) not in (1, 2) or before[-1] != n_steps:
        raise NirError(
            f"{path}: inputs are {list(values.shape)}, expected [{n_steps} steps, *{list(shape)}], "
            "or that with samples before it"
        )
    if not np.isin(values, (0, 1)).all():
        raise NirError(
            f"{path}: inputs hold other numbers than 0 and 1, which are no spikes; currents go in "
            "with --encoding direct"
        )
    maps = values.reshape(-1, n_steps, channels, height, width)
    return np.moveaxis(maps, 2, -1).reshape(len(maps), n_steps, -1).astype(np.uint8)


def _pixels(
    values: NDArray[np.generic], spec: InputSpec, shapes: list[tuple[int, ...]], path: Path
) -> Bytes:
    """Currents, the same in each step: 0..1, as so many `x_max`-ths as are nearest."""
    fits = [s for s in shapes if values.shape[1:] == s]
    real = values.astype(np.float64)
    if not fits or not ((real >= 0) & (real <= 1)).all():
        raise NirError(
            f"{path}: inputs are {list(values.shape)} in {real.min():g}..{real.max():g}, expected "
            f"[n, *{list(shapes[-1])}] in 0..1, which all steps of a sample take"
        )
    height, width, channels = spec.post
    maps = np.moveaxis(real.reshape(-1, channels, height, width), 1, -1)
    pixels = np.round(maps * spec.x_max).astype(np.uint8)
    return encoding.planes(pixels if channels > 1 else pixels[..., 0], spec)


def _spikes(values: NDArray[np.generic], n: int, n_steps: int, path: Path) -> Bytes:
    """[n, n_steps, n_outputs], of that, or with the steps first, or of one sample."""
    if values.ndim == 2:
        values = values[None]
    if values.shape[:2] == (n_steps, n) and n != n_steps:
        values = np.swapaxes(values, 0, 1)
    if values.ndim != 3 or values.shape[:2] != (n, n_steps):
        raise NirError(
            f"{path}: spikes are {list(values.shape)}, expected [{n}, {n_steps}, outputs]"
        )
    if not np.isin(values, (0, 1)).all():
        raise NirError(f"{path}: spikes hold {values.max()}: several in a step, expected 0 and 1")
    return values.astype(np.uint8)
