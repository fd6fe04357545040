"""How a core learns: the choices, and the arithmetic of shadow weights. Standard library and numpy.

The rule that uses them is stated in `docs/learning.md` and executable in `hwgen.golden.online`.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from hwgen.schema import Range

MAX_SHIFT = 15  # of a change, to the right: dither has as many bits, less one than the LFSR
LFSR_BITS = 16
NO_LABEL = -1  # in place of a label: the sample is run, but not learnt
TAPS = 0xB400  # x^16 + x^14 + x^13 + x^11 + 1, maximal length


@dataclass(frozen=True, kw_only=True)
class LearningSpec:
    """Of a core with a learning unit. Part of `NetworkSpec`.

    A synapse changes by ``(error * window + dither) >> shift``. `window` is of the time from the
    input's spike to the reference time of the neuron: "psp", the postsynaptic potential (STiDi-BP);
    "box", 1 (SSTDP); "exponential", 2 ** -(time >> tau_log2) (SSTDP). Later inputs count
    -2 ** -anticausal_shift times as much with the last two, and not at all if that is None. Inputs
    that never came change nothing.
    """

    layers: Literal["all", "last"] = "all"
    shadow_bits: Annotated[int, Range(2, 24)] = 16
    window: Literal["psp", "box", "exponential"] = "psp"
    tau_log2: Annotated[int, Range(0, 8)] = 0  # exponential only
    anticausal_shift: Annotated[int, Range(0, MAX_SHIFT)] | None = None
    margin_steps: Annotated[int, Range(0, 255)] = 3  # the label before all others
    error_bits: Annotated[int, Range(1, 8)] = 4  # of the largest error of a layer
    hidden_shift: Annotated[int, Range(-MAX_SHIFT, MAX_SHIFT)] = 0  # the rate is 2 ** -shift
    output_shift: Annotated[int, Range(-MAX_SHIFT, MAX_SHIFT)] = 0
    halve_log2: Annotated[int, Range(0, 31)] = 0  # after each 2 ** halve_log2 samples the rate ...
    n_halvings: Annotated[int, Range(0, MAX_SHIFT)] = 0  # ... is halved, up to so many times
    seed: Annotated[int, Range(1, 2**LFSR_BITS - 1)] = 1  # of the dither

    def halvings(self, n_learnt: int) -> int:
        """How often the rate has been halved after `n_learnt` samples."""
        return min(self.n_halvings, n_learnt >> self.halve_log2)


def shadow_limits(weight_bits: int, shadow_bits: int) -> tuple[int, int]:
    """Least and greatest shadow weight; a change beyond them stops there.

    `docs/learning.md`, "What learns". Both are inclusive.
    """
    greatest = 2 ** (shadow_bits - 1) - 1
    # The least weight of several bits is -(2 ** (weight_bits - 1) - 1), as everywhere.
    return (-greatest if weight_bits == 1 else 2 ** (shadow_bits - weight_bits) - greatest - 1), (
        greatest
    )


def forward_weights(
    shadows: NDArray[np.integer], weight_bits: int, shadow_bits: int
) -> NDArray[np.int8]:
    """The weights that the forward path uses: the top bits of the shadows, or their signs.

    shadows: int, of any shape, within `shadow_limits`. Every one gives a legal weight.
    """
    if weight_bits == 1:
        return np.where(shadows < 0, -1, 1).astype(np.int8)
    return (shadows >> (shadow_bits - weight_bits)).astype(np.int8)


def initial_shadows(
    weights: NDArray[np.int8], weight_bits: int, shadow_bits: int
) -> NDArray[np.int32]:
    """Shadows of weights that were not learnt on chip: in the middle of what rounds to them, or, of
    signs, an eighth of the range from changing.

    weights: legal ones, int8. `forward_weights` of the result gives them back.
    """
    wide = weights.astype(np.int32)
    if weight_bits == 1:
        signs: NDArray[np.int32] = wide * max(1, 2**shadow_bits // 16)
        return signs
    below = shadow_bits - weight_bits
    shadows: NDArray[np.int32] = (wide << below) + (2 ** (below - 1) if below else 0)
    return shadows


def next_state(state: int) -> int:
    """The linear feedback shift register of the dither, one sample on.

    state: 1 .. 65535, as is the result; all of them come before one comes again.
    """
    return state >> 1 ^ (TAPS if state & 1 else 0)
