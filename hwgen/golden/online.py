"""A network that learns, sample after sample, as a core with a learning unit does."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hwgen.golden import stdp
from hwgen.golden.network import Golden, Trace
from hwgen.network.learning import NO_LABEL, forward_weights, next_state, shadow_limits
from hwgen.network.params import Params

_LONGEST_RUN = 64  # samples run at once, in the hope that none of them changes a weight


@dataclass(frozen=True)
class Progress:
    """Of n samples: decisions int64 [n], each before its sample is learnt; right: bool [n], whether
    it was decided, and as the label says; how many changed a weight."""

    decisions: NDArray[np.int64]
    right: NDArray[np.bool_]
    n_updates: int


class OnlineNetwork:
    """`params` are those learnt so far, `n_learnt` samples into the run.

    `n_written` counts the shadow weights that the last sample's update wrote, changed or not.
    """

    def __init__(self, params: Params, *, state: int | None = None, n_learnt: int = 0) -> None:
        """`params.spec.learning` says how to learn; ValueError without it. `state`, of the dither,
        and `n_learnt` are given if the run has begun.

        n_learnt: samples of the run with a label, so far: it decides how often the rate was
        halved.
        """
        learning = params.spec.learning
        if learning is None:
            raise ValueError("params without spec.learning")
        self._golden = Golden(params)
        self._start, self._learning = params, learning
        self._n_steps = params.spec.n_steps
        self._indices = params.spec.learning_layers
        self._shadows = {index: params.shadows[index].astype(np.int64) for index in self._indices}
        self.state = learning.seed if state is None else state
        self.n_learnt, self.n_written = n_learnt, 0
        self._run = 1  # samples to take at once: grows while nothing is learnt

    @property
    def params(self) -> Params:
        """Params with the weights and shadows as they are now; a copy, which later samples do not
        change."""
        weights, shadows = list(self._start.weights), list(self._start.shadows)
        for index, shadow in self._shadows.items():
            shadows[index] = shadow.astype(np.int32)
            weights[index] = self._forward(index, shadow)
        return replace(self._start, weights=tuple(weights), shadows=tuple(shadows))

    def shadows(self, index: int) -> NDArray[np.int64]:
        """Those of a learning layer: int64 [n_pre, n_post].

        index: of the layer in the network. Not a copy: the next training sample changes it.
        """
        return self._shadows[index]

    def learn(self, inputs: NDArray[np.uint8], labels: NDArray[np.integer]) -> Progress:
        """One sample after the other: spike times uint8 [n, n_inputs], labels [n].

        Samples are run some at a time; when one changes a weight, those after it are run again.

        `NO_LABEL` samples are none of these: give them to `train_sample`. `Progress` has the
        decisions from before each training sample.
        """
        decisions, right, n_updates, done = [np.zeros(0, np.int64)], [np.zeros(0, bool)], 0, 0
        while done < len(inputs):
            ahead = inputs[done : done + self._run]
            trace = self._golden.run(ahead)
            n_used, changed = 0, False
            while n_used < len(ahead) and not changed:
                changed = self._train_sample(ahead, trace, n_used, int(labels[done + n_used]))
                n_used += 1
            decisions.append(trace.decisions[:n_used])
            right.append(trace.right(labels[done : done + len(ahead)])[:n_used])
            done, n_updates = done + n_used, n_updates + changed
            # As many as the last run got through: where much is learnt, little is run in vain.
            self._run = max(1, n_used) if changed else min(_LONGEST_RUN, 2 * self._run)
        return Progress(np.concatenate(decisions), np.concatenate(right), n_updates)

    def train_sample(self, inputs: NDArray[np.uint8], label: int) -> Trace:
        """One sample, spike times uint8 [n_inputs]; returns what it did before it was learnt.

        With the label `NO_LABEL`, it is only run.

        A label is 0 .. n_classes - 1. The core does the same between END_OF_SAMPLE and the next
        token (`docs/learning.md`).
        """
        trace = self._golden.run(inputs[None])
        self.n_written = 0
        if label != NO_LABEL:
            self._train_sample(inputs[None], trace, 0, label)
        return trace

    def decide(self, inputs: NDArray[np.uint8]) -> int:
        """The decision on a sample, spike times uint8 [n_inputs], that is not learnt.

        Changes nothing, the dither's state included.
        """
        return int(self._golden.run(inputs[None]).decisions[0])

    def _train_sample(
        self, inputs: NDArray[np.uint8], trace: Trace, sample: int, label: int
    ) -> bool:
        """The update of all layers from one sample of a trace; whether there was any."""
        learning, n_steps = self._learning, self._n_steps
        fired = [inputs, *trace.spike_times]  # fired[l]: what layer l takes in
        times = [of_layer[sample].astype(np.int64) for of_layer in fired]
        halvings = learning.halvings(self.n_learnt)
        state = self.state
        # Both go on with each label, whether a weight changes or not: as in hardware, where
        # `learnt` strobes either way.
        self.state, self.n_learnt = next_state(state), self.n_learnt + 1
        errors = stdp.output_errors(times[-1], label, n_steps, learning.margin_steps)
        new: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
        for index in reversed(self._indices):
            layer = self._start.spec.dense(index)
            if not errors.any():
                break
            errors = stdp.normalise(errors, learning.error_bits)
            pre, post = times[index], times[index + 1]
            reference = stdp.reference_times(post, layer, n_steps)
            # Inputs that never came change nothing (point 4). In a feature map these are most of
            # all inputs.
            came = np.flatnonzero(pre < n_steps)
            is_output = index == len(self._start.spec.layers) - 1
            shift = learning.output_shift if is_output else learning.hidden_shift
            delta = stdp.changes(
                learning,
                layer,
                errors,
                reference - pre[came, None],
                stdp.dither(state, came, layer.n_post),
                shift + halvings,
            )
            limits = shadow_limits(layer.weight_bits, learning.shadow_bits)
            new[index] = came, np.clip(self._shadows[index][came] + delta, *limits)
            if index > self._indices[0]:
                below = self._start.spec.dense(index - 1)
                weights = self._forward(index, self._shadows[index])
                # Through the weights of before: they are written only when all layers are done.
                errors = stdp.hidden_errors(weights, errors, pre, reference)
                errors *= stdp.can_move(pre, below, n_steps)
        for index, (rows, shadows) in new.items():
            self._shadows[index][rows] = shadows
            self._golden.set_weights(index, rows, self._forward(index, shadows))
        self.n_written = sum(shadows.size for _, shadows in new.values())
        return bool(new)

    def _forward(self, index: int, shadows: NDArray[np.int64]) -> NDArray[np.int8]:
        bits = self._start.spec.dense(index).weight_bits
        return forward_weights(shadows, bits, self._learning.shadow_bits)
