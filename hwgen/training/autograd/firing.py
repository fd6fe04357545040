"""From potentials over all steps to postsynaptic potentials over all steps, with two derivatives.

Time is counted at the end of steps: a neuron that fires in step t (0 ..) has fired by time t + 1.
Potentials are compared in units of their spread (`deep.Layer`), so that one window suits all
layers. Sources: `docs/stidi.md`.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function

from hwgen.network.layers.neurons import Neuron, Psp, SingleSpike


class Kernel(NamedTuple):
    """The PSP of a spike of weight 1; times are in steps of the contract.

    `every` > 1 computes coarsely: at the end of each so many steps only. A neuron that fires in
    between fires in the middle of those steps.
    """

    psp: Psp
    tau_steps: int = 0  # of the triangle
    every: float = 1

    @classmethod
    def of(cls, neuron: Neuron, every: float = 1) -> "Kernel":
        """That of what reaches a neuron which fires once.

        neuron: the one that gets the spike. every: as of the class.
        """
        tau_steps = neuron.tau_steps if isinstance(neuron, SingleSpike) else 0
        return cls(neuron.psp, tau_steps, every)

    def at(self, times: Tensor, n: int) -> Tensor:
        """Times of spikes [...] -> PSPs at the first `n` points of time, float32 [n, ...].

        Times are float32, in steps; a spike at n_steps or later gives 0. "step": 0 or 1, "ramp":
        the age, "triangle": up for tau_steps, then down.
        """
        ends = torch.arange(1, n + 1, device=times.device, dtype=torch.float32) * self.every
        age = ends.view(-1, *[1] * times.dim()) - times
        if self.psp == "triangle":
            age = torch.minimum(age, 2 * self.tau_steps - age)
        return age.clamp_(min=0, max=1 if self.psp == "step" else None)

    def times(self, points: Tensor) -> Tensor:
        """The first point of time at which a potential exceeds the threshold -> spike times.

        points: 0 .. n, n for never. Returns float32 in steps of the contract.
        """
        return points * self.every + (self.every - 1) / 2

    def gain(self, n: int, device: torch.device) -> Tensor:
        """Row s, column t: how much PSP t grows if a neuron fires at point s, not at s + 1.

        n: points of time. Returns float32 [n, n].
        """
        psps = self.at(self.times(torch.arange(n + 1.0, device=device)), n)
        return (psps[:, :-1] - psps[:, 1:]).T.contiguous()


class _Fire(Function):
    """First crossing, at most one spike. Written for few passes over [n_steps, n, ...]."""

    @staticmethod
    def forward(
        ctx: Any,
        potentials: Tensor,
        spread: Tensor,
        level: Tensor,
        displacement: bool,
        width: float,
        kernel: Kernel,
    ) -> Tensor:
        n, axes = len(potentials), [1] * (potentials.dim() - 1)
        above = potentials - spread * level
        countdown = torch.arange(n, 0, -1, device=above.device, dtype=torch.uint8)
        left = ((above > 0) * countdown.view(-1, *axes)).amax(dim=0)
        points = n - left.float()
        ctx.kernel, ctx.width, ctx.displacement = kernel, width, displacement
        # A neuron that stays silent learns where it came nearest; else it would have no step to
        # learn at, and stay silent.
        peak = above.argmax(dim=0) if displacement else None
        # One byte each in place of four: the mask is all that backward needs of this.
        near = None if displacement else above.abs_() < width * spread
        ctx.save_for_backward(potentials, spread, level, points, peak, near)
        return kernel.at(kernel.times(points), n)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """With excess = potential / spread - level, from dE/dexcess to the three."""
        potentials, spread, level, points, peak, near = ctx.saved_tensors
        gain = ctx.kernel.gain(len(potentials), potentials.device)
        if ctx.displacement:
            excess = _displacement(gradients[0], gain, points, peak, level)
        else:
            excess = _mix(gain / (2 * ctx.width), gradients[0]).mul_(near)
        channels = 2  # of potentials, which all others of more than one neuron are summed over
        others = [axis for axis in range(excess.dim()) if axis != channels]
        by_level = -excess.sum(dim=others).view(level.shape)
        excess /= spread
        by_spread = -(potentials * excess).sum(dim=others).view(spread.shape) / spread
        return excess, by_spread, by_level, None, None, None


def _mix(matrix: Tensor, over_steps: Tensor) -> Tensor:
    """Matrix times [n_steps, ...] along the steps; channels stay last in memory."""
    if over_steps.dim() < 5:
        return (matrix @ over_steps.flatten(1)).view(over_steps.shape)
    last = over_steps.permute(0, 1, 3, 4, 2).contiguous()
    return (matrix @ last.view(len(last), -1)).view(last.shape).permute(0, 1, 4, 2, 3)


def _displacement(
    gradient: Tensor, gain: Tensor, points: Tensor, peak: Tensor, level: Tensor
) -> Tensor:
    """STiDi-BP: the desired displacement of each spike, handed to the potential at its step."""
    n = len(gradient)
    never = points == n
    # A silent neuron counts as firing in the last step, and learns where its potential peaked.
    at = points.clamp(max=n - 1).long()
    later = -_mix(gain, gradient).gather(0, at[None])  # dE/dt: a later spike has a lower PSP
    learns = torch.where(never, peak, at)
    # dt/dV ~ -t / threshold: the straight line from (0, 0) to the crossing.
    # +1, because steps are counted at their end: a spike of step 0 has used one step.
    slope = -(learns + 1) / level
    return torch.zeros_like(gradient).scatter_(0, learns[None], later * slope[None])


def fire(
    potentials: Tensor,
    spread: Tensor,
    level: Tensor,
    *,
    displacement: bool,
    width: float,
    kernel: Kernel,
) -> Tensor:
    """Potentials [n_steps, n, channels, ...] -> PSPs of the same shape.

    The threshold is `level` times `spread`, both of shape [channels, 1 ...]. The derivative is that
    of STiDi-BP with `displacement`: only the potential at the firing step learns (at its peak if
    the neuron is silent), by the linear approximation of dt/dV. Else each step's "has fired" is a
    state of its own, with a rectangular surrogate of half-width `width` spreads.

    STiDi-BP: arXiv 2108.13621; `docs/stidi.md` has the equations. All float32.
    """
    result: Tensor = _Fire.apply(  # type: ignore[no-untyped-call]
        potentials, spread, level, displacement, width, kernel
    )
    return result
