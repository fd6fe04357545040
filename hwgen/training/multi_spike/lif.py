"""Multi-spike neurons with leak and reset, over a window of steps; and pooling of their spikes.

Forward is the integer neuron of the contract, its integers held exactly in float32. Backward is
through time within the window, with a rectangle in place of the derivative of the spike and no
gradient through the reset (Guo et al., "Efficient training of spiking neural networks with
temporally-truncated local backpropagation through time", Front. Neurosci. 17:1047008, 2023).
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import max_pool2d

from hwgen.network.layers.neurons import Reset


def kept(leak_shift: int) -> float:
    """The part of a potential that is left after a step.

    leak_shift: 0..15. Exact in float32.
    """
    return 1 - 2.0**-leak_shift if leak_shift else 1.0


class Dynamics(NamedTuple):
    """What a layer's neurons do; `exact` False: the leak is not rounded down (to measure that)."""

    reset: Reset
    leak_shift: int
    exact: bool = True

    def leaked(self, potential: Tensor) -> Tensor:
        """V - (V >> k), as the arithmetic shift rounds: down.

        potential: float32 of integers, of any shape. Negative ones, too, are rounded down, as `>>`
        does.
        """
        if not self.leak_shift:
            return potential
        lost = potential * 2.0**-self.leak_shift  # exact: a power of two
        return potential - (lost.floor() if self.exact else lost)


class _Window(Function):
    """[n_steps, n, ...] currents -> spikes of the same shape, and the potential after the window.

    Kept for backward: the potentials before the reset, and nothing else of this size; spikes are
    found again from them.
    """

    @staticmethod
    def forward(
        ctx: Any,
        currents: Tensor,
        start: Tensor,
        threshold: Tensor,
        width: Tensor,
        dynamics: Dynamics,
    ) -> tuple[Tensor, Tensor]:
        before, spikes = torch.empty_like(currents), torch.empty_like(currents)
        potential = start
        for step in range(len(currents)):
            torch.add(potential, currents[step], out=before[step])
            # Strictly above, as in the contract.
            torch.gt(before[step], threshold, out=spikes[step])
            potential = before[step]
            if dynamics.reset == "zero":
                potential = potential * (1 - spikes[step])
            elif dynamics.reset == "subtract":
                potential = potential - spikes[step] * threshold
            # Behind the reset, at the end of the step (decision 0009).
            potential = dynamics.leaked(potential)
        ctx.dynamics = dynamics
        ctx.save_for_backward(before, threshold, width)
        return spikes, potential.clone() if potential is before[-1] else potential

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        by_spikes, by_end = gradients
        before, threshold, width = ctx.saved_tensors
        dynamics: Dynamics = ctx.dynamics
        by_currents = torch.empty_like(before)
        by_threshold = torch.zeros_like(before[0])
        carried = by_end  # of the potential at the end of the step
        for step in reversed(range(len(before))):
            if dynamics.leak_shift:
                # The floor of the leak has no gradient; the mean slope of a potential that leaks is
                # what it keeps.
                carried = carried * kept(dynamics.leak_shift)
            over = before[step] - threshold
            by_spike = by_spikes[step] * (over.abs() < width) / (2 * width)
            by_threshold -= by_spike
            if dynamics.reset == "zero":
                # A neuron that was set to zero has forgotten: what came before the reset cannot
                # have changed later potentials. The reset itself has no gradient (Guo et al. 2023).
                carried = carried * (over <= 0)
            carried = torch.add(by_spike, carried, out=by_currents[step])
        return by_currents, carried, _like(by_threshold, threshold), None, None


def _like(gradient: Tensor, parameter: Tensor) -> Tensor:
    """Summed over the axes along which the parameter was broadcast."""
    return gradient.sum_to_size(parameter.shape)


def window(
    currents: Tensor, start: Tensor, threshold: Tensor, width: Tensor, dynamics: Dynamics
) -> tuple[Tensor, Tensor]:
    """Spikes 0/1 [n_steps, n, ...] and the potential at the end [n, ...], all float32.

    currents: sums of weights [n_steps, n, ...]; start: potential before, [n, ...]; threshold and
    width (half of the surrogate's rectangle, in units of the potential): broadcast over [n, ...].
    """
    result: tuple[Tensor, Tensor] = _Window.apply(  # type: ignore[no-untyped-call]
        currents, start, threshold, width, dynamics
    )
    return result


class _Pool(Function):
    """OR of windows. Backward: where nobody fires, each could have; else those that do share."""

    @staticmethod
    def forward(ctx: Any, spikes: Tensor, size: int) -> Tensor:
        ctx.size = size
        ctx.save_for_backward(spikes.bool())
        return max_pool2d(spikes, size)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (spikes,), size = ctx.saved_tensors, ctx.size
        above = gradients[0]
        height, width = (size * length for length in above.shape[-2:])
        inside = spikes[..., :height, :width].float()
        count = torch.nn.functional.avg_pool2d(inside, size, divisor_override=1)

        def spread(feature_map: Tensor) -> Tensor:
            return feature_map.repeat_interleave(size, -2).repeat_interleave(size, -1)

        part = torch.where(spread(count) == 0, torch.ones_like(inside), inside)
        part = part / spread(count.clamp(min=1))
        below = torch.zeros(spikes.shape, dtype=above.dtype, device=above.device)
        below[..., :height, :width] = part * spread(above)
        return below, None


def pool(spikes: Tensor, size: int) -> Tensor:
    """A neuron of a pooling layer fires in a step iff any of its window does.

    [n_steps, n, channels, height, width] -> [n_steps, n, channels, height // size, width // size].
    """
    flat: Tensor = _Pool.apply(spikes.flatten(0, 1), size)  # type: ignore[no-untyped-call]
    return flat.view(*spikes.shape[:2], *flat.shape[1:])
