"""The whole network, sample by sample or in batches, with everything a test wants to compare."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.golden.layers import kinds
from hwgen.golden.layers.multi_spike import spike_count
from hwgen.golden.layers.single_spike import Neurons
from hwgen.network.params import Params

_MAX_BATCH = 500
_MAX_STATES = 2**21  # neurons of a layer in a batch: bounds the memory that a run takes


@dataclass(frozen=True)
class Trace:
    """What happened to n samples. Times are steps; `n_steps` means never.

    spike_times: one uint8 [n, n_post] a layer; of a multi-spike network, spikes, and not times:
    uint8 [n, n_steps, n_post] of 0 and 1; potentials: one int64 [n, n_post] a layer, at the
    end of the sample ([n, 0] of a pooling layer); decisions: int64 [n]; decision_steps: uint8 [n]
    (`n_steps`: nothing fired, decided by potential); synaptic_ops: int64 [n, n_layers], how often a
    weight was added to a neuron, counting those that have fired already. undecided: bool [n], of
    samples in which no output fires and all its potentials are equal in the end: the core answers
    0, as it must answer something, but nothing was heard.
    """

    spike_times: tuple[NDArray[np.uint8], ...]
    potentials: tuple[NDArray[np.int64], ...]
    decisions: NDArray[np.int64]
    decision_steps: NDArray[np.uint8]
    synaptic_ops: NDArray[np.int64]
    undecided: NDArray[np.bool_]

    def right(self, labels: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Whether each sample was decided, and as its label int [n] says: bool [n]."""
        right: NDArray[np.bool_] = (self.decisions == labels) & ~self.undecided
        return right


def joined(traces: Sequence[Trace]) -> Trace:
    """Traces of some samples each, of one network, as one of all.

    At least one trace. Arrays are joined along samples, in the order given.
    """
    return Trace(
        spike_times=_each_layer([trace.spike_times for trace in traces]),
        potentials=_each_layer([trace.potentials for trace in traces]),
        decisions=np.concatenate([trace.decisions for trace in traces]),
        decision_steps=np.concatenate([trace.decision_steps for trace in traces]),
        synaptic_ops=np.concatenate([trace.synaptic_ops for trace in traces]),
        undecided=np.concatenate([trace.undecided for trace in traces]),
    )


def _each_layer(traces: Sequence[tuple[NDArray[Any], ...]]) -> tuple[NDArray[Any], ...]:
    return tuple(np.concatenate(layer) for layer in zip(*traces, strict=True))


class Golden:
    """The executable contract for one parameter file.

    `batch_size` is the number of samples that `run` takes best at once.

    Raises `ParamsError` if the params break the contract. Only integers are used, or floats in
    which no integer is rounded.
    """

    def __init__(self, params: Params) -> None:
        params.check()
        widest = max(layer.n_post for layer in params.spec.layers)
        if params.spec.multi_spike:
            # Spikes of a multi-spike network are arrays over steps, so a sample takes that much
            # more.
            widest *= params.spec.n_steps
        self.batch_size = max(1, min(_MAX_BATCH, _MAX_STATES // widest))
        self._spec = params.spec
        if self._spec.multi_spike:
            self._spiking = [kinds.multi_spike(params, n) for n in range(len(params.spec.layers))]
        else:
            self._layers = [kinds.single_spike(params, n) for n in range(len(params.spec.layers))]

    def run(self, spike_times: NDArray[np.uint8]) -> Trace:
        """Run samples to the last step: input spike times uint8 [n, n_inputs], or, of a
        multi-spike network, spikes uint8 [n, n_steps, n_inputs]; with the input "direct" bit planes
        uint8 0/1 [n, n_planes, n_inputs] -> Trace.

        The contract takes layers through a step together, unless they are phased. Here each layer
        goes through all its steps at once: the same, as nothing flows back to an earlier layer.

        Results are those of the contract, sections 3 to 6: `Trace` has them all. Memory grows with
        n; `decide` takes any number.
        """
        if self._spec.multi_spike:
            return self._run_spikes(spike_times)
        n_steps, times = self._spec.n_steps, spike_times
        traces = []
        for layer in self._layers:
            traces.append(layer.run(times, n_steps))
            times = traces[-1].times
        last = traces[-1]
        return Trace(
            spike_times=tuple(trace.times for trace in traces),
            potentials=tuple(trace.potential.astype(np.int64) for trace in traces),
            decisions=_first_spike(times, last.at_spike, last.potential, n_steps),
            decision_steps=times.min(axis=1),
            synaptic_ops=np.stack([trace.synaptic_ops for trace in traces], axis=1),
            undecided=(times == n_steps).all(axis=1) & _all_equal(last.potential),
        )

    def _run_spikes(self, spikes: NDArray[np.uint8]) -> Trace:
        traces = []
        for layer in self._spiking:
            traces.append(layer.run(spikes, self._spec.n_steps))
            spikes = traces[-1].spikes
        last = traces[-1]
        counted = self._spec.readout == "spike_count"
        return Trace(
            spike_times=tuple(trace.spikes for trace in traces),
            potentials=tuple(trace.potential.astype(np.int64) for trace in traces),
            decisions=spike_count(spikes, last.potential)
            if counted
            else last.potential.argmax(axis=1),
            decision_steps=np.full(len(spikes), self._spec.n_steps, np.uint8),
            synaptic_ops=np.stack([trace.synaptic_ops for trace in traces], axis=1),
            undecided=~spikes.any(axis=(1, 2)) & _all_equal(last.potential),
        )

    def set_weights(self, index: int, rows: NDArray[np.integer], weights: NDArray[np.int8]) -> None:
        """Give a dense layer other weights from some inputs: int8 [n_rows, n_post].

        index: of the layer. rows: inputs, int [n_rows]. Golden's params stay as they were; so does
        the digest.
        """
        layer = self._layers[index]
        assert isinstance(layer, Neurons)
        layer.set_weights(rows, weights)

    def decide(
        self, spike_times: NDArray[np.uint8], batch_size: int | None = None
    ) -> NDArray[np.int64]:
        """Decisions int64 [n] for any number of samples, in bounded memory.

        batch_size: samples at once, if not `self.batch_size`. Of no samples, int64 [0].
        """
        batch_size = batch_size or self.batch_size
        chunks = [trace.decisions for trace in self._traces(spike_times, batch_size)]
        return np.concatenate(chunks) if chunks else np.zeros(0, np.int64)

    def right(
        self, spike_times: NDArray[np.uint8], labels: NDArray[np.integer]
    ) -> NDArray[np.bool_]:
        """Whether each of any number of samples is decided as its label int [n] says: bool [n].

        In bounded memory. Undecided samples never are (`Trace`).
        """
        parts, start = [np.zeros(0, bool)], 0
        for trace in self._traces(spike_times, self.batch_size):
            stop = start + len(trace.decisions)
            parts.append(trace.right(labels[start:stop]))
            start = stop
        return np.concatenate(parts)

    def _traces(self, spike_times: NDArray[np.uint8], batch_size: int) -> Iterator[Trace]:
        for start in range(0, len(spike_times), batch_size):
            yield self.run(spike_times[start : start + batch_size])


def _all_equal(potential: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Of each sample, whether its outputs [n, n_classes] have one potential."""
    equal: NDArray[np.bool_] = (potential == potential[:, :1]).all(axis=1)
    return equal


def _first_spike(
    times: NDArray[np.uint8],
    at_spike: NDArray[np.int32],
    final: NDArray[np.int32],
    n_steps: int,
) -> NDArray[np.int64]:
    """Earliest spike; then larger potential at that step; then lower index.

    If nothing fired: larger potential at the end; then lower index.
    """
    first = times.min(axis=1, keepdims=True)
    nobody = first == n_steps
    potential = np.where(nobody, final, at_spike)
    candidate = nobody | (times == first)
    # No potential is that low: 31 bits are the most. So who is no candidate is never the largest,
    # and `argmax` gives the lowest index of equals.
    ranked = np.where(candidate, potential, np.iinfo(np.int32).min)
    decisions: NDArray[np.int64] = ranked.argmax(axis=1)
    return decisions
