"""When each output should have fired, from when the outputs did fire (SSTDP, eq. 4-6)."""

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from hwgen.recipe import SstdpRecipe
from hwgen.training.sstdp.layers import LayerTrace


def output_error(
    trace: LayerTrace, threshold: Tensor, labels: Tensor, recipe: SstdpRecipe
) -> Tensor:
    """dE/dt = t - T for E = 1/2 sum (t - T)^2: labels int64 [n] -> float32 [n, n_classes].

    SSTDP, eq. 4-6. threshold: of the output layer, [1] or [n_classes]. Positive: the output fired
    too late.
    """
    n_steps = trace.potentials.shape[1]
    times = fine_times(trace, threshold) if recipe.substep else trace.times.float()
    is_label = one_hot(labels, times.shape[1]).bool()
    # Whole steps end at n_steps: nobody can be later than never. Fine times have no such end.
    limit = float("inf") if recipe.substep else float(n_steps)
    error = times - _TARGETS[recipe.targets](times, is_label, recipe.margin_steps, limit)
    # So the errors of a sample add up to 0, and the label's counts as much as all others' together.
    if recipe.balanced:
        others = error.masked_fill(is_label, 0).sum(dim=1, keepdim=True)
        error = torch.where(is_label, -others, error)
    return error


def fine_times(trace: LayerTrace, threshold: Tensor) -> Tensor:
    """Spike times with the readout's tie-break as a fraction of a step: float32 [n, n_classes].

    With x the potential above threshold and k the mean change of potential in a step:
    t + k / (k + x) at a spike, so that of two spikes in one step the larger potential is earlier;
    n_steps + 1 - x / k without one. With one threshold for the layer the order is the readout's.

    threshold: [1] or [n_classes]. Of outputs that stayed silent, the nearer one to its threshold is
    the earlier.
    """
    n_steps = trace.potentials.shape[1]
    excess = trace.at_spike - threshold
    change = trace.potentials.diff(dim=1).abs().float()
    # The mean change of a step turns potentials into steps; at least 1, or tiny potentials would
    # give times without bound.
    scale = change.mean().clamp(min=1) if n_steps > 1 else torch.ones(())
    fired = n_steps > trace.times
    at_spike = trace.times + scale / (scale + excess.clamp(min=0))
    return torch.where(fired, at_spike, n_steps + 1 - excess / scale)


def _mean(times: Tensor, is_label: Tensor, margin: float, limit: float) -> Tensor:
    """The paper's: the label earlier than the mean by margin, the others a little later."""
    n_classes = times.shape[1]
    mean = times.mean(dim=1, keepdim=True)
    early = torch.minimum(times, mean - (n_classes - 1) / n_classes * margin)
    return torch.where(is_label, early, torch.maximum(times, mean + margin / n_classes))


def _earliest(times: Tensor, is_label: Tensor, margin: float, limit: float) -> Tensor:
    """The authors' code's: the label as early as the earliest, the others later by margin."""
    first = times.min(dim=1, keepdim=True).values
    if limit < float("inf"):  # whole steps: nobody fired
        first = torch.where(first >= limit, limit - margin, first)
    return torch.where(is_label, first, torch.maximum(times, first + margin).clamp(max=limit))


def _margin(times: Tensor, is_label: Tensor, margin: float, limit: float) -> Tensor:
    """The label before the earliest other by margin, each other after the label by margin."""
    label = times[is_label][:, None]
    other = times.masked_fill(is_label, float("inf")).min(dim=1, keepdim=True).values
    early = torch.minimum(times, other - margin)
    return torch.where(is_label, early, torch.maximum(times, label + margin).clamp(max=limit))


_TARGETS = {"mean": _mean, "earliest": _earliest, "margin": _margin}
