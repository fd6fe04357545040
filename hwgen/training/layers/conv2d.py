"""Convolutional layers in training."""

import torch
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d, pad

from hwgen.network.layers.conv2d import ConvSpec


class ConvSynapses:
    """Shadow weights [filters, channels, size, size], and what they make of spikes."""

    axes = (2, 3, 1, 0)  # of shadow weights, in the order of the contract
    channel_shape: tuple[int, ...] = (-1, 1, 1)  # of a number a filter, beside its potentials
    can_be_pooled = True

    def __init__(self, spec: ConvSpec) -> None:
        """spec: sizes. `shape` is that of the shadow weights, `post` of a sample's potentials."""
        self._spec = spec
        self.shape: tuple[int, ...] = (spec.filters, spec.channels, spec.size, spec.size)
        post = spec.post
        self.post: tuple[int, ...] = (post.channels, post.height, post.width)

    def potentials(
        self, psp: Tensor, weights: Tensor, pool: int, bias: Tensor | None = None
    ) -> Tensor:
        """[n_steps, n, ...] -> [n_steps, n, filters, height, width], pooled.

        psp: [n_steps, n, channels, height, width]; weights: of `shape`; pool: size of the windows,
        1 for none; bias: [filters], added in each step.
        """
        n_steps, n = psp.shape[:2]
        maps = self._convolve(psp.flatten(0, 1), weights, bias)
        if pool > 1:
            maps = max_pool2d(maps, pool)
        return maps.view(n_steps, n, *maps.shape[1:])

    def _convolve(self, maps: Tensor, weights: Tensor, bias: Tensor | None) -> Tensor:
        """[n, channels, height, width] -> [n, filters, ...]; channels last in memory."""
        spec = self._spec
        if spec.channels in (1, 3):
            # An empty channel more: with one, conv2d gives a layout that slows all that follows;
            # with three, it takes three times as long.
            maps, weights = (pad(x, [0, 0, 0, 0, 0, 1]) for x in (maps, weights))
            maps = maps.contiguous(memory_format=torch.channels_last)
        return conv2d(maps, weights, bias, stride=spec.stride, padding=spec.padding)
