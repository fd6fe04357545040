"""What golden expects, compared with what the design does; remembers the first difference."""

from dataclasses import asdict
from typing import Any

import numpy as np

from hwgen.golden import Golden, Trace
from hwgen.network.params import Params
from hwgen.network.spikes import fire, n_spikes
from hwgen.protocol.words import Register
from hwgen.verification.mismatch import HELD, Mismatch


def expected_registers(params: Params, inputs: np.ndarray, trace: Trace, early_exit: bool) -> dict:
    """What golden says of registers after all samples, of which the core has dropped nothing."""
    n_steps = params.spec.n_steps
    expected = {
        Register.SHAPE: n_steps << 16 | params.spec.n_classes,
        Register.SAMPLES: len(inputs),
        Register.DROPPED: 0,
    }
    if not early_exit:
        expected[Register.EVENTS] = int(n_spikes(inputs, n_steps).sum())
        spikes = [int(n_spikes(layer, n_steps).sum()) for layer in trace.spike_times]
        expected[Register.SPIKES] = sum(spikes)
        expected[Register.SYNAPTIC_OPS] = int(trace.synaptic_ops.sum()) % 2**32
    return expected


class BrokenError(Exception):
    """The design does what no stream may do; the mismatch is kept, and there is no way on."""


class Scoreboard:
    """Expectations for a run of samples; every comparison is counted."""

    def __init__(
        self, params: Params, inputs: np.ndarray, first_only: bool, trace: Trace | None = None
    ) -> None:
        """inputs: uint8 [n, n_inputs]. `first_only`: samples end at their decision (early exit).

        `trace`: what is expected, if not that of these params throughout.
        """
        self.trace = trace or Golden(params).run(inputs)
        self.n_steps = params.spec.n_steps
        self.first_only = first_only
        self.n_compared = {"spikes": 0, "potentials": 0, "decisions": 0, "registers": 0}
        self.mismatch: Mismatch | None = None
        self.n_dropped = 0  # tokens given that mean nothing

    def compare(self, kind: str, expected: int, got: int, **where: Any) -> None:
        """Count one comparison; keep the first that fails."""
        self.n_compared[kind] = self.n_compared.get(kind, 0) + 1
        if expected != got and self.mismatch is None:
            place = {"sample": -1, "layer": -1, "step": -1, "index": -1, "cycle": -1} | where
            self.mismatch = Mismatch(what=kind, expected=expected, got=got, **place)

    def broken(self, what: str, expected: int = 1, got: int = 0, **where: Any) -> None:
        """Keep what is wrong with a stream as a mismatch, and give up."""
        self.compare(what, expected, got, **where)
        raise BrokenError

    def layer(self, index: int) -> "LayerBoard":
        return LayerBoard(self, index)

    def decision(self, sample: int, label: int, step: int, by_spike: int, cycle: int) -> None:
        expected_step = int(self.trace.decision_steps[sample])
        where = {"sample": sample, "step": step, "cycle": cycle}
        self.compare("decisions", int(self.trace.decisions[sample]), label, **where)
        self.compare("decisions", expected_step, step, **where)
        self.compare("decisions", int(expected_step < self.n_steps), by_spike, **where)

    def to_json(self) -> dict[str, Any]:
        return {
            "n_compared": self.n_compared,
            "n_mismatches": int(self.mismatch is not None),  # it looks for no more than one
            "mismatch": asdict(self.mismatch) if self.mismatch else None,
        }


class LayerBoard:
    """One layer's spikes and final potentials, in the order in which they come."""

    def __init__(self, board: Scoreboard, layer: int) -> None:
        self._board, self._layer = board, layer
        self._times = board.trace.spike_times[layer]
        self._potentials = board.trace.potentials[layer]
        self.sample = self._step = self.potential_sample = 0
        self.last_steps: list[int] = []  # cycle in which the last step of each sample ended
        self._each_step = self._times.ndim > 2  # a neuron may fire in each step
        self._seen: set[int] = set()  # neurons that have fired in this sample, or, then, step
        self._unread = set(range(self._potentials.shape[1]))  # potentials still to come
        self._is_output = layer == len(board.trace.spike_times) - 1
        self._n_shown = 0  # potentials of this sample, for the readout

    def spike(self, index: int, cycle: int) -> None:
        """A spike must be expected in this very step, and only once; -1: of no neuron."""
        if not self._compared():
            return
        expected = self._expected(index) if index >= 0 else -1
        got = self._step if index not in self._seen else -2  # -2: fired twice
        self._seen.add(index)
        self._compare("spikes", expected, got, index, cycle)

    def end_of_step(self, cycle: int) -> None:
        """Whatever was expected in this step must have come."""
        if self._compared():
            expected = self._times[self.sample]
            for index in np.flatnonzero(fire(expected, self._step)):
                if int(index) not in self._seen:
                    self._compare("spikes", self._step, -1, int(index), cycle)
            silent = expected.shape[-1] - len(self._seen)
            self._board.n_compared["spikes"] += silent  # these were expected not to fire, too
            if self._each_step:
                self._seen = set()
        self._step += 1
        if self._step == self._board.n_steps:
            self.last_steps.append(cycle)

    def end_of_sample(self, cycle: int) -> None:
        if not self._board.first_only:
            self._compare("spikes", self._board.n_steps, self._step, -1, cycle)
            n_shown = self._potentials.shape[1] if self._is_output else 0
            self._compare("potentials", n_shown, self._n_shown, -1, cycle)
        self.sample, self._step, self._seen = self.sample + 1, 0, set()
        self._n_shown = 0

    def shown(self, index: int, got: int, cycle: int) -> None:
        """A final potential on the layer's stream: the decision depends on it."""
        self._n_shown += 1
        if not self._board.first_only and self.sample < len(self._potentials):
            expected = int(self._potentials[self.sample, index]) if index >= 0 else -1
            self._compare("potentials", expected, got, index, cycle)

    def word(self, potentials: dict[int, int], cycle: int) -> None:
        """A state word at the sample's end: the potential of each neuron in it."""
        if not self._board.first_only and self.potential_sample < len(self._potentials):
            for index, got in potentials.items():
                expected = int(self._potentials[self.potential_sample, index])
                where = {"sample": self.potential_sample, "layer": self._layer}
                self._board.compare("potentials", expected, got, index=index, cycle=cycle, **where)
        self._unread -= potentials.keys()
        if not self._unread:
            self.potential_sample += 1
            self._unread = set(range(self._potentials.shape[1]))

    def held(self, expected: int, got: int, cycle: int) -> None:
        """A token waits, and must not change nor go (-1)."""
        if expected != got:
            where = {"sample": self.sample, "layer": self._layer, "step": self._step}
            self._board.broken(HELD, expected, got, cycle=cycle, **where)

    def finish(self, cycle: int) -> None:
        """All samples must have come through, with their potentials if the layer has any."""
        n, where = len(self._times), {"layer": self._layer, "cycle": cycle}
        self._board.compare("spikes", n, self.sample, **where)
        if self._potentials.shape[1]:
            self._board.compare("potentials", n, self.potential_sample, **where)

    def _expected(self, index: int) -> int:
        """The step in which a neuron fires; if it may in each, this one, or none (-1)."""
        if not self._each_step:
            return int(self._times[self.sample, index])
        within = self._step < self._board.n_steps
        return self._step if within and self._times[self.sample, self._step, index] else -1

    def _compared(self) -> bool:
        """With early exit, what comes after the deciding step is not part of the contract."""
        if self.sample >= len(self._times):
            return False
        return not self._board.first_only or (
            self._step <= int(self._board.trace.decision_steps[self.sample])
        )

    def _compare(self, kind: str, expected: int, got: int, index: int, cycle: int) -> None:
        where = {"sample": self.sample, "layer": self._layer, "step": self._step, "index": index}
        self._board.compare(kind, expected, got, cycle=cycle, **where)
