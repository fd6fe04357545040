"""The rule of on-chip learning in real numbers, to see what its integers cost. `docs/learning.md`.

One sample at a time, as on the chip, but weights are floats: no rounding, no limits, no dither, and
errors are divided by their largest instead of shifted. Spike times stay steps.
"""

import torch
from torch import Tensor

from hwgen.network.params import Params
from hwgen.training.autograd.firing import Kernel
from hwgen.training.readout import first_crossing, first_spike


class FloatOnlineNetwork:
    """Starts from the shadow weights of a network that learns; all its layers must be dense."""

    def __init__(self, params: Params) -> None:
        """params: with the window "psp", dense, and of more than one weight bit where they learn.

        Raises ValueError otherwise.
        """
        learning = params.spec.learning
        if learning is None or learning.window != "psp":
            raise ValueError("expected params that learn with the window 'psp'")
        self._learning, self._n_steps = learning, params.spec.n_steps
        self._learns = params.spec.learning_layers
        if not params.spec.is_dense:
            raise ValueError("expected dense layers only")
        self._layers = [params.spec.dense(n) for n in params.spec.dense_layers]
        self.weights = []
        for index, layer in enumerate(self._layers):
            weights = torch.from_numpy(params.weights[index]).float()
            if index in self._learns:
                if layer.weight_bits == 1:
                    raise ValueError("binary weights have no counterpart in real numbers")
                below = learning.shadow_bits - layer.weight_bits
                # A weight is its shadow rounded down: half a unit less, on average.
                weights = torch.from_numpy(params.shadows[index]).float() / 2**below - 0.5
            self.weights.append(weights)
        self._thresholds = [torch.from_numpy(t).float() for t in params.thresholds]
        self._drives = [torch.from_numpy(d).float() for d in params.drives]
        self._n_learnt = 0

    def forward(self, times: Tensor) -> list[Tensor]:
        """Spike times int64 [n, n_inputs] -> those of all layers, the last with its decisions.

        n_steps means never. The first entry is the input itself.
        """
        passed = [times]
        for index in range(len(self._layers)):
            passed.append(self._fire(index, self._potentials(index, passed[-1])))
        return passed

    def decide(self, times: Tensor) -> Tensor:
        """Decisions int64 [n].

        times: int64 [n, n_inputs].
        """
        passed = self.forward(times)
        potentials = self._potentials(len(self._layers) - 1, passed[-2])
        return first_spike(*first_crossing(potentials, self._thresholds[-1]))

    def _potentials(self, index: int, times: Tensor) -> Tensor:
        """[n, n_pre] -> [n, n_steps, n_post], over the steps in which the layer can fire."""
        layer, n_steps = self._layers[index], self._n_steps
        psp = Kernel(layer.neuron.psp).at(times, n_steps)
        if layer.neuron.two_phase:
            steps = torch.arange(1, n_steps + 1)[None, :, None]
            return (psp[-1] @ self.weights[index])[:, None] + steps * self._drives[index]
        return (psp @ self.weights[index]).transpose(0, 1)

    def _fire(self, index: int, potentials: Tensor) -> Tensor:
        return first_crossing(potentials, self._thresholds[index])[0]

    def learn(self, times: Tensor, label: int) -> None:
        """One sample: int64 [n_inputs].

        label: 0 .. n_classes - 1. The points are those of `docs/learning.md`; weights are float32.
        """
        learning, n_steps = self._learning, self._n_steps
        passed = [x[0] for x in self.forward(times[None])]
        halvings = learning.halvings(self._n_learnt)
        self._n_learnt += 1
        errors = self._output_errors(passed[-1], label)
        changes = {}
        for index in reversed(self._learns):
            layer, pre, post = self._layers[index], passed[index], passed[index + 1]
            if not errors.any():
                break
            # In integers the largest has `error_bits` bits: three quarters of the range on average.
            errors = errors * (0.75 * 2**learning.error_bits / errors.abs().max())
            last = torch.full_like(post, n_steps - 1)
            reference = last if layer.neuron.two_phase else torch.minimum(post, last)
            since = reference[None, :] - pre[:, None]
            psp = (since + 1 if layer.neuron.psp == "ramp" else 1) * (
                (since >= 0) & (pre < n_steps)[:, None]
            )
            shift = (
                learning.output_shift if index == len(self._layers) - 1 else learning.hidden_shift
            )
            below = learning.shadow_bits - layer.weight_bits
            changes[index] = psp * errors * 2.0 ** -(shift + halvings + below)
            moves = pre < n_steps
            if index and self._layers[index - 1].neuron.two_phase:
                moves &= pre > 0
            errors = ((self.weights[index] * (since >= 0)) @ errors) * moves
        for index, change in changes.items():
            self.weights[index] += change

    def _output_errors(self, times: Tensor, label: int) -> Tensor:
        margin, never = self._learning.margin_steps, self._n_steps
        others = torch.cat([times[:label], times[label + 1 :]])
        errors = (times - (times[label] + margin).clamp(max=never)).clamp(max=0)
        errors[label] = (times[label] - (others.min() - margin).clamp(min=0)).clamp(min=0)
        return errors.float()
