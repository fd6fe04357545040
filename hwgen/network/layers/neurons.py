"""Neurons: what they do with the spikes that they get, and how wide their numbers are."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from hwgen.schema import Range

MAX_STEPS = 255  # spike times are 8-bit: values 0..n_steps, where n_steps means "never"
MAX_NEURONS = 2**16  # of a layer

Psp = Literal["step", "ramp", "triangle"]
Reset = Literal["never", "zero", "subtract"]
Order = Literal["reset, leak", "leak, reset"]
Fires = Literal["above", "at"]


@dataclass(frozen=True)
class SingleSpike:
    """Fires once a sample at most, when its potential exceeds its threshold; goes on integrating.

    `psp` is the postsynaptic potential of a spike of weight 1, d steps after it (0 in its own
    step): "step": 1; "ramp": d + 1; "triangle": max(0, min(d + 1, 2 * tau_steps - d - 1)).
    """

    psp: Psp = "step"
    tau_steps: int = 0  # triangle only: steps up, and steps down
    has_bias: bool = False  # with a slope only, which begins with it

    two_phase: ClassVar[Literal[False]] = False
    fires_again: ClassVar[Literal[False]] = False

    @property
    def has_slope(self) -> bool:
        """Whether spikes move a slope, which moves the potential in every step."""
        return self.psp != "step"

    @property
    def has_knee(self) -> bool:
        """Whether the effect of a spike turns down again, `tau_steps` after it."""
        return self.psp == "triangle"

    @property
    def moves_by_itself(self) -> bool:
        """Whether potentials move, or may fire, in a step without events."""
        return self.has_slope

    @property
    def moves_from_rest(self) -> bool:
        """Whether they may do so before any event: by a bias."""
        return self.has_bias

    def __str__(self) -> str:
        """As a part of a line about a layer."""
        tau = f" of {self.tau_steps} steps" if self.tau_steps else ""
        bias = ", bias" if self.has_bias else ""
        return f", {self.psp}{tau}{bias}" if self.has_slope else ""

    def highest_psp(self, n_steps: int) -> int:
        """Most that a spike of weight 1 adds to a potential in a sample.

        n_steps: of a sample.
        """
        if self.psp == "triangle":
            return min(n_steps, self.tau_steps)
        return n_steps if self.psp == "ramp" else 1


@dataclass(frozen=True)
class TwoPhase:
    """Integrates all steps of a sample first, with the ramp as PSP; then fires, once at most.

    It fires in as many steps of its own, in each of which its potential rises by its drive. What
    takes values integrates them once, and not in each step.
    See `docs/decisions/0008-phased-layers.md`; in files such a layer is `phased`.
    """

    psp: ClassVar[Literal["ramp"]] = "ramp"
    two_phase: ClassVar[Literal[True]] = True
    fires_again: ClassVar[Literal[False]] = False
    has_slope: ClassVar[Literal[True]] = True
    has_knee: ClassVar[Literal[False]] = False
    moves_by_itself: ClassVar[Literal[True]] = True
    moves_from_rest: ClassVar[Literal[False]] = False  # but by its drive, in its own steps
    has_bias: ClassVar[Literal[False]] = False

    def __str__(self) -> str:
        """As a part of a line about a layer."""
        return ", ramp, two-phase"

    def highest_psp(self, n_steps: int) -> int:
        """With as much again by the drive, which is no larger than the largest slope."""
        return 2 * n_steps


@dataclass(frozen=True)
class Lif:
    """Leaky integrate and fire: fires in each step in which it exceeds its threshold.

    A spike of weight w adds ``w << fraction_bits``. In each step a bias is added, if there is one;
    then the neuron fires if its potential is "above" its threshold, or "at" or above it. Then its
    potential is set to zero, or the threshold is subtracted (`reset`), and a potential v leaks:
    ``v -= v * leak_times >> leak_shift`` (leak_shift 0: not at all). `order` "leak, reset": what
    leaks is of the potential before the reset, as in snnTorch; by default, of what is left.
    """

    reset: Literal["zero", "subtract"]
    leak_shift: int = 0
    leak_times: int = 1
    fraction_bits: int = 0
    has_bias: bool = False
    order: Order = "reset, leak"
    fires: Fires = "above"
    takes_values: bool = False

    psp: ClassVar[Literal["step"]] = "step"
    two_phase: ClassVar[Literal[False]] = False
    fires_again: ClassVar[Literal[True]] = True
    has_knee: ClassVar[Literal[False]] = False

    @property
    def has_slope(self) -> bool:
        """Whether there is a current, the same in each step: of an input that brings values."""
        return self.takes_values

    @property
    def moves_by_itself(self) -> bool:
        """Whether potentials move, or may fire, in a step without events."""
        return (
            self.leak_shift > 0
            or self.reset == "subtract"
            or self.moves_from_rest
            or self.takes_values
        )

    @property
    def moves_from_rest(self) -> bool:
        """Whether they may do so before any event: by a bias, or as 0 is at a threshold of 0."""
        return self.has_bias or self.fires == "at"

    def __str__(self) -> str:
        """As a part of a line about a layer."""
        how = "to zero" if self.reset == "zero" else "by subtraction"
        parts = [f", reset {how}"]
        if self.leak_shift:
            parts.append(f", leak {self.leak_times}/{2**self.leak_shift}")
        if self.order == "leak, reset":
            parts.append(" before the reset")
        if self.fires == "at":
            parts.append(", fires at the threshold")
        if self.fraction_bits:
            parts.append(f", {self.fraction_bits} bits below a weight's unit")
        parts += [", bias"] * self.has_bias
        return "".join(parts) + ", of values" * self.takes_values

    def highest_psp(self, n_steps: int) -> int:
        """Of one spike; for all that may come see `Neurons.min_potential_bits`."""
        return 1


Neuron = SingleSpike | TwoPhase | Lif


@dataclass(frozen=True, kw_only=True)
class Neurons:
    """What dense and convolutional layers share: weights, widths and a kind of neuron.

    `weight_bits` 1 means the weights are -1 and +1; 2..8 means symmetric signed integers.
    `potential_bits` is the width of the signed potential and of the threshold. The other fields
    are those of files (`docs/contract.md`, section 2); what they mean is `neuron`, and nothing
    outside this package reads them.
    """

    weight_bits: Annotated[int, Range(1, 8)]
    potential_bits: Annotated[int, Range(2, 31)]
    psp: Psp = "step"
    tau_steps: Annotated[int, Range(0, MAX_STEPS)] = 0
    phased: bool = False
    reset: Reset = "never"
    leak_shift: Annotated[int, Range(0, 15)] = 0
    leak_times: Annotated[int, Range(1, 2**15)] = 1
    fraction_bits: Annotated[int, Range(0, 12)] = 0
    input_bits: Annotated[int, Range(0, 8)] = 0  # of the values that inputs bring; 0: spikes
    bias_bits: Annotated[int, Range(0, 31)] = 0  # signed width of biases; 0: there is none
    order: Order = "reset, leak"
    fires: Fires = "above"
    has_weights: ClassVar[Literal[True]] = True

    @property
    def neuron(self) -> Neuron:
        """What the neurons do. Of fields that contradict one another (`problems`), the last of
        reset, phased and psp that says something counts."""
        if self.reset != "never":
            return Lif(
                self.reset,
                self.leak_shift,
                self.leak_times,
                self.fraction_bits,
                self.bias_bits > 0,
                self.order,
                self.fires,
                self.input_bits > 0,
            )
        if self.phased:
            return TwoPhase()
        return SingleSpike(self.psp, self.tau_steps, self.bias_bits > 0)

    @property
    def n_fan_in(self) -> int:
        """Synapses of a neuron."""
        raise NotImplementedError

    @property
    def n_thresholds(self) -> int:
        """One a neuron, or a filter."""
        raise NotImplementedError

    @property
    def max_weight(self) -> int:
        """Largest magnitude of a weight."""
        return 1 if self.weight_bits == 1 else 2 ** (self.weight_bits - 1) - 1

    @property
    def slope_bits(self) -> int:
        """Signed width of the slope, 0 if there is none: each input moves it by its weight, or by
        its weight times its value."""
        begins = 0 if self.neuron.fires_again else self.max_bias  # the slope's own, of one spike
        return signed_bits(self.max_slope + begins) if self.neuron.has_slope else 0

    @property
    def max_slope(self) -> int:
        """Largest magnitude of the sum of all weights of a neuron, times values if there are."""
        return self.n_fan_in * self.max_weight * self.max_input

    @property
    def max_input(self) -> int:
        """Largest value that an input brings: 1 of a spike."""
        return 2**self.input_bits - 1 if self.input_bits else 1

    def max_drive(self, n_steps: int) -> int:
        """Largest drive: the largest slope; of values, which come once and not in each of the
        `n_steps`, as much as reaches as far in all steps together."""
        return -(-self.max_slope // n_steps) if self.input_bits else self.max_slope

    @property
    def n_drives(self) -> int:
        """One a threshold in a two-phase layer, else 0."""
        return self.n_thresholds if self.neuron.two_phase else 0

    @property
    def n_biases(self) -> int:
        """One a threshold in a layer that has `bias_bits`, else 0."""
        return self.n_thresholds if self.bias_bits else 0

    @property
    def max_bias(self) -> int:
        """Largest magnitude of a bias."""
        return 2 ** (self.bias_bits - 1) - 1 if self.bias_bits else 0

    @property
    def max_threshold(self) -> int:
        """Largest threshold that the width of the potential holds."""
        return int(2 ** (self.potential_bits - 1) - 1)

    def min_potential_bits(self, n_steps: int, *, multi_spike: bool = False) -> int:
        """Narrowest signed width in which no order of events can overflow.

        Each input fires at most once, and adds at most its weight times the highest PSP. In a
        multi-spike network each may fire in each step: then the bound is that of a neuron that all
        inputs excite, and that never fires. Values count as so many spikes in each step, or, in a
        two-phase layer, once.

        The sign included. Contract, section 1: a file with fewer is refused.
        """
        if multi_spike:
            gain = (self.max_slope << self.fraction_bits) + self.max_bias
            rest = most = 0
            for _ in range(n_steps):
                most = rest + gain
                leak = most * self.leak_times >> self.leak_shift if self.leak_shift else 0
                rest = most - leak
                if self.order == "leak, reset" and self.reset == "subtract":
                    # All of the threshold goes, and what leaks of the potential before that: by so
                    # much it may fall below 0.
                    rest = max(rest, leak)
            return signed_bits(most)
        if self.neuron.two_phase and self.input_bits:
            return signed_bits(self.max_slope + n_steps * self.max_drive(n_steps))
        most = self.max_slope * self.neuron.highest_psp(n_steps)
        return signed_bits(most + n_steps * self.max_bias)

    def problems(self, n_steps: int, *, multi_spike: bool) -> Iterator[str]:
        """What contradicts itself or does not fit its width: ends of messages."""
        if (self.psp == "triangle") != (self.tau_steps > 0):
            yield (
                f".tau_steps is {self.tau_steps} with psp {self.psp!r}, "
                "expected at least 1 with 'triangle' and 0 with others"
            )
        if self.phased and self.psp != "ramp":
            yield f".psp is {self.psp!r} in a two-phase layer, expected 'ramp'"
        if self.leak_times > 2**self.leak_shift:
            yield (
                f".leak_times is {self.leak_times} with leak_shift {self.leak_shift}, expected at "
                f"most {2**self.leak_shift}: no more leaks than there is"
            )
        if self.bias_bits == 1:
            yield ".bias_bits is 1, expected 0 (no bias) or 2..31"
        yield from self.own_problems()
        needed = self.min_potential_bits(n_steps, multi_spike=multi_spike)
        if self.potential_bits < needed:
            yield (
                f".potential_bits is {self.potential_bits}, too narrow: {self.n_fan_in} inputs of "
                f"weight up to {self.max_weight} need {needed} with psp {self.psp!r}"
            )

    def own_problems(self) -> Iterator[str]:
        """Those of one kind of layer only."""
        return iter(())


def n_signed_digits(number: int) -> int:
    """Digits -1 and 1 of the shortest sum of powers of two: 2 of 7 = 8 - 1."""
    return (number ^ 3 * number).bit_count()


def signed_bits(largest: int) -> int:
    """Bits that hold every integer within plus and minus `largest`."""
    return largest.bit_length() + 1
