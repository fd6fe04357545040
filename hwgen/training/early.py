"""After training: the lowest output threshold that accuracy allows, for early decisions."""

import torch
from torch import Tensor

from hwgen.training.layers import first_crossing
from hwgen.training.network import SpikingNetwork, first_spike


@torch.no_grad()
def lower_output_threshold(
    network: SpikingNetwork, batches: list[Tensor], labels: Tensor, loss: float
) -> None:
    """Lower the threshold of the output layer as far as accuracy falls by at most `loss` (0..1).

    batches: input spike times int64 [n, n_inputs] of a validation set; labels: int64 [all n].
    A high threshold lets outputs learn from all that a sample brings, but leaves them waiting for
    its end, when most samples were clear long before.
    """
    output = network.dense[-1]
    potentials = torch.cat([network(batch)[-1].potentials for batch in batches])

    def n_correct(threshold: int) -> int:
        limit = torch.tensor([threshold], device=potentials.device)
        times, at_spike = first_crossing(potentials, limit)
        return int((first_spike(times, at_spike) == labels).sum())

    present = int(output.integer_threshold().max())
    enough = n_correct(present) - loss * len(labels)
    lowest = next(limit for limit in range(present + 1) if n_correct(limit) >= enough)
    output.threshold.fill_(float(lowest))
