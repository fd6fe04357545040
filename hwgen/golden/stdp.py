"""On-chip learning in integers: what a sample with a label does to the weights. `docs/learning.md`.

SSTDP (Liu et al. 2021, eq. 4-11) and STiDi-BP (arXiv 2108.13621) are windows of the same rule.
Each function is a few lines of the document.
"""

import numpy as np
from numpy.typing import NDArray

from hwgen.network.layers.dense import DenseSpec
from hwgen.network.learning import LFSR_BITS, MAX_SHIFT, LearningSpec

Ints = NDArray[np.int64]


def output_errors(times: Ints, label: int, n_steps: int, margin: int) -> Ints:
    """How much too late each output fires: int64 [n_classes] of spike times -> the same.

    The label is to fire `margin` steps before all others, and those `margin` after it (eq. 4-6).
    Who is beyond that has no error.

    label: 0 .. n_classes - 1. margin: steps. Errors are in steps, positive for the label, negative
    for others; never is n_steps (`docs/learning.md`, point 1).
    """
    # A network of one class has no others. Its output is to fire before the last steps.
    others = np.delete(times, label)
    earliest = int(others.min()) if len(others) else n_steps
    errors = np.minimum(0, times - min(int(times[label]) + margin, n_steps))
    errors[label] = max(0, int(times[label]) - max(0, earliest - margin))
    return errors


def normalise(errors: Ints, bits: int) -> Ints:
    """Shifted so that the largest magnitude has `bits` bits; rounded, halves up.

    errors: int64 [n], not all 0. SSTDP's code divides by the length of the vector; a shift needs no
    divider (point 2). Rounding up may give 2 ** bits.
    """
    shift = int(np.abs(errors).max(initial=0)).bit_length() - bits
    if shift <= 0:
        return errors << -shift
    # An arithmetic shift rounds down, so half is added first: halves go up, as in hardware.
    return (errors + (1 << shift - 1)) >> shift


def reference_times(times: Ints, layer: DenseSpec, n_steps: int) -> Ints:
    """To which inputs count as earlier: the spike; the last step if there is none, or if phased.

    times: int64 [n_post], n_steps for never. Returns the same shape, 0 .. n_steps - 1 (point 3).
    """
    # A silent output takes part as if it fired in the last step, or it could never learn to fire.
    last = n_steps - 1
    return np.full_like(times, last) if layer.neuron.two_phase else np.minimum(times, last)


def hidden_errors(weights: NDArray[np.int8], errors: Ints, pre: Ints, reference: Ints) -> Ints:
    """Through the weights to the layer below (eq. 10-11): int64 [n_pre].

    weights: int8 [n_pre, n_post]; errors, reference: [n_post]; pre: spike times [n_pre].

    Equal times count as arrived: a spike reaches the layer above within its step. Without a shift:
    the layer below normalises what it gets (point 6).
    """
    arrived = pre[:, None] <= reference[None, :]
    return (weights * arrived) @ errors


def can_move(times: Ints, layer: DenseSpec, n_steps: int) -> NDArray[np.bool_]:
    """Whether a hidden neuron learns: it fired, and, if phased, not in the first step.

    times: int64 [n]. A two-phase neuron that fires in its first step can come no earlier.
    """
    return (times < n_steps) & ((times > 0) | (not layer.neuron.two_phase))


def changes(
    learning: LearningSpec,
    layer: DenseSpec,
    errors: Ints,
    since: Ints,
    dither: Ints,
    rate_shift: int,
) -> Ints:
    """Change of each shadow weight (eq. 7-9): int64 [n, n_post] for n inputs that came.

    errors: [n_post]; since: [n, n_post], steps from the input to the reference time; dither: the
    same shape, not negative, of which each uses as many bits as it is shifted by.

    `rate_shift`: of the layer, halvings included; negative: to the left. Shifts of window and rate
    add up, and stop at `MAX_SHIFT` to the right. Returns what is added, before the limits of the
    shadows.
    """
    products = np.broadcast_to(errors, since.shape)
    shifts = np.full(since.shape, rate_shift)
    if learning.window == "psp":
        psp = (since + 1 if layer.neuron.psp == "ramp" else 1) * (since >= 0)
        # STiDi-BP, eq. 8: with the ramp the PSP at the reference time, with the step 1.
        products = products * psp
    else:
        late = since < 0
        if learning.window == "exponential":
            shifts = shifts + (np.abs(since) >> learning.tau_log2)
        if learning.anticausal_shift is None:
            products = products * ~late
        else:
            # An input that came after the spike is weakened where one before it is strengthened
            # (SSTDP, eq. 7-9).
            products = np.where(late, -products, products)
            shifts = shifts + learning.anticausal_shift * late
    # At 15 the dither has as many bits as it may: one less than its register.
    right = np.clip(shifts, 0, MAX_SHIFT)
    # To the left nothing falls off, so nothing is rounded, and dither is masked to 0 bits.
    raised = products << np.maximum(0, -shifts)
    change: Ints = (raised + (dither & ((1 << right) - 1))) >> right
    return change


def dither(state: int, pre: Ints, n_post: int) -> Ints:
    """For input i and neuron j: the low bits of state + i + j. int64 [n, n_post] for inputs `pre`.

    The same for any order of events and any lanes; over the inputs of a neuron evenly spread.

    state: 1 .. 65535. pre: int64 [n], numbers of inputs. Values are 0 .. 65535, of which `changes`
    takes the low bits (point 5).
    """
    bits: Ints = (state + pre[:, None] + np.arange(n_post)) & (2**LFSR_BITS - 1)
    return bits
