"""The network in training: layers with shadow weights, and the decision hardware would make."""

import torch
from torch import Tensor, nn

from hwgen.network.layers.kinds import LayerSpec, dense
from hwgen.network.spec import Readout
from hwgen.recipe import SstdpRecipe
from hwgen.training.learner import Exported
from hwgen.training.readout import first_spike, heard
from hwgen.training.sstdp import rule, targets
from hwgen.training.sstdp.layers import Dense, LayerTrace


class SpikingNetwork(nn.Module):
    """Dense layers in order; within a step a spike of one layer reaches the next."""

    readout: Readout = "first_spike"

    def __init__(self, sizes: tuple[int, ...], weight_bits: tuple[int, ...], n_steps: int) -> None:
        """sizes: inputs, hidden, classes; weight_bits: one a layer."""
        super().__init__()
        self.n_steps = n_steps
        self.dense = [
            Dense(n_pre, n_post, bits, n_steps)
            for n_pre, n_post, bits in zip(sizes, sizes[1:], weight_bits, strict=False)
        ]
        self.layers = nn.ModuleList(self.dense)

    @property
    def specs(self) -> tuple[LayerSpec, ...]:
        """Of all layers, as exported."""
        return tuple(dense(x.n_pre, x.n_post, x.weight_bits) for x in self.dense)

    def exported(self) -> list[Exported]:
        """Integer weights [n_post, n_pre] and thresholds of all layers."""
        return [Exported(x.integer_weights().T, x.integer_threshold()) for x in self.dense]

    def forward(self, spike_times: Tensor) -> list[LayerTrace]:
        """Input spike times int64 [n, n_inputs], `n_steps` for never -> one LayerTrace a layer.

        Without gradients. The last trace is the output's.
        """
        traces: list[LayerTrace] = []
        for layer in self.dense:
            traces.append(layer(traces[-1].times if traces else spike_times))
        return traces

    def set_gradients(
        self, spike_times: Tensor, labels: Tensor, recipe: SstdpRecipe
    ) -> tuple[list[LayerTrace], Tensor]:
        """Forward and SSTDP backward on one batch; returns the traces and the output error.

        labels: int64 [n]. The error is dE/dt, float32 [n, n_classes]; 0 where a sample is decided
        well enough. `.grad` of all shadows and thresholds is set.
        """
        traces = self(spike_times)
        threshold = self.dense[-1].integer_threshold()
        error = targets.output_error(traces[-1], threshold, labels, recipe)
        rule.backward(self.dense, traces, error, recipe)
        return traces, error


def decide(trace: LayerTrace) -> Tensor:
    """Decisions int64 [n], or `UNDECIDED`, from the output layer's trace.

    Contract, section 6, first_spike.
    """
    fired = trace.times < trace.potentials.shape[1]
    return heard(first_spike(trace.times, trace.at_spike), fired, trace.at_spike)


@torch.no_grad()
def initialise(
    network: SpikingNetwork,
    recipe: SstdpRecipe,
    spike_times: Tensor,
    generator: torch.Generator,
) -> None:
    """Draw the shadows, then set thresholds from potentials on a few samples, layer by layer.

    spike_times: int64 [n, n_inputs], `n_steps` for never. generator: of all that is drawn.
    """
    inputs = spike_times
    for layer in network.dense:
        output = layer is network.dense[-1]
        redraw(layer, torch.ones(layer.n_post, dtype=torch.bool), recipe, output, generator)
        potential = layer(inputs).potentials[:, -1].float()
        # A layer in which all potentials are alike needs a least spread, or the level would count
        # for nothing.
        mean, deviation = potential.mean(), potential.std().clamp(min=1)
        layer.potential_scale.copy_(deviation)
        level = recipe.output_level if output else recipe.hidden_level
        # In spreads above the mean: so as many neurons fire in each layer at first, whatever its
        # width.
        layer.threshold.copy_((mean + level * deviation).clamp(min=0))
        inputs = layer(inputs).times


@torch.no_grad()
def redraw(
    layer: Dense, which: Tensor, recipe: SstdpRecipe, output: bool, generator: torch.Generator
) -> None:
    """New random weights for the neurons marked in `which`, bool [n_post].

    In place. Weights of hidden neurons have the recipe's mean, those of outputs the mean 0.
    """
    uniform = torch.rand(layer.n_pre, int(which.sum()), generator=generator) * 2 - 1
    mean = 0.0 if output else recipe.weight_mean
    # Drawn on the CPU, so that the same seed gives the same network on any device.
    drawn = (uniform * recipe.weight_spread + mean).clamp(-1, 1)
    layer.shadow[:, which.to(layer.shadow.device)] = drawn.to(layer.shadow.device)
