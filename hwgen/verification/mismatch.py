"""The first difference between hardware and golden, as benches report it."""

from dataclasses import dataclass

# What no stream of a right core does: a `Mismatch` of its own, and no way on.
HANG = "transfers (the core hangs)"
HELD = "tokens held back by the receiver"
UNKNOWN = "signals (one is neither 0 nor 1)"


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """-1 where a field does not apply; `layer` -1 is the core itself. Steps count from 0.

    Of a weight, `pre` is the input and `index` the neuron.
    """

    what: str
    sample: int
    layer: int
    step: int
    index: int
    expected: int
    got: int
    cycle: int
    waveform: str = ""
    pre: int = -1

    def __str__(self) -> str:
        place = "core" if self.layer < 0 else f"layer {self.layer}"
        where = f"step {self.step}, index {self.index}"
        if self.pre >= 0:
            where = f"pre {self.pre}, post {self.index}"
        return (
            f"{self.what} differ: sample {self.sample}, {place}, {where}: "
            f"expected {self.expected}, got {self.got}, "
            f"cycle {self.cycle}, waveform {self.waveform or 'not recorded'}"
        )
