"""What all layers with weights share: their neurons."""

from dataclasses import dataclass
from typing import Annotated, Literal

from hwgen.schema import Range

MAX_STEPS = 255  # spike times are 8-bit: values 0..n_steps, where n_steps means "never"
MAX_NEURONS = 2**16  # of a layer

Psp = Literal["step", "ramp", "triangle"]
Reset = Literal["never", "zero", "subtract"]


@dataclass(frozen=True, kw_only=True)
class Neurons:
    """What dense and convolutional layers of single-spike neurons share.

    `weight_bits` 1 means the weights are -1 and +1; 2..8 means symmetric signed integers.
    `potential_bits` is the width of the signed potential and of the threshold. `psp` is the
    postsynaptic potential of a spike of weight 1, d steps after it (0 in its own step):
    "step": 1; "ramp": d + 1; "triangle": max(0, min(d + 1, 2 * tau_steps - d - 1)).
    A `phased` layer takes in all steps of a sample first, and then fires in as many steps of its
    own, in each of which its potentials rise by their drive. Its `psp` is the ramp.
    `reset` "never": a neuron fires once a sample at most, and goes on integrating. Else it fires in
    each step in which it exceeds its threshold; then its potential is set to zero, or the threshold
    is subtracted. At the end of each step a potential v leaks: ``v -= v >> leak_shift`` (0: not).
    """

    weight_bits: Annotated[int, Range(1, 8)]
    potential_bits: Annotated[int, Range(2, 31)]
    psp: Psp = "step"
    tau_steps: Annotated[int, Range(0, MAX_STEPS)] = 0  # triangle only: steps up, and steps down
    phased: bool = False
    reset: Reset = "never"
    leak_shift: Annotated[int, Range(0, 15)] = 0  # only where there is a reset

    @property
    def n_fan_in(self) -> int:
        """Synapses of a neuron."""
        raise NotImplementedError

    @property
    def max_weight(self) -> int:
        """Largest magnitude of a weight."""
        return 1 if self.weight_bits == 1 else 2 ** (self.weight_bits - 1) - 1

    @property
    def slope_bits(self) -> int:
        """Signed width of the slope, 0 with the step: each input moves it by its weight at most."""
        return 0 if self.psp == "step" else _signed_bits(self.max_slope)

    @property
    def moves_by_itself(self) -> bool:
        """Whether potentials move, or may fire, in a step without events."""
        return self.slope_bits > 0 or self.leak_shift > 0 or self.reset == "subtract"

    @property
    def max_slope(self) -> int:
        """Largest magnitude of the sum of all weights of a neuron; and largest drive."""
        return self.n_fan_in * self.max_weight

    def min_potential_bits(self, n_steps: int, *, multi_spike: bool = False) -> int:
        """Narrowest signed width in which no order of events can overflow.

        Each input fires at most once, and adds at most its weight times the highest PSP. The drive
        of a phased layer can add as much again. In a multi-spike network each may fire in each
        step: then the bound is that of a neuron that all inputs excite, and that never fires.
        """
        if multi_spike:
            most = 0
            for _ in range(n_steps):
                most += self.max_slope - (most >> self.leak_shift if self.leak_shift else 0)
            return _signed_bits(most)
        highest = {"step": 1, "ramp": n_steps, "triangle": min(n_steps, self.tau_steps)}[self.psp]
        return _signed_bits(self.max_slope * highest * (2 if self.phased else 1))

    @property
    def n_thresholds(self) -> int:
        """One a neuron, or a filter."""
        raise NotImplementedError

    @property
    def n_drives(self) -> int:
        return self.n_thresholds if self.phased else 0

    @property
    def max_threshold(self) -> int:
        return int(2 ** (self.potential_bits - 1) - 1)


def _signed_bits(largest: int) -> int:
    """Bits that hold every integer within plus and minus `largest`."""
    return largest.bit_length() + 1
