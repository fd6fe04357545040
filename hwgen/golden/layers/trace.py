"""What samples did to a layer."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class LayerTrace:
    """What n samples did to a layer.

    times: uint8 [n, n_post]; potential, at_spike: int32 [n, n_post], at the end of the sample and
    in the step in which the neuron fired (0: it did not), or [n, 0] without potentials;
    synaptic_ops: int64 [n].

    n_steps means never. synaptic_ops: how often a weight was added to a neuron.
    """

    times: NDArray[np.uint8]
    potential: NDArray[np.int32]
    at_spike: NDArray[np.int32]
    synaptic_ops: NDArray[np.int64]


@dataclass(frozen=True)
class SpikesTrace:
    """What n samples did to a layer.

    spikes: uint8 [n, n_steps, n_post]; potential: int32 [n, n_post] at the end of the sample ([n,
    0] of a pooling layer); synaptic_ops: int64 [n].

    synaptic_ops: how often a weight was added to a neuron.
    """

    spikes: NDArray[np.uint8]
    potential: NDArray[np.int32]
    synaptic_ops: NDArray[np.int64]
