"""Images to batches of spike times, with random changes while training."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from hwgen.data.dataset import Dataset
from hwgen.data.encoding import latency, once, rate
from hwgen.data.inputs import raster
from hwgen.network.spec import InputSpec
from hwgen.recipe import AugmentRecipe


def kept(dataset: Dataset, spec: InputSpec, n_steps: int) -> NDArray[np.uint8]:
    """What stays in memory while training, and is augmented: images [n, height, width], in colour
    [n, channels, height, width]; or the rasters of recordings as pictures,
    [n, n_steps * channels, height, width].

    n_steps: of the network. Values are 0..x_max, or 0 and 1 of rasters.
    """
    if spec.encoding != "events":
        images = dataset.images
        return images if images.ndim == 3 else np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    height, width, channels = spec.post
    rasters = raster(dataset, spec, n_steps).reshape(-1, n_steps, height, width, channels)
    return np.ascontiguousarray(rasters.transpose(0, 1, 4, 2, 3)).reshape(
        len(rasters), n_steps * channels, height, width
    )


class Encoder:
    """`hwgen.data.encoding` as a table, so that it runs where the images are.

    Gives spike times int64 [n, n_inputs], or, with `rasters`, uint8 0/1 [n, n_steps, n_inputs];
    with the encoding "direct" the values themselves, uint8 [n, n_inputs].
    """

    def __init__(
        self, spec: InputSpec, n_steps: int, device: torch.device, *, rasters: bool = False
    ) -> None:
        """device: where the images are, and the table.

        A table, because a grey value is encoded alike everywhere, and images differ in each epoch.
        """
        self._spec, self._n_steps = spec, n_steps
        self._raster = rasters or spec.encoding == "rate"
        greys = np.arange(spec.x_max + 1, dtype=np.uint8)[None, None]
        one_row = InputSpec(height=1, width=spec.x_max + 1, x_max=spec.x_max)
        if spec.encoding == "rate":  # [n_steps, grey]
            table = torch.from_numpy(rate(greys, one_row, n_steps)[0])
        elif rasters:
            table = torch.from_numpy(once(latency(greys, one_row, n_steps), n_steps)[0])
        else:
            table = torch.from_numpy(latency(greys, one_row, n_steps)[0]).long()
        self._table = table.to(device)
        self._rows = slice(spec.crop, spec.height - spec.crop)
        self._columns = slice(spec.crop, spec.width - spec.crop)

    def __call__(self, images: Tensor) -> Tensor:
        """What `kept` gives, some of it -> what the network takes."""
        if self._spec.encoding == "events":
            height, width, channels = self._spec.post
            pictures = images.view(-1, self._n_steps, channels, height, width)
            return pictures.permute(0, 1, 3, 4, 2).flatten(2)
        if images.dim() == 4:  # neurons of a picture are numbered channels last
            images = images.permute(0, 2, 3, 1)
        greys = images[:, self._rows, self._columns].flatten(1)
        if self._spec.encoding == "direct":
            return greys
        if self._raster:
            return self._table[:, greys.long()].transpose(0, 1)
        return self._table[greys.long()]


def augment(
    images: Tensor,
    recipe: AugmentRecipe,
    x_max: int,
    generator: torch.Generator,
    *,
    colours: bool = False,
) -> Tensor:
    """Each image mirrored, turned, zoomed, sheared, shifted and cut at random: uint8 -> uint8.

    images: [n, height, width]; or [n, any, height, width], all pictures of a sample alike, of 0
    and 1 only, which stay whole, or, with `colours`, of values as in the first.

    recipe: how far; with all at 0 the images come back as they are. generator: on the CPU, so that
    the same seed changes images alike on any device.
    """
    # Nothing is drawn then, either: a recipe without augmentation keeps the sequence of its random
    # numbers.
    if recipe == AugmentRecipe():
        return images
    n, (height, width) = len(images), images.shape[-2:]

    def uniform(limit: float) -> Tensor:
        return (torch.rand(n, generator=generator) * 2 - 1) * limit

    angle = uniform(math.radians(recipe.rotate_degrees))
    scale = 1 + uniform(recipe.zoom)
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    shear = uniform(recipe.shear)
    across, down = (
        uniform(2 * recipe.shift_pixels / width),
        uniform(2 * recipe.shift_pixels / height),
    )
    if recipe.whole_pixels:
        across = (across * width / 2).round() * 2 / width
        down = (down * height / 2).round() * 2 / height
    mirror = 1 - 2 * (torch.rand(n, generator=generator) < 0.5).float() if recipe.flip else 1.0
    rows = [
        torch.stack([cos * mirror, shear - sin, across], dim=1),
        torch.stack([sin * mirror, cos, down], dim=1),
    ]
    matrices = torch.stack(rows, dim=1).to(images.device)
    grid = affine_grid(matrices, [n, 1, height, width], align_corners=False)
    if images.dim() == 4 and not colours:
        # Events are whole: between two pixels there is no half of one.
        moved = grid_sample(images.float(), grid, mode="nearest", align_corners=False)
        moved = moved.to(torch.uint8)
    else:
        maps = images if colours else images[:, None]
        moved = grid_sample(maps.float(), grid, align_corners=False)
        moved = moved.round().clamp(0, x_max).to(torch.uint8).view(images.shape)
    if recipe.cutout_pixels:
        moved.mul_(_outside_squares(n, (height, width), recipe.cutout_pixels, generator, moved))
    return moved


def _outside_squares(
    n: int, size: tuple[int, int], side: int, generator: torch.Generator, like: Tensor
) -> Tensor:
    """0 inside a square of an image, whose centre is anywhere in it, 1 elsewhere: of the type and
    on the device of `like`, [n, height, width] or [n, 1, height, width]."""
    inside = []
    for length in size:
        first = torch.randint(length, (n, 1), generator=generator) - side // 2
        places = torch.arange(length)[None]
        inside.append((places >= first) & (places < first + side))
    down, across = inside
    outside = ~(down[:, :, None] & across[:, None])
    outside = outside.to(like.device, like.dtype)
    return outside if like.dim() == 3 else outside[:, None]
