"""Recordings of event cameras: who fired when. N-MNIST in its authors' format.

Orchard et al., "Converting static image datasets to spiking neuromorphic datasets using saccades",
Front. Neurosci. 9:437 (2015): a folder a digit, a file a recording, five bytes an event, most
significant first: column, row, polarity (bit 23) and microseconds (bits 22..0).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CHANNELS = 2  # polarities: 0 darker, 1 brighter


@dataclass(frozen=True)
class Recordings:
    """n recordings, one after the other.

    addresses: uint16 [n_events], (row * width + column) * 2 + polarity; times_us: uint32
    [n_events], microseconds since the recording began, ascending; offsets: int64 [n + 1], recording
    i is events offsets[i] .. offsets[i + 1] - 1.
    """

    height: int
    width: int
    addresses: NDArray[np.uint16]
    times_us: NDArray[np.uint32]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def take(self, chosen: NDArray[np.integer] | slice) -> "Recordings":
        """Some recordings, in the order of `chosen`.

        Times stay as they are, from each recording's own beginning.
        """
        order = np.arange(len(self))[chosen]
        counts = np.diff(self.offsets)[order]
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], counts)
        index = np.repeat(self.offsets[:-1][order], counts) + within
        return Recordings(
            self.height, self.width, self.addresses[index], self.times_us[index], offsets
        )

    def pictures(self) -> NDArray[np.uint8]:
        """Events counted per pixel, up to 255: uint8 [n, height, width].

        Both polarities count alike. It is to look at; networks take `hwgen.data.encoding.events`.
        """
        n, n_pixels = len(self), self.height * self.width
        recording = np.repeat(np.arange(n), np.diff(self.offsets))
        pixels = recording * n_pixels + self.addresses // CHANNELS
        counts = np.bincount(pixels, minlength=n * n_pixels).clip(max=255)
        return counts.astype(np.uint8).reshape(n, self.height, self.width)


def interleave_classes(labels: NDArray[np.int64]) -> NDArray[np.intp]:
    """Order in which the first of each class comes, then the second, and so on: files come class by
    class, and who looks at a few wants to see all.

    labels: int64 [n]. Returns each index once; within a round classes come in ascending order.
    """
    rounds = np.zeros(len(labels), np.intp)
    for label in np.unique(labels):
        own = labels == label
        rounds[own] = np.arange(own.sum())
    return np.lexsort((labels, rounds))
