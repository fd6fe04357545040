"""From nodes in a row to layers with real numbers, in the layout of the contract.

Files have axes [channels, height, width], the contract has height, width, channels. Pooling that
sums or averages is folded into the weights beside it, which is exact: both are sums.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import NirError
from hwgen.network.layers.shape import Shape
from hwgen.nir import dialects, settings
from hwgen.nir.dialects import Rule
from hwgen.nir.fold import Linear
from hwgen.nir.graph import Node
from hwgen.nir.settings import Sliding

Reals = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class RealLayer:
    """A layer of neurons in the unit of its weights: v = keep * v + weights * spikes + biases.

    weights: float64 [n_pre, n_post], or [size, size, channels, filters] of a convolution, whose
    window is `sliding`. biases, thresholds: float64 [n_post], or [filters]; thresholds are None of
    outputs that only integrate. names: of the nodes that made it; the last is that of its neurons.
    """

    names: tuple[str, ...]
    pre: Shape
    post: Shape
    weights: Reals
    biases: Reals
    thresholds: Reals | None
    keep: float
    sliding: Sliding | None = None


class PoolLayer(NamedTuple):
    """A neuron fires in each step in which one of its window does: SumPool2d, then Threshold."""

    names: tuple[str, ...]
    pre: Shape
    post: Shape
    size: int


class Given(NamedTuple):
    """What a file does not say of its input: height, width and channels if it is flat, and what
    the input is multiplied with on its way in, 1 of spikes."""

    shape: Shape | None = None
    scale: float = 1.0


def first_shape(nodes: Sequence[Node], given: Given) -> Shape:
    """Height, width, channels of the input. Raises `NirError` if what is given does not fit."""
    found = settings.input_shape(nodes[0])
    if len(found) == 3:
        shape = Shape(found[1], found[2], found[0])
        if given.shape and given.shape != shape:
            raise NirError(
                f"node {nodes[0].label}: is {shape} (height x width x channels), but "
                f"{given.shape} was given"
            )
        return shape
    shape = given.shape or Shape(1, found[0], 1)
    if shape.n != found[0]:
        raise NirError(f"node {nodes[0].label}: {found[0]} inputs, but {shape} was given")
    return shape


def layers(nodes: Sequence[Node], rule: Rule, given: Given) -> list[RealLayer | PoolLayer]:
    """All layers of the nodes from Input to Output. Raises `NirError` with all that is no layer.

    given.scale: by which numbers of the input are larger than the file means them.
    """
    walk = _Walk(rule, first_shape(nodes, given), flat=len(settings.input_shape(nodes[0])) == 1)
    walk.scale = given.scale
    for node in nodes[1:-1]:
        try:
            walk.take(node)
        except NirError as error:
            walk.problems.append(str(error))
            break  # shapes behind it mean nothing
    else:
        walk.finish()
    if walk.problems:
        raise NirError("; also ".join(walk.problems))
    return walk.made


@dataclass
class _Walk:
    """Goes from node to node; `linear` are those since the last neurons."""

    rule: Rule
    shape: Shape
    flat: bool
    scale: float = 1.0
    linear: list[Linear] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    made: list[RealLayer | PoolLayer] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pre = self.shape

    def take(self, node: Node) -> None:
        self.names.append(node.name)
        if node.kind == "Flatten":
            self._flatten(node)
        elif node.kind in ("Linear", "Affine"):
            self._dense(node)
        elif node.kind == "Conv2d":
            self._convolution(node)
        elif node.kind in ("SumPool2d", "AvgPool2d"):
            self._pool(node)
        elif node.kind == "Threshold":
            self._any_of_window(node)
        else:
            self._neurons(node)

    def finish(self) -> None:
        """Raises `NirError` unless neurons are the last."""
        if not self.made:
            raise NirError("there are no neurons (IF, LIF, I, LI)")
        if self.linear:
            raise NirError(
                f"{self.names[-1]} is the last node, expected neurons: IF or LIF, or I or LI for "
                "the readout 'potential'"
            )
        for layer in self.made[:-1]:
            if isinstance(layer, RealLayer) and layer.thresholds is None:
                self.problems.append(f"{layer.names[-1]} never fires, and is not the last")
        if isinstance(self.made[-1], PoolLayer) or self.made[-1].sliding:
            self.problems.append("the last layer takes a feature map, expected Linear or Affine")

    def _flatten(self, node: Node) -> None:
        if not settings.flattens_all(node):
            raise NirError(f"node {node.label}: leaves several axes, expected one")
        self.flat = True

    def _dense(self, node: Node) -> None:
        weights = node.array("weight")
        n = self.shape.n
        vector = self.flat or self.shape.height * self.shape.channels == 1
        if weights.ndim != 2 or weights.shape[1] != n or not vector:
            what = "a vector" if vector else "a feature map; is a Flatten missing?"
            raise NirError(
                f"node {node.label}: weight is {list(weights.shape)}, but {n} neurons feed it, as "
                + what
            )
        self._require_one(node)
        bias = self._bias(node, len(weights))
        self.linear.append(Linear("dense", None, weights, bias, self.shape, label=node.label))
        self.shape, self.flat = Shape(1, 1, len(weights)), True

    def _convolution(self, node: Node) -> None:
        sliding, weights = settings.convolution(node), node.array("weight")
        if self.flat or weights.shape[1] != self.shape.channels:
            fed = f"{self.shape.n} as a vector" if self.flat else f"{self.shape.channels} channels"
            raise NirError(
                f"node {node.label}: weight is {list(weights.shape)}, of {weights.shape[1]} "
                f"channels, but {fed} feed it"
            )
        self._require_one(node)
        bias = self._bias(node, len(weights))
        self._slide(Linear("conv", sliding, weights, bias, self.shape, label=node.label))

    def _pool(self, node: Node) -> None:
        sliding = settings.pooling(node)
        if self.flat:
            raise NirError(f"node {node.label}: a vector feeds it, expected a feature map")
        average = node.kind == "AvgPool2d"
        self._slide(
            Linear("pool", sliding, None, None, self.shape, average=average, label=node.label)
        )

    def _slide(self, part: Linear) -> None:
        assert part.sliding
        height, width = (part.sliding.reach(n) for n in self.shape[:2])
        if min(height, width) < 1:
            raise NirError(f"node {part.label}: does not fit into {self.shape}")
        channels = self.shape.channels if part.weights is None else len(part.weights)
        self.linear.append(part)
        self.shape = Shape(height, width, channels)

    def _any_of_window(self, node: Node) -> None:
        """SumPool2d, then a threshold between 0 and 1: who fires if one of its window does."""
        limit = self._per_neuron(node.array("threshold"), node, "threshold")
        last = self.linear[-1] if len(self.linear) == 1 else None
        fits = last and last.kind == "pool" and last.sliding and last.sliding[0] == last.sliding[1]
        one = (limit >= 0).all() and (
            limit < (1 / last.count if last and last.average else 1)
        ).all()
        if not fits or not one or not self.made or not last or not last.sliding:
            raise NirError(
                f"node {node.label}: expected neurons, then SumPool2d without overlap, then a "
                "Threshold in 0..1 (hwgen's pooling)"
            )
        self._add(PoolLayer(tuple(self.names), self.pre, self.shape, last.sliding.size))

    def _neurons(self, node: Node) -> None:
        meant = dialects.meaning(node, self.rule)
        weighted = [part for part in self.linear if part.weights is not None]
        if not weighted:
            raise NirError(f"node {node.label}: no weights between it and the neurons before")
        folded = weighted[0].folded(self.linear)
        keep = self._per_neuron(meant.keep, node, "tau")
        self._per_neuron(meant.rest, node, "v_leak")
        if np.ptp(keep):
            raise NirError(
                f"node {node.label}: neurons keep {keep.min():g}..{keep.max():g} of a potential, "
                "expected one leak for a layer"
            )
        gain = self._per_neuron(meant.gain, node, "r")
        thresholds = None
        if meant.threshold is not None:
            limit = meant.threshold - meant.rest
            if (limit < 0).any():
                raise NirError(
                    f"node {node.label}: v_threshold is {limit.min():g} above the potential at "
                    "rest, expected at least 0"
                )
            scaled = self._per_neuron(limit, node, "v_threshold") / gain
            thresholds = scaled * (folded.divisor * self.scale)
        elif np.ptp(gain):
            raise NirError(f"node {node.label}: r differs from output to output")
        self._add(
            RealLayer(
                names=tuple(self.names),
                pre=folded.pre,
                post=self.shape,
                weights=folded.weights,
                biases=folded.biases * self.scale,
                thresholds=thresholds,
                keep=float(keep[0]),
                sliding=folded.sliding,
            )
        )

    def _add(self, layer: RealLayer | PoolLayer) -> None:
        self.made.append(layer)
        self.linear, self.names, self.scale, self.pre = [], [], 1.0, self.shape

    def _per_neuron(self, values: Reals, node: Node, name: str) -> Reals:
        """One a filter, or neuron: [channels]. Scalars are of all; a batch of 1 is dropped."""
        height, width, channels = self.shape
        while values.ndim > 1 and values.shape[0] == 1 and values.size > channels:
            values = values[0]
        if values.size == channels and not (self.flat and height * width > 1):
            values = values.reshape(-1, 1, 1)
        elif values.size == self.shape.n:
            values = values.reshape(channels, height, width)
        elif values.size != 1:
            raise NirError(
                f"node {node.label}: {name} is {list(values.shape)}, but {self.shape.n} neurons "
                f"({self.shape}) feed it"
            )
        whole = np.broadcast_to(
            values.reshape(values.shape if values.ndim == 3 else (1, 1, 1)),
            (channels, height, width),
        ).reshape(channels, -1)
        if np.ptp(whole, axis=1).any():
            raise NirError(
                f"node {node.label}: {name} differs within a filter, expected one a filter"
            )
        return whole[:, 0]

    def _require_one(self, node: Node) -> None:
        before = [part.label for part in self.linear if part.weights is not None]
        if before:
            raise NirError(
                f"nodes {before[0]} and {node.label}: no neurons between them; multiply their "
                "weights before exporting"
            )

    def _bias(self, node: Node, n: int) -> Reals:
        if "bias" not in node.fields:
            return np.zeros(n)
        bias = node.array("bias").reshape(-1)
        if bias.size not in (1, n):
            raise NirError(f"node {node.label}: bias is of {bias.size} numbers, expected {n}")
        return np.broadcast_to(bias, n).copy()
