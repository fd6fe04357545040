"""What a proof is: what is proved, how, and which planted faults must make it fail.

"prove" is induction: it holds for ever, from any state that can be reached. "bmc" looks at the
first cycles after power-up only, as many as `depth`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from formal.bench import Bench
from formal.planted import Fault
from formal.solver import Mode


@dataclass(frozen=True)
class Proof:
    """`depth`: cycles looked at, or steps of the induction. `fault_depth`: cycles in which each
    fault must show."""

    name: str
    make: Callable[[], Bench]
    mode: Mode
    depth: int
    faults: tuple[Fault, ...]
    fault_depth: int = 20


def proof(
    name: str,
    make: Callable[[], Bench],
    mode: Mode,
    depth: int,
    *faults: tuple[str, str, str],
    fault_depth: int = 20,
) -> Proof:
    return Proof(name, make, mode, depth, tuple(Fault(*f) for f in faults), fault_depth)
