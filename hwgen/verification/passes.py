"""How samples go through a core: apart from `job`, for workers must know no HDL."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class Pass:
    """Samples from reset, once.

    `n_samples`: the first so many, or all. `stall`: chance of an idle cycle, each cycle, at each
    end, or of a burst of up to `stall_burst` of them (compiled cores only): with long ones, results
    wait until the whole core stops. `early_exit`: samples end at their decision, and only what
    comes before it is compared. `read_every`: of a core that learns, its weights are read after
    each so many samples, and after the last; None: after the last only.
    """

    n_samples: int | None = None
    stall: float = 0.0
    stall_burst: int = 1
    early_exit: bool = False
    read_every: int | None = 1

    def of(self, n: int) -> "Pass":
        """The same of n samples, with numbers in place of None."""
        n_samples = n if self.n_samples is None else min(self.n_samples, n)
        return Pass(**asdict(self) | {"n_samples": n_samples, "read_every": self.read_every or n})


def stalled_then_fast(stall: float, *, n_stalled: int | None = None) -> tuple[Pass, ...]:
    """What `hwgen cosim` does: everything compared; then cycles counted as on a board."""
    return Pass(n_samples=n_stalled, stall=stall), Pass(early_exit=True)


def learning_passes(stall: float = 0.0, *, read_every: int | None = 1) -> tuple[Pass, ...]:
    """What a core that learns is given, by `cosim` and by `verify`: cycles are of the second."""
    return Pass(stall=stall, read_every=read_every), Pass(read_every=None)
