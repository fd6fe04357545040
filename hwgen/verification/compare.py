"""What a compiled core did, against what golden says: every spike, potential, decision, counter."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwgen.golden import Trace
from hwgen.network.params import Params
from hwgen.network.spec import NetworkSpec
from hwgen.network.spikes import n_spikes
from hwgen.protocol.words import VERSION, Register
from hwgen.verification.core_trace import Recording
from hwgen.verification.mismatch import HANG, Mismatch

NEVER = -1  # in a mismatch of spikes, in place of a step
_CONSTANTS = (Register.ID0, Register.ID1, Register.VERSION, Register.SHAPE)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """`n_compared` by kind; `mismatch` is the first in the order of samples, then of steps."""

    n_compared: dict[str, int]
    n_mismatches: int
    mismatch: Mismatch | None


class _Part(NamedTuple):
    """Two arrays of one shape: [n, n_post], of a multi-spike network also [n, n_steps, n_post], or
    [n], or [n_registers] with their numbers."""

    kind: str
    what: str
    layer: int
    expected: NDArray[Any]
    got: NDArray[Any]
    numbers: tuple[int, ...] = ()


def compare(
    params: Params,
    inputs: NDArray[np.uint8],
    trace: Trace,
    recording: Recording,
    *,
    early_exit: bool = False,
) -> Comparison:
    """Compare samples of spike times uint8 [n, n_inputs].

    With early exit, spikes after the step of the decision, final potentials, and counters of work
    are not defined (`docs/contract.md`, section 7), so they are not compared.
    """
    n_compared = {"spikes": 0, "potentials": 0, "decisions": 0, "registers": 0}
    n_mismatches, found = recording.n_faults, []
    if recording.fault:
        found.append(recording.fault)
    for part in _parts(params, inputs, trace, recording, early_exit):
        n_compared[part.kind] += part.expected.size
        places = np.argwhere(part.expected != part.got)
        n_mismatches += len(places)
        if len(places):
            early = places[places[:, 0] == places[0, 0]]  # in the first sample
            found += [_mismatch(part, place, params.spec, recording) for place in early.tolist()]
    return Comparison(
        n_compared=n_compared,
        n_mismatches=n_mismatches,
        mismatch=first(found),
    )


def first(found: Sequence[Mismatch]) -> Mismatch | None:
    """The one that is first in the order of samples, then of steps."""
    return min(found, key=_order, default=None)


def _order(mismatch: Mismatch) -> tuple[bool, int, int, int]:
    """What went wrong first. A hang before all: what is missing after it is no fault of its own.

    What is of no sample, step or layer comes last.
    """
    where = (mismatch.sample, mismatch.step, mismatch.layer)
    sample, step, layer = (2**31 if number < 0 else number for number in where)
    return mismatch.what != HANG, sample, step, layer


def _parts(
    params: Params,
    inputs: NDArray[np.uint8],
    trace: Trace,
    got: Recording,
    early_exit: bool,
) -> Iterator[_Part]:
    """All that is compared."""
    n_steps, last = params.spec.n_steps, trace.decision_steps
    for layer, (times, seen) in enumerate(zip(trace.spike_times, got.spike_times, strict=True)):
        if early_exit and not params.spec.multi_spike:  # later spikes are as good as none
            times, seen = (np.where(x > last[:, None], n_steps, x) for x in (times, seen))
        yield _Part("spikes", "spikes", layer, times, seen)
    if not early_exit:
        for layer, values in enumerate(trace.potentials):
            yield _Part("potentials", "potentials", layer, values, got.potentials[layer])
    yield _Part("decisions", "decisions", -1, trace.decisions, got.labels)
    yield _Part("decisions", "steps of decisions", -1, last, got.steps)
    yield _Part("decisions", "decisions by a spike", -1, last < n_steps, got.by_spike)
    expected = _registers(params, inputs, trace, got, early_exit)
    yield _registers_part("registers", expected, got.registers)
    least, greatest = got.reads.T
    constants = {
        number: expected[number] for number in _CONSTANTS if least[number] <= greatest[number]
    }
    for values in (least, greatest):
        yield _registers_part("registers (read on the way)", constants, values)


def _registers_part(what: str, expected: dict[Register, int], got: NDArray[np.uint32]) -> _Part:
    numbers = [int(number) for number in expected]
    values = np.array([*expected.values()], np.int64) % 2**32
    return _Part("registers", what, -1, values, got[numbers], tuple(numbers))


def _registers(
    params: Params, inputs: NDArray[np.uint8], trace: Trace, got: Recording, early_exit: bool
) -> dict[Register, int]:
    n_steps = params.spec.n_steps
    expected = {
        Register.ID0: int(params.digest[:8], 16),
        Register.ID1: int(params.digest[8:16], 16),
        Register.VERSION: VERSION,
        Register.SHAPE: n_steps << 16 | params.spec.n_classes,
        Register.SAMPLES: len(inputs),
        Register.CYCLES: got.busy_cycles,
        Register.DROPPED: got.n_dropped,
    }
    if not early_exit:
        expected[Register.EVENTS] = int(n_spikes(inputs, n_steps).sum())
        expected[Register.SPIKES] = sum(
            int(n_spikes(layer, n_steps).sum()) for layer in trace.spike_times
        )
        expected[Register.SYNAPTIC_OPS] = int(trace.synaptic_ops.sum())
    return expected


def _mismatch(part: _Part, place: list[int], spec: NetworkSpec, recording: Recording) -> Mismatch:
    """The mismatch at a place of the arrays: [row], [row, column] or [row, step, column]."""
    expected, got = int(part.expected[*place]), int(part.got[*place])
    sample, index, step = place[0], place[-1], -1
    if part.kind == "spikes" and spec.multi_spike:
        step = place[1]
        cycle = int(recording.step_cycles[part.layer][sample, step])
        expected, got = (step if fires else NEVER for fires in (expected, got))
    elif part.kind == "spikes":
        step = min(expected, got)
        cycle = int(recording.step_cycles[part.layer][sample, step])  # of the step's end
        expected, got = (NEVER if time == spec.n_steps else time for time in (expected, got))
    elif part.kind == "potentials":
        cycle = int(recording.step_cycles[part.layer][sample, -1])
    elif part.kind == "decisions":
        cycle, index = int(recording.decided[sample]), -1
    else:
        cycle, index, sample = recording.n_cycles, part.numbers[sample], -1
    return Mismatch(
        what=part.what,
        sample=sample,
        layer=part.layer,
        step=step,
        index=index,
        expected=expected,
        got=got,
        cycle=cycle or -1,  # 0: it never came
    )
