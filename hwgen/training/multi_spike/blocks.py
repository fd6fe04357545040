"""Local blocks: a few layers that learn from a loss of their own (Guo et al. 2023; see `lif`).

The input of a block is detached. All blocks but the last have an auxiliary head: class scores from
the block's spikes, counted since the sample began. The last block has the network's own output.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, linear

from hwgen.network.layers.kinds import LayerSpec, WeightedSpec
from hwgen.network.layers.neurons import Lif
from hwgen.network.layers.shape import Shape
from hwgen.network.spec import NetworkSpec
from hwgen.recipe import TruncatedRecipe
from hwgen.training import distributed
from hwgen.training.multi_spike.lif import Dynamics, pool, window
from hwgen.training.quantised import Weighted

_MOMENTUM = 0.05  # of the running spread of currents
MIN_LEVEL = 0.05  # a threshold of 0 cannot be subtracted


class Spiking(Weighted):
    """A layer of multi-spike neurons. Thresholds and biases are learnt: multiples of the currents'
    spread."""

    def __init__(self, spec: WeightedSpec, *, takes_values: bool = False) -> None:
        """spec: with reset "zero" or "subtract", or "never" of an output that only integrates.
        takes_values: its inputs bring the same values in all steps, and no spikes."""
        super().__init__(spec, pool=1)
        self.takes_values = takes_values
        self.level = nn.Parameter(torch.ones(spec.n_thresholds))
        self.offset = nn.Parameter(torch.zeros(spec.n_biases)) if spec.n_biases else None
        self.register_buffer("scale", torch.ones(spec.n_thresholds))
        self.scale: Tensor
        self.seen: list[Tensor] | None = None  # spreads of each window, where they are wanted
        self._shape = self.synapses.channel_shape

    @property
    def dynamics(self) -> Dynamics:
        """Reset and leak of the layer's neurons, as `lif` takes them."""
        neuron = self.spec.neuron
        if not isinstance(neuron, Lif):
            return Dynamics("never", 0, exact=self.rounded)
        return Dynamics(
            neuron.reset,
            neuron.leak_shift,
            exact=self.rounded,
            leak_times=neuron.leak_times,
            order=neuron.order,
            fires=neuron.fires,
        )

    @property
    def unit(self) -> int:
        """What a spike of weight 1 adds to a potential."""
        neuron = self.spec.neuron
        return 1 << neuron.fraction_bits if isinstance(neuron, Lif) else 1

    def rest(self, n: int) -> Tensor:
        """Potentials at the start of a sample: zeros [n, n_out, ...]."""
        return torch.zeros(n, *self.synapses.post, device=self.shadow.device)

    def thresholds(self) -> Tensor:
        """As exported: float32 [n_out] of integers; gradients pass the rounding unchanged."""
        if not self.spec.neuron.fires_again:  # beyond all potentials: it only integrates
            return torch.full_like(self.scale, float(self.spec.max_threshold))
        limits = self.level * self.scale.clone()  # the running scale changes before backward
        return limits.floor().detach() + (limits - limits.detach()) if self.rounded else limits

    def biases(self) -> Tensor | None:
        """As exported: float32 [n_out] of integers, None if there are none; gradients pass the
        rounding unchanged."""
        if self.offset is None:
            return None
        most = float(self.spec.max_bias)
        biases = (self.offset * self.scale.clone()).clamp(-most, most)
        return biases.round().detach() + (biases - biases.detach()) if self.rounded else biases

    def run(self, spikes: Tensor, start: Tensor, width: float) -> tuple[Tensor, Tensor]:
        """One window: spikes [n_steps, n, ...], or values, -> own spikes, and potentials after it.

        width: of the surrogate, in spreads of the currents.

        start: [n, n_out, ...]. Spikes are float32, 0 or 1, [n_steps, n, n_out, ...]. While
        training, the running spread goes a little towards the window's.
        """
        inputs = spikes[:1] if self.takes_values else spikes
        currents = self.potentials(inputs, unit=self.unit, bias=self.biases())
        limits = self.thresholds().view(self._shape)
        widths = (width * self.scale).view(self._shape)
        if self.training:
            self.scale.lerp_(self.spread(currents), _MOMENTUM)
        if self.seen is not None:
            self.seen.append(self.spread(currents))
        return window(currents, start, limits, widths, self.dynamics, len(spikes))

    @torch.no_grad()
    def spread(self, currents: Tensor) -> Tensor:
        """Standard deviation of each channel's currents over all processes; float32 [n_out]."""
        flat = currents.transpose(0, 2).flatten(1)
        count = torch.full_like(flat[:, 0], flat.shape[1])
        sums = torch.stack([flat.sum(dim=1), flat.square().sum(dim=1), count])
        total, squares, n = distributed.summed(sums)
        variance: Tensor = (squares / n - (total / n).square()).clamp(min=0)
        return (variance + 0.1).sqrt()


class Head(nn.Module):
    """Auxiliary class scores, linear in the spikes counted so far. "random": fixed signs."""

    def __init__(self, recipe: TruncatedRecipe, shape: Shape, n_classes: int) -> None:
        """recipe: "linear" or "random", and the size of the pooling. shape: of the block's last
        layer."""
        super().__init__()
        self.size = min(recipe.head_pool, shape.height, shape.width)
        self.n_in = (shape.height // self.size) * (shape.width // self.size) * shape.channels
        learnt = recipe.head == "linear"
        self.weight = nn.Parameter(torch.zeros(n_classes, self.n_in), requires_grad=learnt)
        self.gain = nn.Parameter(torch.zeros(()))  # a logarithm

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the weights: normal ones, or, of a "random" head, signs that stay."""
        drawn = torch.randn(self.weight.shape, generator=generator)
        if not self.weight.requires_grad:
            drawn = torch.where(drawn >= 0, 1.0, -1.0)
        with torch.no_grad():
            self.weight.copy_(drawn)

    def counted(self, spikes: Tensor) -> Tensor:
        """Spikes of a window [n_steps, n, ...], summed and averaged in space: [n, n_in]."""
        counts = spikes.sum(dim=0)
        if counts.dim() == 4 and self.size > 1:
            counts = avg_pool2d(counts, self.size)
        return counts.flatten(1)

    def scores(self, counts: Tensor) -> Tensor:
        """[n, n_in] -> [n, n_classes].

        counts: of all windows so far. Scaled by the root of its inputs, so that heads of any size
        begin alike.
        """
        return linear(counts, self.weight) * (self.gain.exp() / math.sqrt(self.n_in))


class Block(nn.Module):
    """Consecutive layers between which gradients flow; `head` is None in the last block."""

    def __init__(
        self,
        specs: Sequence[LayerSpec],
        head: Head | None,
        width: float,
        *,
        takes_values: bool = False,
    ) -> None:
        """specs: of its layers, pooling included. width: of the surrogate, in spreads of the
        currents. takes_values: what comes in is no spikes, but the same values in all steps."""
        super().__init__()
        self.specs, self.head, self._width = tuple(specs), head, width
        weighted = [spec for spec in specs if spec.has_weights]
        self.spiking = [
            Spiking(spec, takes_values=takes_values and index == 0)
            for index, spec in enumerate(weighted)
        ]
        self.modules_in_order = nn.ModuleList(self.spiking)

    def run(self, spikes: Tensor, potentials: list[Tensor]) -> list[Tensor]:
        """One window: spikes [n_steps, n, ...] -> those of each layer, pooling included.

        potentials: of each layer that has weights; replaced by those after the window.
        """
        outputs, index = [], 0
        for spec in self.specs:
            if spec.has_weights:
                layer = self.spiking[index]
                spikes, potentials[index] = layer.run(spikes, potentials[index], self._width)
                index += 1
            else:
                spikes = pool(spikes, spec.size)
            outputs.append(spikes)
        return outputs


def blocks(spec: NetworkSpec, recipe: TruncatedRecipe) -> list[Block]:
    """Blocks of `block_layers` layers that have weights (0: one block); pooling goes with the
    layer before it.

    spec: a multi-spike network. Guo et al. 2023, local blocks.
    """
    groups: list[list[LayerSpec]] = [[]]
    n_weighted = 0
    for layer in spec.layers:
        if layer.has_weights:
            if recipe.block_layers and n_weighted == recipe.block_layers:
                groups.append([])
                n_weighted = 0
            n_weighted += 1
        groups[-1].append(layer)
    heads = [Head(recipe, group[-1].post, spec.n_classes) for group in groups[:-1]]
    values = spec.input.encoding == "direct"
    return [
        Block(group, head, recipe.width, takes_values=values and index == 0)
        for index, (group, head) in enumerate(zip(groups, [*heads, None], strict=True))
    ]
