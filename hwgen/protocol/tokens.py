"""Events and tokens: what flows between layers, on wires and in files.

A sample is a sequence of tokens. Each of its steps is any number of spikes, in any order, closed
by END_OF_STEP; after the last step comes END_OF_SAMPLE, which clears the network.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from hwgen.network.learning import NO_LABEL
from hwgen.network.spikes import fire


class Kind(IntEnum):
    """Kinds of tokens; the numbers are those on the wire (`docs/contract.md`).

    Two bits. Tokens that mean nothing at their place are dropped by the core's gate.
    """

    SPIKE = 0
    END_OF_STEP = 1
    END_OF_SAMPLE = 2
    # On the output layer's stream, before END_OF_SAMPLE; into a core that learns, between samples:
    # asks for the weights of the layer `index`.
    POTENTIAL = 3


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a stream. `index` is the neuron for SPIKE and POTENTIAL, else mostly 0."""

    kind: Kind
    index: int = 0


def sample_tokens(
    spike_times: NDArray[np.uint8],
    n_steps: int,
    order: np.random.Generator | None = None,
    label: int = NO_LABEL,
) -> Iterator[Token]:
    """Tokens of one sample: spike times uint8 [n] (`n_steps` = never), or a raster uint8 [n_steps,
    n] of 0 and 1 -> tokens. n_steps: those in which the sample comes in (`n_input_steps`).

    Spikes of a step come in ascending index, or shuffled if a generator is given. The index of
    END_OF_SAMPLE is `label` + 1, so 0 without one (`docs/learning.md`).

    `docs/contract.md`, section 7. The order of the spikes of a step changes no bit of what comes
    out; shuffling is for tests of that.
    """
    for step in range(n_steps):
        indices = np.flatnonzero(fire(spike_times, step))
        if order is not None:
            order.shuffle(indices)
        for index in indices:
            yield Token(Kind.SPIKE, int(index))
        yield Token(Kind.END_OF_STEP)
    yield Token(Kind.END_OF_SAMPLE, label + 1)
