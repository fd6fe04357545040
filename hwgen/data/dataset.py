"""A data set in memory."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hwgen.data.catalogue import N_CLASSES
from hwgen.data.recordings import Recordings
from hwgen.errors import DataError

Split = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Dataset:
    """Images uint8 [n, height, width], grey, or [n, height, width, 3], in colour; values 0..x_max;
    and labels int64 [n].

    Of recordings of an event camera, `images` are events counted per pixel, up to `x_max`, to look
    at; `recordings` holds the events. `split`: which part of the set they are, or are of; "" if
    `load` has not drawn them. `split_seed`: what the test set was drawn by; None: it is the set's
    own, whatever the seed.
    """

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    x_max: int
    recordings: Recordings | None = None
    split: Split | Literal[""] = ""
    split_seed: int | None = None
    classes: tuple[str, ...] = ()  # their names, of data of one's own
    digest: str = ""  # of all samples of such data, whatever part these are

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def n_classes(self) -> int:
        """Of the set, whatever labels this part of it has; of a set that is not in the catalogue,
        one more than the greatest label."""
        most = int(self.labels.max(initial=-1)) + 1
        return N_CLASSES.get(self.name) or max(len(self.classes), most)

    def check_not_empty(self) -> None:
        """Raise `DataError` if there is no sample."""
        if not len(self):
            part = f"{self.split} " if self.split else ""
            raise DataError(f"{self.name}: 0 {part}samples, expected at least 1")

    def first(self, n: int) -> "Dataset":
        """The first n samples."""
        return self.take(slice(n))

    def take(self, chosen: NDArray[np.integer] | slice) -> "Dataset":
        """The samples at these indices, in their order.

        Recordings are taken along; name and split stay.
        """
        events = self.recordings.take(chosen) if self.recordings else None
        return replace(
            self, images=self.images[chosen], labels=self.labels[chosen], recordings=events
        )
