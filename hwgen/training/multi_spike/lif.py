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

from hwgen.network.layers.neurons import Fires, Order, Reset


def kept(leak_shift: int, leak_times: int = 1) -> float:
    """The part of a potential that is left after a step.

    leak_shift: 0..15; leak_times: 1 .. 2**leak_shift. Exact in float32.
    """
    return 1 - leak_times * 2.0**-leak_shift if leak_shift else 1.0


class Dynamics(NamedTuple):
    """What a layer's neurons do; `exact` False: the leak is not rounded down (to measure that)."""

    reset: Reset
    leak_shift: int
    exact: bool = True
    leak_times: int = 1
    order: Order = "reset, leak"
    fires: Fires = "above"

    @property
    def kept(self) -> float:
        """The part of a potential that is left after a step."""
        return kept(self.leak_shift, self.leak_times)

    def fire(self, potential: Tensor, threshold: Tensor, out: Tensor) -> None:
        """1 into `out` where a potential is above its threshold, or at it if that is enough."""
        (torch.ge if self.fires == "at" else torch.gt)(potential, threshold, out=out)

    def after(self, full: Tensor, spikes: Tensor, threshold: Tensor) -> Tensor:
        """Potentials at the end of a step, of those at which neurons fire, or do not: float32.

        Behind the reset in either order (decision 0009); what leaks may be of the potential before.
        """
        left = full
        if self.reset == "zero":
            left = full * (1 - spikes)
        elif self.reset == "subtract":
            left = full - spikes * threshold
        if not self.leak_shift:
            return left
        # What is reset to zero has nothing to lose, in either order.
        before = self.order == "leak, reset" and self.reset == "subtract"
        return left - self._lost(full if before else left)

    def _lost(self, potential: Tensor) -> Tensor:
        """The leak of float32 of integers, rounded down, of negative ones, too."""
        part = self.leak_times * 2.0**-self.leak_shift
        if not self.exact or self.leak_times & self.leak_times - 1 == 0:
            lost = potential * part  # exact: a power of two
            return lost.floor() if self.exact else lost
        # 24 bits times 15: exact in float64, which has 53.
        return (potential.double() * part).floor().to(potential.dtype)


class _Window(Function):
    """Currents -> spikes [n_steps, n, ...], and the potential after the window (see `window`).

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
        n_steps: int,
    ) -> tuple[Tensor, Tensor]:
        before, spikes = _of_steps(currents, n_steps), _of_steps(currents, n_steps)
        potential = start
        for step, current in enumerate(currents.expand(n_steps, *currents.shape[1:])):
            torch.add(potential, current, out=before[step])
            dynamics.fire(before[step], threshold, out=spikes[step])
            potential = dynamics.after(before[step], spikes[step], threshold)
        ctx.dynamics, ctx.n_currents = dynamics, len(currents)
        ctx.save_for_backward(before, threshold, width)
        return spikes, potential.clone() if potential is before[-1] else potential

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        by_spikes, by_end = gradients
        before, threshold, width = ctx.saved_tensors
        dynamics: Dynamics = ctx.dynamics
        # Of a current that is the same in all steps: the sum of what each step gives.
        same = ctx.n_currents < len(before)
        by_currents = torch.zeros_like(before[:1]) if same else torch.empty_like(before)
        by_threshold = torch.zeros_like(before[0])
        carried = by_end  # of the potential at the end of the step
        slope = 2 * width
        for step in reversed(range(len(before))):
            if dynamics.leak_shift:
                # The floor of the leak has no gradient; the mean slope of a potential that leaks is
                # what it keeps.
                carried = carried * dynamics.kept
            over = before[step] - threshold
            if dynamics.reset == "zero":
                # A neuron that was set to zero has forgotten: what came before the reset cannot
                # have changed later potentials. The reset itself has no gradient (Guo et al. 2023).
                carried = carried * (over < 0 if dynamics.fires == "at" else over <= 0)
            # In place: this is most of what training computes beside convolutions.
            near = torch.lt(over.abs_(), width, out=over)
            by_spike = near.mul_(by_spikes[step]).div_(slope)
            by_threshold -= by_spike
            if same:
                carried = by_spike + carried
                by_currents[0] += carried
            else:
                carried = torch.add(by_spike, carried, out=by_currents[step])
        return by_currents, carried, _like(by_threshold, threshold), None, None, None


def _of_steps(currents: Tensor, n_steps: int) -> Tensor:
    """Empty, [n_steps, n, ...], each step in memory as `currents` are: channels last, or not."""
    if len(currents) == n_steps:
        return torch.empty_like(currents)
    one = currents[0]
    return torch.empty_strided(
        (n_steps, *one.shape), (one.numel(), *one.stride()), dtype=one.dtype, device=one.device
    )


def _like(gradient: Tensor, parameter: Tensor) -> Tensor:
    """Summed over the axes along which the parameter was broadcast."""
    return gradient.sum_to_size(parameter.shape)


def window(
    currents: Tensor,
    start: Tensor,
    threshold: Tensor,
    width: Tensor,
    dynamics: Dynamics,
    n_steps: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Spikes 0/1 [n_steps, n, ...] and the potential at the end [n, ...], all float32.

    currents: what is added in each step, [n_steps, n, ...], or [1, n, ...] of one that is the same
    in `n_steps` steps; start: potential before, [n, ...]; threshold and width (half of the
    surrogate's rectangle, in units of the potential): broadcast over [n, ...].
    """
    result: tuple[Tensor, Tensor] = _Window.apply(  # type: ignore[no-untyped-call]
        currents, start, threshold, width, dynamics, n_steps or len(currents)
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
