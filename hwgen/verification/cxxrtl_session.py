"""A compiled core (`toolchain.cxxrtl`): streams samples through it, records what comes out."""

import ctypes
import weakref
from collections.abc import Callable, Mapping, Sequence
from ctypes import c_void_p
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import ToolError
from hwgen.network.layers.dense import DenseSpec
from hwgen.network.layers.kinds import LayerSpec
from hwgen.network.params import Params
from hwgen.network.spec import NetworkSpec
from hwgen.protocol.memory import n_blocks, packed, unpacked
from hwgen.protocol.words import Register
from hwgen.verification.core_trace import UNSEEN, Moment, Recording
from hwgen.verification.cxxrtl_abi import (
    FAULTS,
    FaultRecord,
    LayerJob,
    OnShadows,
    SessionJob,
    require,
)
from hwgen.verification.mismatch import Mismatch

QUIET_CYCLES = 20_000  # nothing moves for so long, and for two more a neuron: the core hangs
Shadows = Mapping[int, NDArray[np.int64]]  # by layer: [n_pre, n_post]


@dataclass(frozen=True, kw_only=True)
class TrainingSamples:
    """How samples are learnt: labels int64 [n], `NO_LABEL` of those that are not.

    After every `read_every` samples, and after the last, the core is asked for its shadow weights,
    and `on_shadows(sample, shadows)` is called. If that returns False, the run ends there. The core
    is filled with `given` first; a core with shadows in SPRAM needs it, others do not take it.
    `reads_first`: also before the first, with sample -1; then the samples that the first reset cuts
    off before the run are training samples, too, from the first on, and have changed the weights.
    """

    labels: NDArray[np.int64]
    on_shadows: Callable[[int, Shadows], bool]
    read_every: int = 1
    given: Shadows | None = None
    reads_first: bool = False


class Compiled:
    """The core in a library, of these params and lanes."""

    def __init__(self, library: Path, params: Params, lanes: Sequence[int]) -> None:
        self._spec = params.spec
        self._lanes = lanes
        self._core: int | None = None
        try:
            self._library = ctypes.CDLL(str(library.resolve()))
            self._run, self._make = self._library.hwgen_run, self._library.hwgen_core
            require(self._library, library)
        except (OSError, AttributeError) as error:
            folder = library.parent
            raise ToolError(f"{library}: not a compiled core ({error}); remove {folder}") from None

    def power_up(self) -> None:
        """From now on, runs go on in one core, whose memories hold what the run before has left
        there. Else each has a core of its own."""
        self._make.restype = c_void_p
        self._core = self._make()
        weakref.finalize(self, self._library.hwgen_free, c_void_p(self._core))

    def run(
        self,
        inputs: NDArray[np.uint8],
        *,
        stall: float = 0.0,
        stall_burst: int = 1,
        seed: int = 0,
        early_exit: bool = False,
        training: TrainingSamples | None = None,
        cuts: Sequence[int] | None = None,
    ) -> Recording:
        """Samples, back to back, as golden takes them: spike times uint8 [n, n_inputs], or rasters
        uint8 0/1 [n, n_input_steps, n_inputs] -> Recording.

        Other samples go in before, which a reset cuts off at a random moment; with `cuts`, as many
        resets, behind so many cycles each. Spikes of a step go in in random order. `stall` is the
        chance of an idle cycle, each cycle, at each end, or of a burst of up to `stall_burst`;
        with stalls, some tokens go in between that the core must drop, and registers are read. All
        that is random depends on `seed` only. `training`: of a core that learns.
        """
        spec, n = self._spec, len(inputs)
        if not n:
            raise ValueError("no samples")
        inputs = np.ascontiguousarray(inputs, np.uint8)
        room = _Room(n, spec, self._lanes)
        lengths = np.array(() if cuts is None else cuts, np.int64)
        moments = np.zeros_like(lengths)
        job = SessionJob(
            n=n,
            **_network(spec),
            inputs=inputs.ctypes.data,
            early_exit=early_exit,
            quiet_cycles=int(_quiet_cycles(spec) * stall_burst / (1 - stall)),
            stall=stall,
            stall_burst=stall_burst,
            seed=seed,
            core=self._core,
            n_cuts=-1 if cuts is None else len(cuts),
            cuts=lengths.ctypes.data,
            moments=moments.ctypes.data,
            **room.pointers(),
        )
        reader = _Reader(self._spec, self._lanes, training, job) if training else None
        self._run(ctypes.byref(job))
        if reader and reader.error:
            raise reader.error
        return Recording(
            **room.recorded(),
            n_cycles=job.n_cycles,
            busy_cycles=job.busy_cycles,
            n_dropped=job.n_dropped,
            n_idle=job.n_idle,
            n_cut=job.n_cut,
            moments=tuple(map(Moment, moments.tolist())),
            n_faults=job.n_faults,
            fault=_fault(job.fault) if job.n_faults else None,
        )


# What a core did with each sample: members of `SessionJob` and of `Recording`.
_OF_SAMPLES: dict[str, type] = {
    "labels": np.uint32,
    "steps": np.uint8,
    "by_spike": np.uint8,
    "started": np.uint64,
    "decided": np.uint64,
    "ended": np.uint64,
    "resumed": np.uint64,
}


class _Room:
    """Arrays that the bench writes to. They must be kept until it has run."""

    def __init__(self, n: int, spec: NetworkSpec, lanes: Sequence[int]) -> None:
        layers = spec.layers
        self._times = [_silent(n, spec, layer.n_post) for layer in layers]
        self._potentials = [
            np.full((n, layer.n_post if layer.has_weights else 0), UNSEEN, np.int32)
            for layer in layers
        ]
        self._step_cycles = [np.zeros((n, spec.n_steps), np.uint64) for _ in layers]
        rows = zip(layers, lanes, self._times, self._potentials, self._step_cycles, strict=True)
        self._layers = (LayerJob * len(layers))(*(_layer(*row) for row in rows))
        self._registers = np.zeros(len(Register), np.uint32)
        self._least = ~np.zeros_like(self._registers)
        self._greatest = np.zeros_like(self._registers)
        self._of_samples: dict[str, NDArray[Any]] = {
            name: np.zeros(n, dtype) for name, dtype in _OF_SAMPLES.items()
        }

    def pointers(self) -> dict[str, Any]:
        """Members of `SessionJob`."""
        arrays = {
            "registers": self._registers,
            "least": self._least,
            "greatest": self._greatest,
            **self._of_samples,
        }
        return {
            "n_layers": len(self._layers),
            "layers": self._layers,
            "n_registers": len(self._registers),
            **{name: array.ctypes.data for name, array in arrays.items()},
        }

    def recorded(self) -> dict[str, Any]:
        """Members of `Recording`."""
        return {
            "spike_times": tuple(self._times),
            "potentials": tuple(self._potentials),
            "step_cycles": tuple(self._step_cycles),
            "registers": self._registers,
            "reads": np.stack([self._least, self._greatest], axis=1),
            **self._of_samples,
        }


def _quiet_cycles(spec: NetworkSpec) -> int:
    """After so many cycles without anything coming out, a core is dead."""
    quiet = QUIET_CYCLES + 2 * sum(layer.n_post for layer in spec.layers)
    return quiet + 2 * sum(spec.layers[index].n_synapses for index in spec.learning_layers)


class _Reader:
    """Hands the shadow weights that a core sends to `TrainingSamples.on_shadows`, in order."""

    def __init__(
        self, spec: NetworkSpec, lanes: Sequence[int], training: TrainingSamples, job: SessionJob
    ) -> None:
        """Makes a job one of training. Must be kept until it has run."""
        assert spec.learning is not None
        self._on_shadows, self._lanes = training.on_shadows, lanes
        self.error: BaseException | None = None  # of `on_shadows`
        self._layers: dict[int, tuple[DenseSpec, NDArray[np.int32]]] = {}
        self._given: list[NDArray[np.int32]] = []
        for index in spec.learning_layers:
            layer = spec.dense(index)
            n = n_blocks(layer.n_post, lanes[index]) * layer.n_pre * lanes[index]
            values = np.zeros(n, np.int32)
            self._layers[index] = layer, values
            job.layers[index].n_shadows, job.layers[index].shadows = n, values.ctypes.data
            if training.given:
                first = packed(training.given[index], layer, lanes[index]).astype(np.int32)
                self._given.append(first)
                job.layers[index].given = first.ctypes.data
        self._labels = np.ascontiguousarray(training.labels, np.int64) + 1
        job.training_labels, job.every = self._labels.ctypes.data, training.read_every
        job.reads_first = training.reads_first
        job.shadow_bits = spec.learning.shadow_bits
        job.on_shadows = self._callback = OnShadows(self._read)

    def _read(self, sample: int) -> int:
        try:
            shadows = {
                index: unpacked(values, layer, self._lanes[index])
                for index, (layer, values) in self._layers.items()
            }
            return self._on_shadows(sample, shadows)
        except BaseException as error:  # cannot go through C++
            self.error = error
            return 0


def _network(spec: NetworkSpec) -> dict[str, int]:
    """What a job says of a network, and of how its samples come in."""
    return {
        "n_inputs": spec.input.n_inputs,
        "n_steps": spec.n_steps,
        "label_bits": max(1, (spec.n_classes - 1).bit_length()),
        "is_raster": spec.has_raster,
        "n_input_steps": spec.n_input_steps,
        "multi_spike": spec.multi_spike,
    }


def _silent(n: int, spec: NetworkSpec, n_post: int) -> NDArray[np.uint8]:
    """Of n samples in which no neuron fires."""
    if spec.multi_spike:
        return np.zeros((n, spec.n_steps, n_post), np.uint8)
    return np.full((n, n_post), spec.n_steps, np.uint8)


def _layer(
    layer: LayerSpec,
    lanes: int,
    times: NDArray[np.uint8],
    potentials: NDArray[np.int32],
    step_cycles: NDArray[np.uint64],
) -> LayerJob:
    result = LayerJob(
        **layer.post._asdict(),
        times=times.ctypes.data,
        potentials=potentials.ctypes.data,
        step_cycles=step_cycles.ctypes.data,
    )
    if layer.has_weights:
        result.n_sharing, result.lanes = layer.n_thresholds, lanes
        result.potential_bits = layer.potential_bits
        result.lane_bits = layer.potential_bits + layer.slope_bits + 1  # and whether it fired
    return result


def _fault(fault: FaultRecord) -> Mismatch:
    values = {name: getattr(fault, name) for name, *_ in FaultRecord._fields_}
    what = list(FAULTS.values())[values.pop("kind")]
    if not what:
        raise ToolError("the compiled core has a loop of logic, so one pass a cycle is too few")
    return Mismatch(what=what, **values)
