"""A dense layer of single-spike neurons with integer forward pass and float shadow weights."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from hwgen.training.readout import first_crossing


@dataclass(frozen=True)
class LayerTrace:
    """What a layer did with a batch; `n_steps` means never. All numbers are integers in value.

    inputs: int64 [n, n_pre] spike times; delivered: int8 [n, n_steps, n_pre], 1 from the step of
    the input on; potentials: int32 [n, n_steps, n_post] (float32 if not `rounded`); times: int64
    [n, n_post] spike times; at_spike: float32 [n, n_post] potential at the spike, or at the end if
    there was none.
    """

    inputs: Tensor
    delivered: Tensor
    potentials: Tensor
    times: Tensor
    at_spike: Tensor

    def select(self, samples: Tensor) -> "LayerTrace":
        """The trace of some samples: int64 [n_chosen].

        samples: indices. The trace shares no memory with this one.
        """
        return LayerTrace(
            self.inputs[samples],
            self.delivered[samples],
            self.potentials[samples],
            self.times[samples],
            self.at_spike[samples],
        )


class Dense(nn.Module):
    """Full connection, integrate-and-fire, at most one spike a sample (SSTDP, eq. 1-3).

    The forward pass is the integer one of the contract: nothing is lost at export. Its shadow
    weights lie in -1..1 and are rounded to `weight_bits`; its shadow threshold is in integer units
    and is rounded down, which with the strict comparison changes no spike.
    """

    def __init__(self, n_pre: int, n_post: int, weight_bits: int, n_steps: int) -> None:
        """n_pre: inputs. n_post: neurons. weight_bits: 1 to 8; 1 gives weights -1 and +1. n_steps:
        of a sample."""
        super().__init__()
        self.n_pre, self.n_post = n_pre, n_post
        self.weight_bits, self.n_steps = weight_bits, n_steps
        self.max_weight = 1 if weight_bits == 1 else 2 ** (weight_bits - 1) - 1
        self.shadow = nn.Parameter(torch.zeros(n_pre, n_post), requires_grad=False)
        # One for the layer, or, in a network made from params, one a neuron.
        self.threshold = nn.Parameter(torch.zeros(1), requires_grad=False)
        # Spread of the potential before training: the scale of `sstdp.slope`.
        self.register_buffer("potential_scale", torch.ones(()))
        # A buffer, so that a checkpoint has it: it is set once, and a run that goes on must find
        # the same.
        self.potential_scale: Tensor
        self.rounded = True  # False computes with the shadows: only to measure what rounding costs

    def integer_weights(self) -> Tensor:
        """Weights as exported: float32 [n_pre, n_post] of integers.

        Symmetric: within plus and minus (2 ** (weight_bits - 1) - 1), as the contract's section 1
        has them.
        """
        if self.weight_bits == 1:
            return torch.where(self.shadow >= 0, 1.0, -1.0)
        return (self.shadow * self.max_weight).round().clamp(-self.max_weight, self.max_weight)

    def integer_threshold(self) -> Tensor:
        """Thresholds as exported: float32 [1] or [n_post] of integers.

        Not negative, as the contract demands.
        """
        return self.threshold.floor().clamp(min=0)

    @torch.no_grad()
    def forward(self, inputs: Tensor) -> LayerTrace:
        """All steps at once: spike times int64 [n, n_pre] -> LayerTrace.

        n_steps in `inputs` means never. Without gradients: SSTDP computes its own
        (`rule.backward`).
        """
        n_steps, device = self.n_steps, inputs.device
        steps = torch.arange(n_steps, device=device, dtype=torch.uint8)
        # What has arrived by each step: with the step PSP a potential is one product of this and
        # the weights, so all steps of all samples are one matrix.
        delivered = (inputs.to(torch.uint8)[:, None, :] <= steps[None, :, None]).to(torch.int8)
        flat = delivered.view(-1, self.n_pre)
        if self.rounded:
            potentials = _integer_matmul(flat, self.integer_weights())
            threshold = self.integer_threshold().int()
        else:
            potentials = flat.float() @ (self.shadow * self.max_weight)
            threshold = self.threshold
        potentials = potentials.view(-1, n_steps, self.n_post)
        times, at_spike = first_crossing(potentials, threshold)
        return LayerTrace(inputs, delivered, potentials, times, at_spike)

    def clip(self) -> None:
        """Keep the shadows where they can still change what is exported.

        In place. A shadow beyond 1 would round to a weight that there is not, and take long to come
        back.
        """
        self.shadow.clamp_(-1, 1)
        self.threshold.clamp_(min=0)


def _integer_matmul(spikes: Tensor, weights: Tensor) -> Tensor:
    """Exact: int8 [n, n_pre] of 0 and 1, weights float32 [n_pre, n_post] of integers -> int32."""
    # On a GPU integers limit the shapes.
    if spikes.device.type == "cpu" and integers_are_faster():
        return torch._int_mm(spikes, weights.to(torch.int8))
    # Sums of integers below 2**24 are exact in float32, whatever the order.
    return (spikes.float() @ weights).int()


@cache
def integers_are_faster() -> bool:
    """Whether this processor multiplies int8 faster than float32: measured once, some 10 ms.

    With VNNI it does, by three times; without, as on most laptops, it may take 16 times as long.
    The results are the same.
    """
    spikes, weights = torch.ones(256, 512, dtype=torch.int8), torch.ones(512, 128)
    small = weights.to(torch.int8)

    def seconds(product: Callable[[], Tensor]) -> float:
        product()  # whatever is set up once
        times = []
        for _ in range(3):
            started = time.perf_counter()
            product()
            times.append(time.perf_counter() - started)
        return min(times)

    return seconds(lambda: torch._int_mm(spikes, small)) < seconds(lambda: spikes.float() @ weights)
