"""Images to batches of spike times, with random changes while training."""

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from hwgen.encode import latency
from hwgen.recipe import AugmentRecipe
from hwgen.spec import InputSpec


class Encoder:
    """`hwgen.encode.latency` as a table, so that it runs where the images are."""

    def __init__(self, spec: InputSpec, n_steps: int, device: torch.device) -> None:
        greys = np.arange(spec.x_max + 1, dtype=np.uint8)[None, None]
        one_row = InputSpec(height=1, width=spec.x_max + 1, x_max=spec.x_max)
        self._table = torch.from_numpy(latency(greys, one_row, n_steps)[0]).long().to(device)
        self._rows = slice(spec.crop, spec.height - spec.crop)
        self._columns = slice(spec.crop, spec.width - spec.crop)

    def __call__(self, images: Tensor) -> Tensor:
        """uint8 [n, height, width] -> int64 [n, n_inputs]."""
        return self._table[images[:, self._rows, self._columns].flatten(1).long()]


def augment(
    images: Tensor, recipe: AugmentRecipe, x_max: int, generator: torch.Generator
) -> Tensor:
    """Each image mirrored, turned, zoomed, sheared and shifted at random: uint8 -> uint8."""
    if recipe == AugmentRecipe():
        return images
    n, height, width = images.shape

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
    moved = grid_sample(images[:, None].float(), grid, align_corners=False)[:, 0]
    return moved.round().clamp(0, x_max).to(torch.uint8)
