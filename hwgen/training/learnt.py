"""What learners give back."""

from typing import NamedTuple

from torch import Tensor


class Decided(NamedTuple):
    """labels: int64 [n]; steps: int64 [n], n_steps where nothing fired; hidden_firing: fraction."""

    labels: Tensor
    steps: Tensor
    hidden_firing: float


class Learnt(NamedTuple):
    """From a batch: how many samples had an error; the sum of their losses, 0 if not computed."""

    n_erring: int
    loss_sum: float = 0.0
