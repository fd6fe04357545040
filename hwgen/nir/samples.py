"""Samples to compare by: the same numbers for golden, and for the rule of a file.

All that depends on the encoding is in `_ENCODE`, `to_values` and `scale`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from hwgen.data import encoding
from hwgen.errors import NirError
from hwgen.files import reason
from hwgen.network.spec import InputSpec
from hwgen.reading import regular

Bytes = NDArray[np.uint8]


def _once(images: Bytes, spec: InputSpec, n_steps: int) -> Bytes:
    return encoding.once(encoding.latency(images, spec, n_steps), n_steps)


# Images to the inputs of a multi-spike network, uint8 [n, n_steps, n_inputs].
_ENCODE: dict[str, Callable[[Bytes, InputSpec, int], Bytes]] = {
    "rate": encoding.rate,
    "latency": _once,
}
NOT_YET = {"direct": "encoding direct: not yet"}  # and why


@dataclass(frozen=True, kw_only=True)
class Samples:
    """inputs: as golden takes them, uint8 [n, n_steps, n_inputs]; spikes: of the outputs, as the
    framework itself gave them, uint8 [n, n_steps, n_outputs]; source: which samples these are."""

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
    """How much larger numbers of the input are in a core than in the file: 1 of spikes."""
    return 1.0


def to_values(
    inputs: Bytes, spec: InputSpec, n_steps: int, shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """What the framework's network takes for the inputs of golden: [n, n_steps, *shape].

    shape: of the file's Input, [channels, height, width] or [n_inputs].
    """
    maps = inputs.reshape(len(inputs), n_steps, *spec.post)
    return np.moveaxis(maps, -1, 2).reshape(len(inputs), n_steps, *shape).astype(np.float64)


def random(spec: InputSpec, n_steps: int, n: int, seed: int) -> Samples:
    """n samples, from a spike here and there to one of every other input in each step."""
    rng = np.random.default_rng(seed)
    density = rng.choice([0.02, 0.1, 0.25, 0.5], (n, 1, 1))
    spikes = rng.random((n, n_steps, spec.n_inputs)) < density
    return Samples(source=f"{n} random samples, seed {seed}", inputs=spikes.astype(np.uint8))


def of_images(
    images: Bytes, labels: NDArray[np.integer] | None, spec: InputSpec, n_steps: int, source: str
) -> Samples:
    """Images uint8 [n, height, width], or with channels, as the network's encoding has them."""
    inputs = _ENCODE[spec.encoding](images, spec, n_steps)
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
        if spec.encoding not in _ENCODE:
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
    fits = [s for s in shapes if values.shape[values.ndim - len(s) :] == s and values.ndim > len(s)]
    before = values.shape[: values.ndim - len(fits[0])] if fits else ()
    if len(before) not in (1, 2) or before[-1] != n_steps:
        raise NirError(
            f"{path}: inputs are {list(values.shape)}, expected [{n_steps} steps, *{list(shape)}], "
            "or that with samples before it"
        )
    if not np.isin(values, (0, 1)).all():
        raise NirError(
            f"{path}: inputs hold other numbers than 0 and 1; currents go in with the encoding "
            f"'direct' ({NOT_YET['direct']})"
        )
    maps = values.reshape(-1, n_steps, channels, height, width)
    return np.moveaxis(maps, 2, -1).reshape(len(maps), n_steps, -1).astype(np.uint8)


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
