"""From potentials over all steps to postsynaptic potentials over all steps, with two derivatives.

Time is counted at the end of steps: a neuron that fires in step t (0 ..) has fired by time t + 1.
`excess` is the potential above the threshold in spreads of the potential (`deep.Layer`), so that
one window suits all layers. Sources: `docs/training.md`.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from hwgen.spec import Psp


def psp_of(times: Tensor, n_steps: int, psp: Psp, tau_steps: int) -> Tensor:
    """PSP of spikes of weight 1: times [...], `n_steps` for never -> float32 [n_steps, ...]."""
    steps = torch.arange(1, n_steps + 1, device=times.device, dtype=torch.float32)
    age = steps.view(-1, *[1] * times.dim()) - times
    if psp == "triangle":
        age = torch.minimum(age, 2 * tau_steps - age)
    return age.clamp_(min=0, max=1 if psp == "step" else None)


def _rise(n_steps: int, psp: Psp, tau_steps: int, device: torch.device) -> Tensor:
    """Row s, column t: how much the PSP of a spike in step s rises in step t."""
    steps = torch.arange(n_steps, device=device)
    age = steps[None, :] - steps[:, None]
    if psp == "step":
        return (age == 0).float()
    if psp == "ramp":
        return (age >= 0).float()
    up, down = (age >= 0) & (age < tau_steps), (age >= tau_steps) & (age < 2 * tau_steps)
    return up.float() - down.float()


class _Fire(Function):
    """Common forward: first crossing, at most one spike."""

    @staticmethod
    def forward(
        ctx: Any,
        excess: Tensor,
        level: Tensor,
        displacement: bool,
        width: float,
        psp: Psp,
        tau_steps: int,
    ) -> Tensor:
        n_steps = len(excess)
        countdown = torch.arange(n_steps, 0, -1, device=excess.device, dtype=excess.dtype)
        left = ((excess > 0) * countdown.view(-1, *[1] * (excess.dim() - 1))).amax(dim=0)
        times = n_steps - left
        ctx.psp, ctx.tau_steps, ctx.width, ctx.displacement = psp, tau_steps, width, displacement
        if displacement:
            peak = excess.argmax(dim=0)
            ctx.save_for_backward(times, peak, level)
        else:
            ctx.save_for_backward(excess.abs() < width)
        return psp_of(times, n_steps, psp, tau_steps)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        rise = _rise(len(gradient), ctx.psp, ctx.tau_steps, gradient.device)
        if ctx.displacement:
            return _displacement(ctx, gradient, rise), None, None, None, None, None
        (near,) = ctx.saved_tensors
        return _mix(rise / (2 * ctx.width), gradient) * near, None, None, None, None, None


def _mix(matrix: Tensor, over_steps: Tensor) -> Tensor:
    """Matrix times [n_steps, ...] along the steps; the layout in memory is kept."""
    if over_steps.dim() < 5:
        return (matrix @ over_steps.flatten(1)).view(over_steps.shape)
    last = over_steps.permute(0, 1, 3, 4, 2).contiguous()
    return (matrix @ last.view(len(last), -1)).view(last.shape).permute(0, 1, 4, 2, 3)


def _displacement(ctx: Any, gradient: Tensor, rise: Tensor) -> Tensor:
    """STiDi-BP: the desired displacement of each spike, handed to the potential at its step."""
    times, peak, level = ctx.saved_tensors
    n_steps = len(gradient)
    never = times == n_steps
    # A silent neuron counts as firing in the last step, and learns where its potential peaked.
    at = times.clamp(max=n_steps - 1).long()
    later = -_mix(rise, gradient).gather(0, at[None])  # dE/dt: a later spike has a lower PSP
    learns = torch.where(never, peak, at)
    # dt/dV ~ -t / threshold: the straight line from (0, 0) to the crossing.
    slope = -(learns + 1) / level
    return torch.zeros_like(gradient).scatter_(0, learns[None], later * slope[None])


def fire(
    excess: Tensor,
    level: Tensor,
    *,
    displacement: bool,
    width: float,
    psp: Psp,
    tau_steps: int,
) -> Tensor:
    """Potentials above threshold [n_steps, n, ...] -> PSPs of the same shape.

    level: the threshold in the same unit, broadcastable to [n, ...]. The derivative is that of
    STiDi-BP with `displacement`: only the potential at the firing step learns (at its peak if the
    neuron is silent), by the linear approximation of dt/dV. Else each step's "has fired" is a
    state of its own, with a rectangular surrogate of half-width `width`.
    """
    result: Tensor = _Fire.apply(  # type: ignore[no-untyped-call]
        excess, level, displacement, width, psp, tau_steps
    )
    return result
