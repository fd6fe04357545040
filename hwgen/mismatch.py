"""The first difference between hardware and golden, as benches report it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """-1 where a field does not apply; `layer` -1 is the core itself. Steps count from 0."""

    what: str
    sample: int
    layer: int
    step: int
    index: int
    expected: int
    got: int
    cycle: int
    waveform: str = ""

    def __str__(self) -> str:
        place = "core" if self.layer < 0 else f"layer {self.layer}"
        return (
            f"{self.what} differ: sample {self.sample}, {place}, step {self.step}, "
            f"index {self.index}: expected {self.expected}, got {self.got}, "
            f"cycle {self.cycle}, waveform {self.waveform or 'not recorded'}"
        )
