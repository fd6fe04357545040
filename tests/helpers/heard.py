"""What training calls decided, of what golden says."""

import numpy as np

from hwgen.training.readout import UNDECIDED


def heard(trace):
    """Golden's decisions, with `UNDECIDED` where nothing was heard: int64 [n]."""
    return np.where(trace.undecided, UNDECIDED, trace.decisions)
