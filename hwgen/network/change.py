"""What changes on the way from real numbers to integers: always reported."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Change:
    """A parameter as asked for or learnt, as exported, and their distance.

    `tolerance`: the largest error allowed, or None where the error changes no spike, or was part
    of training from its first step; `note` says which.
    """

    name: str
    requested: float
    actual: float
    error: float
    tolerance: float | None = None
    note: str = ""

    def __str__(self) -> str:
        text = f"{self.name}: requested {self.requested:.6g}, actual {self.actual:.6g}, error "
        return f"{text}{self.error:.3g}" + (f" ({self.note})" if self.note else "")

    def to_json(self) -> dict[str, Any]:
        """A table of plain values."""
        return asdict(self)
