"""What a batch of TT-LBPTT costs: memory, traffic and multiplications, measured while it runs.

Guo et al., Front. Neurosci. 17:1047008 (2023), compare these for blocks and windows with
backpropagation through time end to end.
"""

import copy
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from hwgen.training.memory import peak_bytes
from hwgen.training.multi_spike.truncated_bptt import TruncatedNetwork


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of one batch of `n` samples, all steps, and the optimiser's steps (Adam).

    saved_bytes: most that was kept for backward at one time; fixed_bytes: parameters, gradients and
    Adam's moments; allocated_bytes: most that torch's allocator gave out at one time besides, 0 if
    it was not asked; moved_bytes: operands and results of all operations of torch, as if nothing
    stayed in a cache; macs: as torch counts them, forward and backward; forward_macs, weight_macs,
    error_macs, head_macs: counted from the shapes: potentials; gradients of weights; errors sent to
    the layer below; all of the heads. Spikes are 0 or 1, so the first two are additions, but for a
    first layer that takes values; the others multiply real numbers.
    """

    n: int
    window_steps: int
    n_blocks: int
    saved_bytes: int
    fixed_bytes: int
    allocated_bytes: int
    moved_bytes: int
    macs: int
    forward_macs: int
    weight_macs: int
    error_macs: int
    head_macs: int

    def to_json(self) -> dict[str, int]:
        """A table of plain numbers."""
        return asdict(self)


def measure(
    network: TruncatedNetwork, inputs: Tensor, labels: Tensor, *, ask_allocator: bool = False
) -> Cost:
    """Learn one batch with a copy of the network: 0/1 [n, n_steps, n_inputs], int64 [n].

    `ask_allocator`: learn it once more; on a GPU that is always done.

    labels: int64 [n]. The network itself is not changed.
    """
    trial = copy.deepcopy(network).train()
    groups = [group["params"] for group in trial.parameter_groups()]
    parameters = [parameter for group in groups for parameter in group]
    optimiser = torch.optim.Adam(parameters, lr=1e-6)
    trial.learn(inputs[:1], labels[:1], optimiser.step)  # makes Adam's moments
    saved, moved, counter = _Saved(), _Moved(), FlopCounterMode(display=False)
    with ExitStack() as stack:
        for context in (saved_tensors_hooks(saved.pack, saved.unpack), moved, counter):
            stack.enter_context(context)
        trial.learn(inputs, labels, optimiser.step)
    fixed = sum(4 * parameter.numel() for parameter in trial.parameters())
    allocated = 0
    if ask_allocator or inputs.device.type == "cuda":
        again = partial(trial.learn, inputs, labels, optimiser.step)
        allocated = peak_bytes(again, inputs.device)
    return Cost(
        n=len(labels),
        window_steps=trial.window_steps,
        n_blocks=len(trial.blocks),
        saved_bytes=saved.peak,
        fixed_bytes=fixed + sum(3 * 4 * parameter.numel() for parameter in parameters),
        allocated_bytes=allocated,
        moved_bytes=moved.n_bytes,
        macs=counter.get_total_flops() // 2,
        **_counted(trial, len(labels)),
    )


def _counted(network: TruncatedNetwork, n: int) -> dict[str, int]:
    """MACs from the shapes, padding included, as a dense computation does them."""
    forward = errors = heads = 0
    n_windows = -(-network.n_steps // network.window_steps)
    for block in network.blocks:
        for index, layer in enumerate(block.spiking):
            # Values are the same in all steps of a window: so are the sums of them.
            n_sums = n_windows if layer.takes_values else network.n_steps
            macs = n * n_sums * layer.spec.n_post * layer.spec.n_fan_in
            forward += macs
            errors += macs if index else 0  # nothing is sent below the first layer of a block
        if block.head:
            # Scores and errors; and the gradients of its weights, if it learns.
            passes = 2 + block.head.weight.requires_grad
            heads += passes * n * n_windows * block.head.weight.numel()
    return {
        "forward_macs": forward,
        "weight_macs": forward,
        "error_macs": errors,
        "head_macs": heads,
    }


class _Kept:
    """A tensor kept for backward, as long as autograd has it."""

    def __init__(self, tensor: Tensor, owner: "_Saved") -> None:
        self.tensor, self._owner = tensor, owner
        owner.count(tensor, 1)

    def __del__(self) -> None:
        self._owner.count(self.tensor, -1)


class _Saved:
    """Bytes kept for backward, each storage once, however often it is saved."""

    def __init__(self) -> None:
        self.now = self.peak = 0
        self._uses: Counter[int] = Counter()

    def count(self, tensor: Tensor, change: int) -> None:
        storage = tensor.untyped_storage()
        before = self._uses[storage.data_ptr()]
        self._uses[storage.data_ptr()] = before + change
        if before == 0 or before + change == 0:
            self.now += change * storage.nbytes()
            self.peak = max(self.peak, self.now)

    def pack(self, tensor: Tensor) -> _Kept:
        return _Kept(tensor, self)

    def unpack(self, kept: _Kept) -> Tensor:
        return kept.tensor


class _Moved(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Bytes of operands and results of each operation, but for those that only look elsewhere."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.n_bytes = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if not func.is_view:
            leaves = [*tree_leaves(args), *tree_leaves(kwargs or {}), *tree_leaves(result)]
            self.n_bytes += sum(leaf.nbytes for leaf in leaves if isinstance(leaf, Tensor))
        return result
