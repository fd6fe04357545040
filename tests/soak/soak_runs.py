"""What `make soak` does to a core: samples back to back, and resets; all compared with golden."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from soak_nets import Net

from hwgen.errors import HwgenError
from hwgen.golden import Golden
from hwgen.golden.network import joined
from hwgen.golden.online import OnlineNetwork
from hwgen.network.learning_unit import with_learned_weights
from hwgen.network.params import Params
from hwgen.verification.compare import compare, first
from hwgen.verification.core_trace import Recording
from hwgen.verification.cxxrtl_session import Compiled, Shadows, TrainingSamples
from hwgen.verification.learning_worker import LockstepReference
from hwgen.verification.mismatch import Mismatch

# Passes of a soak. A spell is long enough for results that wait to stop the whole core, and for a
# host that sends nothing to let it run dry.
STALLS = {"stall": 0.3}
SPELLS = {"stall": 0.02, "stall_burst": 300}
PASSES: dict[str, dict[str, Any]] = {
    "no stall": {},
    "stalls": STALLS,
    "spells": SPELLS,
    "early exit": {"early_exit": True},
    "early exit, stalls": {"early_exit": True} | STALLS,
}
EVERY = {"no stall": 10**9, "stalls": 1, "spells": 7}  # of a core that learns: weights are read
N_CLEAN = 4  # samples behind resets
UNLABELLED_SHARE = 0.2


@dataclass
class Tally:
    """What was done and found; `mismatch` is the first, `what` says of what."""

    n_samples: int = 0
    n_compared: int = 0
    n_gapless: int = 0  # samples behind which the next began in the very next cycle
    n_idle: int = 0  # cycles without a stall in which the core would have taken a token
    n_resets: int = 0
    moments: Counter[str] = field(default_factory=Counter)  # of resets
    n_partial: int = 0  # training samples that a reset cut off, some weights old, some new
    mismatch: str = ""

    def add(self, recording: Recording, n_compared: int, found: Mismatch | None, what: str) -> bool:
        """Whether all was equal."""
        n = len(recording.labels)
        self.n_samples += n
        self.n_compared += n_compared
        self.n_resets += len(recording.moments)
        self.moments += Counter(moment.name for moment in recording.moments)
        if found and not self.mismatch:
            self.mismatch = f"{what}: {found}"
        return not self.mismatch


def labels_of(rng: np.random.Generator, params: Params, n: int) -> NDArray[np.int64]:
    labels = rng.integers(0, params.spec.n_classes, n)
    return np.where(rng.random(n) < UNLABELLED_SHARE, -1, labels)


def soak(net: Net, core: Compiled, n: int, seed: int) -> Tally:
    """n samples in one run, for each of the passes."""
    tally = Tally()
    inputs = net.inputs(seed, n)
    labels = labels_of(np.random.default_rng(seed), net.params, n)
    trace = None if net.learns else Golden(net.params).run(inputs)
    for name, options in PASSES.items():
        options = options | {"seed": seed}
        if trace is None:
            every = EVERY.get(name, n)
            course = Course(net, labels, every, given=net.spram)
            recording, n_compared, found = course.run(core, inputs, **options)
        else:
            recording = core.run(inputs, **options)
            early_exit = "early_exit" in options
            both = compare(net.params, inputs, trace, recording, early_exit=early_exit)
            n_compared, found = sum(both.n_compared.values()), both.mismatch
        if "stall" not in options:
            gaps = recording.started[1:] - recording.ended[:-1]
            tally.n_gapless += int((gaps == 1).sum())
            tally.n_idle += recording.n_idle
        if not tally.add(recording, n_compared, found, name):
            break
    return tally


class Course:
    """Samples of a core that learns, some of them training samples. `shadows`: in the end."""

    def __init__(
        self,
        net: Net,
        labels: NDArray[np.int64],
        every: int,
        *,
        given: bool = False,
        held: Shadows | None = None,
        teaches: bool = False,
    ) -> None:
        """given: the core is filled first. held: the weights that it holds; default: those that it
        was made with. teaches: the samples that the first of the resets cuts off are labelled, too;
        then what they have left is read before the first sample, and golden goes on from it."""
        self._net, self._labels, self._teaches = net, labels, teaches
        self._held = with_learned_weights(net.params, held) if held and not given else net.params
        self._beside: LockstepReference | None = None
        self._error: HwgenError | None = None
        self._found: Shadows = {}
        self.is_partial = False
        params = net.params
        self.shadows: Shadows = {n: params.shadows[n] for n in params.spec.learning_layers}
        self._training = TrainingSamples(
            labels=labels,
            on_shadows=self._read,
            read_every=every,
            given={n: x.astype(np.int64) for n, x in self.shadows.items()} if given else None,
            reads_first=teaches,
        )

    def run(
        self, core: Compiled, inputs: NDArray[np.uint8], **options: Any
    ) -> tuple[Recording, int, Mismatch | None]:
        params = self._net.params
        self._inputs = inputs
        if not self._teaches:
            self._beside = LockstepReference(self._held, inputs, self._labels)
        recording = core.run(inputs, training=self._training, **options)
        if self._error or not self._beside:  # no weights, or none that there could be
            return recording, 0, self._odd(str(self._error or "no weights came"), recording)
        beside, found = self._beside, []
        n = len(beside.traces) if beside.mismatch else len(inputs)
        beside.advance(n)
        got = compare(params, inputs[:n], joined(beside.traces), recording.first(n))
        found += [x for x in (got.mismatch, beside.mismatch) if x]
        n_compared = sum(got.n_compared.values()) + beside.n_compared
        if self._teaches:
            n_compared += sum(x.size for x in self._found.values())
            if not self._is_between(recording.n_cut):
                found.insert(0, self._odd("shadow weights neither old nor new", recording))
        return recording, n_compared, first(found)

    def _read(self, sample: int, shadows: Shadows) -> bool:
        if sample < 0:  # what the training samples that were cut off have left
            self._found = {n: x.copy() for n, x in shadows.items()}
            try:
                left = with_learned_weights(self._net.params, shadows)
            except HwgenError as error:
                self._error = error
                return False
            self._beside = LockstepReference(left, self._inputs, self._labels)
        else:
            assert self._beside is not None
            self.shadows = {n: x.copy() for n, x in shadows.items()}
            return self._beside.check_weights(sample, shadows)
        return True

    def _is_between(self, n_cut: int) -> bool:
        """Whether each weight found is that before or that after the last training sample begun."""
        online = OnlineNetwork(self._held)
        layers, n = self._net.params.spec.learning_layers, len(self._inputs)
        old = new = {layer: online.shadows(layer).copy() for layer in layers}
        for sample in range(n_cut):
            online.train_sample(self._inputs[sample % n], int(self._labels[sample % n]))
            old, new = new, {layer: online.shadows(layer).copy() for layer in layers}
        is_old = {x: self._found[x] == old[x] for x in layers}
        is_new = {x: self._found[x] == new[x] for x in layers}
        are_old, are_new = (all(x.all() for x in same.values()) for same in (is_old, is_new))
        self.is_partial = not are_old and not are_new
        return all((is_old[x] | is_new[x]).all() for x in layers)

    def _odd(self, what: str, recording: Recording) -> Mismatch:
        nothing = {"sample": -1, "layer": -1, "step": -1, "index": -1, "expected": 1, "got": 0}
        return recording.fault or Mismatch(what=what, cycle=recording.n_cycles, **nothing)


def resets(net: Net, core: Compiled, n_rounds: int, seed: int) -> Tally:
    """Rounds in one core that is never switched off: samples that resets cut off, clean samples."""
    rng, tally = np.random.default_rng(seed), Tally()
    core.power_up()
    shadows: Shadows | None = None
    length = 100.0  # cycles of a sample: those of the last round
    for number in range(n_rounds):
        inputs = net.inputs(int(rng.integers(2**31)), N_CLEAN)
        stall = float(rng.choice([0, 0.3]))
        options = {"stall": stall, "seed": int(rng.integers(2**31)), "cuts": _cuts(rng, length)}
        early_exit = bool(rng.integers(2))
        what = f"round {number}"
        if net.learns:
            labels = labels_of(rng, net.params, N_CLEAN)
            fills = net.spram and (shadows is None or rng.random() < 0.3)
            course = Course(
                net,
                labels,
                int(rng.integers(1, N_CLEAN + 1)),
                given=fills,
                held=shadows,
                teaches=not fills and rng.random() < 0.7,
            )
            recording, n_compared, found = course.run(
                core, inputs, early_exit=early_exit, **options
            )
            shadows = course.shadows
            tally.n_partial += course.is_partial
        else:
            recording = core.run(inputs, early_exit=early_exit, **options)
            trace = Golden(net.params).run(inputs)
            both = compare(net.params, inputs, trace, recording, early_exit=early_exit)
            n_compared, found = sum(both.n_compared.values()), both.mismatch
        length = max(10.0, recording.n_cycles / N_CLEAN)
        if not tally.add(recording, n_compared, found, what):
            break
    return tally


def _cuts(rng: np.random.Generator, length: float) -> list[int]:
    """Cycles before each reset: anywhere in some samples, then perhaps again and again at once."""
    cuts = [int(rng.integers(1, 4 * length))]
    while rng.random() < 0.5:
        cuts.append(
            int(rng.choice([0, 1, rng.integers(8), rng.integers(64), rng.integers(length)]))
        )
    return cuts
