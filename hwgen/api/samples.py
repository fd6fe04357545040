"""Samples as people have them, made into data sets."""

import operator
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hwgen.data import for_network
from hwgen.data.arrays import as_bytes
from hwgen.data.dataset import Dataset, Split
from hwgen.errors import DataError
from hwgen.network.layers.neurons import MAX_NEURONS
from hwgen.network.params import Params


class Pairs(Protocol):
    """A torch data set, or any sequence of pairs (image, label)."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


Images = NDArray[Any]  # [n, height, width], or [n, height, width, channels]
Data = str | Dataset | tuple[Images, Sequence[int] | NDArray[Any]] | Pairs
OWN = "arrays"  # the name of data that were given as such


def dataset_of(
    params: Params, data: Data | None, *, split: Split = "test", data_dir: Path | None = None
) -> Dataset:
    """The samples that a model is to be tried on.

    data: the name of a data set; None: the model's own, of which the part `split`; a `Dataset`;
    images and labels, as arrays; or a torch data set of such pairs. Images are integers 0..x_max
    of the network, or floats 0..1, which are scaled to it and rounded. Raises `DataError`.
    """
    if data is None or isinstance(data, str):
        return for_network.data_of(params, split, name=data or "", data_dir=data_dir)
    if isinstance(data, Dataset):
        return data
    if isinstance(data, np.ndarray) or (isinstance(data, tuple) and len(data) != 2):
        raise DataError(f"{OWN}: expected a pair (images, labels), a data set, or a name")
    images, labels = data if isinstance(data, tuple) else _columns(data)
    return from_arrays(images, labels, x_max=params.spec.input.x_max)


def from_arrays(
    images: Images, labels: Sequence[int] | NDArray[Any], *, x_max: int, name: str = OWN
) -> Dataset:
    """Images [n, height, width], or with channels behind, and labels [n], as a data set.

    Raises `DataError` on other shapes, values out of range, or another number of labels.
    """
    values, truths = np.asarray(images), np.asarray(labels)
    if values.ndim not in (3, 4):
        raise DataError(
            f"{name}: images are {list(values.shape)}, expected [n, height, width] or "
            "[n, height, width, channels]"
        )
    if truths.shape != (len(values),) or not np.issubdtype(truths.dtype, np.integer):
        raise DataError(
            f"{name}: labels are {truths.dtype} {list(truths.shape)}, expected integers "
            f"[{len(values)}], one an image"
        )
    if truths.size and not (truths.min() >= 0 and truths.max() < MAX_NEURONS):
        wrong = truths.min() if truths.min() < 0 else truths.max()
        raise DataError(f"{name}: labels hold {wrong}, expected 0 to {MAX_NEURONS - 1}")
    if values.ndim == 4 and values.shape[3] == 1:
        values = values[..., 0]
    pixels = as_bytes(values, x_max, name, whose=", as the network takes,")
    return Dataset(name, pixels, truths.astype(np.int64), x_max)


def _columns(pairs: Pairs) -> tuple[Images, NDArray[np.int64]]:
    """Of a torch data set. Its images may be tensors of channels first, as torchvision's are."""
    taken = [pairs[index] for index in range(len(pairs))]
    images = [np.asarray(image) for image, _ in taken]
    if images and images[0].ndim == 3 and images[0].shape[0] in (1, 2, 3, 4):
        images = [image.transpose(1, 2, 0) for image in images]
    try:
        labels = [operator.index(label) for _, label in taken]  # a tensor of one integer, too
    except TypeError as error:
        raise DataError(f"{OWN}: a label is no integer: {error}") from None
    return np.array(images), np.array(labels, np.int64)
