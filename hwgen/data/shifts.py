"""A distribution shift: images rotated, dimmed, noisy; or some classes only."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import rotate

from hwgen.data.dataset import Dataset


@dataclass(frozen=True, kw_only=True)
class DistributionShift:
    """What is done to every image. `noise` is the fraction of pixels that show anything at all."""

    rotate_degrees: float = 0.0  # against the clock
    brightness: float = 1.0
    noise: float = 0.0

    def apply(self, dataset: Dataset, seed: int) -> Dataset:
        """The data set after the shift; `seed` is that of the noise.

        Images stay uint8, 0..x_max; labels stay. Rotation is about the middle, and interpolates.
        """
        images = dataset.images.astype(np.float64)
        if self.rotate_degrees:
            images = rotate(images, self.rotate_degrees, axes=(2, 1), reshape=False, order=1)
        images *= self.brightness
        rng = np.random.default_rng(seed)
        lost = rng.random(images.shape) < self.noise
        images = np.where(lost, rng.uniform(0, dataset.x_max, images.shape), images)
        shifted = np.clip(images.round(), 0, dataset.x_max).astype(np.uint8)
        return replace(dataset, images=shifted)


def select_classes(dataset: Dataset, labels: frozenset[int]) -> Dataset:
    """The part of a data set that has these labels; all of it, if they are none.

    Names and split stay. Labels keep their numbers, so a network keeps its outputs.
    """
    if not labels:
        return dataset
    chosen = np.isin(dataset.labels, sorted(labels))
    return replace(dataset, images=dataset.images[chosen], labels=dataset.labels[chosen])
