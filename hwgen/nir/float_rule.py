"""The file's own discrete rule, node by node, in float64: what its framework computes.

It shares nothing with golden, and nothing with the way from nodes to integers but the table of
dialects: pools are not folded here, and axes stay as in the file. Their agreement is the evidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from hwgen.nir import dialects, settings
from hwgen.nir.dialects import Meaning, Reals, Rule
from hwgen.nir.graph import Node

# So near its threshold, relative, a potential is at it: 2.55 is not the sum of 0.75 and 1.8 in
# floats, and that is no part of any rule.
_TIE = 1e-9


@dataclass(frozen=True)
class Fired:
    """What nodes with neurons did. name: of the node; spikes: uint8 [n, n_steps, n_neurons] of 0
    and 1, neurons in the order of the contract; potentials: float64 [n, n_neurons] after the last
    step, reset and leak included, as golden's are."""

    name: str
    spikes: NDArray[np.uint8]
    potentials: Reals


def run(nodes: Sequence[Node], rule: Rule, inputs: Reals) -> list[Fired]:
    """Run samples through the nodes from Input to Output.

    inputs: [n, n_steps, *shape], shape that of Input without a batch. Returns an entry for each
    node that can fire, in order.
    """
    n, n_steps = inputs.shape[:2]
    values = inputs.reshape(n * n_steps, *inputs.shape[2:]).astype(np.float64)
    found = []
    for node in nodes[1:-1]:
        if node.kind in dialects.NEURONS:
            steps = values.reshape(n, n_steps, *values.shape[1:])
            spikes, last = _neurons(steps, dialects.meaning(node, rule), rule)
            found.append(Fired(node.name, _contract_order(spikes, 2), _contract_order(last, 1)))
            values = spikes.reshape(values.shape).astype(np.float64)
        else:
            values = _linear(node, values)
            if node.kind == "Threshold":
                steps = values.reshape(n, n_steps, *values.shape[1:]).astype(np.uint8)
                nothing = np.zeros((n, 0))
                found.append(Fired(node.name, _contract_order(steps, 2), nothing))
    return found


def _neurons(currents: Reals, meant: Meaning, rule: Rule) -> tuple[NDArray[np.uint8], Reals]:
    """Currents [n, n_steps, *shape] -> spikes of that shape, and potentials in the end."""
    shape = currents.shape[2:]
    keep, gain, rest = (_fitted(x, shape) for x in (meant.keep, meant.gain, meant.rest))
    above = np.zeros((len(currents), *shape))  # the potential above rest
    spikes = np.zeros(currents.shape, np.uint8)
    limit = None if meant.threshold is None else _fitted(meant.threshold, shape) - rest
    tie = 0 if limit is None else _TIE * np.maximum(1, np.abs(limit))
    for step in range(currents.shape[1]):
        above = above + gain * currents[:, step]
        if limit is None:
            above = keep * above
            continue
        fires = above >= limit - tie if rule.dialect.fires == "at" else above > limit + tie
        spikes[:, step] = fires
        if rule.reset == "zero":
            above = np.where(fires, 0, keep * above)
        elif rule.dialect.order == "leak, reset":
            above = keep * above - fires * limit
        else:
            above = keep * (above - fires * limit)
    return spikes, above


def _fitted(values: Reals, shape: tuple[int, ...]) -> Reals:
    """A field of a neuron, as the shape of the neurons: scalars, and one a channel, for all."""
    while values.ndim > len(shape):
        values = values[0]
    if len(shape) == 3 and values.ndim == 1 and values.size == shape[0]:
        values = values[:, None, None]
    if values.ndim != len(shape) and values.size == np.prod(shape):
        values = values.reshape(shape)
    return np.broadcast_to(values, shape)


def _linear(node: Node, values: Reals) -> Reals:
    """A node without neurons; values [m, *shape] -> [m, *shape]."""
    if node.kind == "Flatten":
        return values.reshape(len(values), -1)
    if node.kind == "Threshold":
        return (values > _fitted(node.array("threshold"), values.shape[1:])).astype(np.float64)
    if node.kind in ("SumPool2d", "AvgPool2d"):
        size, stride, _ = settings.pooling(node)
        windows = sliding_window_view(values, (size, size), axis=(2, 3))[:, :, ::stride, ::stride]
        pooled: Reals = windows.sum(axis=(4, 5))
        return pooled / size**2 if node.kind == "AvgPool2d" else pooled
    weights = node.array("weight")
    bias = node.array("bias") if "bias" in node.fields else np.zeros(1)
    if node.kind == "Conv2d":
        size, stride, padding = settings.convolution(node)
        edge = (padding, padding)
        padded = np.pad(values, ((0, 0), (0, 0), edge, edge))
        windows = sliding_window_view(padded, (size, size), axis=(2, 3))[:, :, ::stride, ::stride]
        made = np.einsum("mcyxij,fcij->mfyx", windows, weights, optimize=True)
        made = made + bias.reshape(-1, 1, 1)
    else:
        made = values.reshape(len(values), -1) @ weights.T + bias.reshape(-1)
    return np.asarray(made, np.float64)


def _contract_order(values: NDArray, axis: int) -> NDArray:  # type: ignore[type-arg]
    """Feature maps [..., channels, height, width] as [..., n], numbered as in the contract."""
    if values.ndim == axis + 3:
        values = np.moveaxis(values, axis, -1)
    return values.reshape(*values.shape[:axis], -1)
