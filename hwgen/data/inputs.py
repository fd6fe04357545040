"""A data set as a network's input: one way for all encodings."""

import numpy as np
from numpy.typing import NDArray

from hwgen.data.dataset import Dataset
from hwgen.data.encoding import events, latency, once, planes, rate
from hwgen.data.recordings import CHANNELS, Recordings
from hwgen.errors import DataError, RecipeError
from hwgen.network.spec import InputSpec, NetworkSpec
from hwgen.recipe import DataRecipe

_ALL = slice(None)


def input_spec(dataset: Dataset, recipe: DataRecipe) -> InputSpec:
    """The input that a recipe asks for. Raises `RecipeError` if the data cannot give it.

    recipe: encoding, crop and `step_us`, in microseconds.
    """
    height, width, *colours = dataset.images.shape[1:]
    recorded, wanted = dataset.recordings is not None, recipe.encoding == "events"
    if recorded != wanted:
        raise RecipeError(
            f"data: encoding {recipe.encoding!r} does not go with {dataset.name}, which "
            + ("has events" if recorded else "has images")
        )
    if wanted != (recipe.step_us > 0):
        expected = "at least 1 with encoding 'events' and 0 with others"
        raise RecipeError(f"data: step_us is {recipe.step_us}, expected {expected}")
    return InputSpec(
        height=height,
        width=width,
        x_max=dataset.x_max,
        crop=recipe.crop,
        encoding=recipe.encoding,
        channels=CHANNELS if wanted else sum(colours) or 1,
        step_us=recipe.step_us,
    )


def encoded(dataset: Dataset, network: NetworkSpec, part: slice = _ALL) -> NDArray[np.uint8]:
    """What a network takes of some samples: spike times uint8 [n, n_inputs], or, if it is a
    multi-spike network, spikes uint8 0/1 [n, n_steps, n_inputs]; with the encoding "direct" bit
    planes of values, uint8 0/1 [n, n_planes, n_inputs].

    Raises `DataError` if these data cannot give it.

    part: which samples.
    """
    spec, n_steps = network.input, network.n_steps
    if spec.encoding == "events":
        return raster(dataset, spec, n_steps, part)
    return encode_images(dataset.images[part], network)


def encode_images(images: NDArray[np.uint8], network: NetworkSpec) -> NDArray[np.uint8]:
    """The same of images, as `encode.latency` takes them. Raises `DataError` if the network takes
    events, ValueError on another shape or larger values."""
    if network.input.encoding == "events":
        raise DataError("the network takes events of a camera, not images")
    return encode(images, network.input, network.n_steps, multi_spike=network.multi_spike)


def encode(
    images: NDArray[np.uint8], spec: InputSpec, n_steps: int, *, multi_spike: bool
) -> NDArray[np.uint8]:
    """The same of an input that takes no events; of a multi-spike network, or of another."""
    if spec.encoding == "direct":
        return planes(images, spec)
    if spec.encoding == "rate":
        return rate(images, spec, n_steps)
    times = latency(images, spec, n_steps)
    return once(times, n_steps) if multi_spike else times


def raster(
    dataset: Dataset, spec: InputSpec, n_steps: int, part: slice = _ALL
) -> NDArray[np.uint8]:
    """Spikes of recordings, uint8 0/1 [n, n_steps, n_inputs]. Raises `DataError`."""
    if dataset.recordings is None:
        raise DataError(f"{dataset.name}: has images, but the network takes events")
    return encode_recordings(dataset.recordings.take(part), spec, n_steps)


def encode_recordings(taken: Recordings, spec: InputSpec, n_steps: int) -> NDArray[np.uint8]:
    """Their spikes, uint8 0/1 [n, n_steps, n_inputs].

    spec: with encoding "events". Several events of a pixel in a step are one spike.
    """
    return events(taken.addresses, taken.times_us, taken.offsets, spec, n_steps)
