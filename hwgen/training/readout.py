"""The readout of the contract, in torch."""

import torch
from torch import Tensor

UNDECIDED = -1  # in place of a decision: no label is equal to it


def first_crossing(potentials: Tensor, threshold: Tensor) -> tuple[Tensor, Tensor]:
    """Spike times int64, and potentials at the spike, or at the end, float32: both [n, n_post].

    potentials: [n, n_steps, n_post]; threshold: [] or [1] or [n_post].

    Strictly above, as the contract has it. n_steps means never; then the potential is that of the
    last step.
    """
    n_steps = potentials.shape[1]
    # The largest count that remains is the earliest step: one maximum, and bytes in place of int64.
    countdown = torch.arange(n_steps, 0, -1, device=potentials.device, dtype=torch.uint8)
    left = ((potentials > threshold) * countdown[None, :, None]).amax(dim=1)
    times = n_steps - left.long()
    last = times.clamp(max=n_steps - 1)[:, None]
    return times, potentials.gather(1, last).squeeze(1).float()


def first_spike(times: Tensor, at_spike: Tensor) -> Tensor:
    """Decisions int64 [n] from spike times and potentials at the spike, both [n, n_classes].

    Earliest spike, then larger potential at that step, then lower index; if nobody fired, larger
    potential at the end, then lower index.

    Contract, section 6. at_spike: float32; integers below 2 ** 24 in value, so comparisons are
    exact.
    """
    first = times.min(dim=1, keepdim=True).values  # n_steps if nobody fired: all candidates
    ranked = at_spike.masked_fill(times != first, float("-inf"))
    return ranked.argmax(dim=1)  # the first of equals


def heard(decisions: Tensor, fired: Tensor, potentials: Tensor) -> Tensor:
    """Decisions int64 [n], `UNDECIDED` in place of those of samples that say nothing.

    fired: bool [n, n_classes], which outputs have fired; potentials [n, n_classes], at the end. If
    none has fired and all potentials are equal, the core answers 0, but that is right by chance
    only, so it counts as no label.
    """
    silent = ~fired.any(dim=1) & (potentials == potentials[:, :1]).all(dim=1)
    return decisions.masked_fill(silent, UNDECIDED)


@torch.no_grad()
def lowest_threshold(potentials: Tensor, labels: Tensor, highest: int, loss: float) -> int:
    """The lowest threshold, 0..`highest`, that keeps the accuracy of `highest`, less `loss` (0..1).

    potentials: of the output over all steps, [n, n_steps, n_classes]; labels: int64 [n]; both of
    the validation set. A high threshold lets outputs learn from all that a sample brings, but
    leaves them waiting for its end, when most samples were clear long before. Of a long range,
    some thousand thresholds are tried, evenly spaced.
    """

    def n_correct(threshold: int) -> int:
        limit = torch.tensor([threshold], device=potentials.device)
        times, at_spike = first_crossing(potentials, limit)
        decisions = heard(first_spike(times, at_spike), times < potentials.shape[1], at_spike)
        return int((decisions == labels).sum())

    enough = n_correct(highest) - loss * len(labels)
    candidates = range(0, highest, 1 + highest // 1000)
    return next((limit for limit in candidates if n_correct(limit) >= enough), highest)
