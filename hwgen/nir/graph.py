"""A NIR graph as plain nodes, whatever wrote it; and its nodes in the order in which data flow."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import NirError

REQUIRED: Mapping[str, tuple[str, ...]] = {
    "Input": ("shape",),
    "Output": (),
    "Linear": ("weight",),
    "Affine": ("weight", "bias"),
    "Conv2d": ("weight", "stride", "padding"),
    "SumPool2d": ("kernel_size", "stride"),
    "AvgPool2d": ("kernel_size", "stride"),
    "Flatten": (),
    "Threshold": ("threshold",),
    "I": ("r",),
    "IF": ("r", "v_threshold"),
    "LI": ("tau", "r"),
    "LIF": ("tau", "r", "v_threshold"),
}
_TWO_STATES = "a synaptic current beside the potential; neurons of hwgen have one state"
_UNSUPPORTED = {
    "CubaLIF": _TWO_STATES,
    "CubaLI": _TWO_STATES,
    "Delay": "hwgen has no delays",
    "Conv1d": "convolutions of hwgen have two axes and square kernels",
    "Scale": "multiply it into the weights beside it before exporting",
}


@dataclass(frozen=True)
class Node:
    """A node: its name, NIR's type, and what the file says of it: arrays as they are, or text."""

    name: str
    kind: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    def array(self, name: str) -> NDArray[np.float64]:
        """A field as float64, of the file's shape. Raises `NirError` of what holds no numbers.

        Infinite may be time constants, and what is in proportion to them.
        """
        given = np.asarray(self.fields.get(name, ""))
        if given.dtype.kind not in "biuf" or not given.size:
            raise NirError(f"node {self.label}: {name} is no array of numbers")
        values = given.astype(np.float64)
        bad = np.isnan(values) if name in ("tau", "r") else ~np.isfinite(values)
        if bad.any():
            raise NirError(f"node {self.label}: {name} holds {values[bad][0]}, which is no number")
        return values

    @property
    def label(self) -> str:
        """As messages name it."""
        return f"{self.name} ({self.kind})"


@dataclass(frozen=True)
class Graph:
    """Nodes by name, edges from name to name, and the version of nir that wrote them."""

    nodes: Mapping[str, Node]
    edges: tuple[tuple[str, str], ...]
    version: str = ""


def flattened(graph: Graph, inner: Mapping[str, Graph]) -> Graph:
    """The graph with the graphs of some of its nodes in their place.

    inner: by the name of the node. Names become NODE.NAME; Input and Output of an inner graph
    vanish: what they pass on is passed on.
    """
    nodes = {name: node for name, node in graph.nodes.items() if name not in inner}
    edges = list(graph.edges)
    for outer, sub in inner.items():
        ends = {"Input": "", "Output": ""}
        for name, node in sub.nodes.items():
            full = f"{outer}.{name}"
            nodes[full] = Node(full, node.kind, node.fields)
            if node.kind in ends:
                ends[node.kind] = full
        edges = [
            (ends["Output"] if a == outer else a, ends["Input"] if b == outer else b)
            for a, b in edges
        ]
        edges += [(f"{outer}.{a}", f"{outer}.{b}") for a, b in sub.edges]
        for end in ends.values():
            before = [a for a, b in edges if b == end]
            after = [b for a, b in edges if a == end]
            edges = [edge for edge in edges if end not in edge]
            edges += [(a, b) for a in before for b in after]
            nodes.pop(end, None)
    return Graph(nodes, tuple(edges), graph.version)


def ordered(graph: Graph, where: str) -> tuple[Node, ...]:
    """The nodes from Input to Output, by edges alone: files sort names, and shuffle edges.

    Raises `NirError` with all that is no chain of nodes that hwgen knows; `where` opens it.
    """
    found = [*_kinds(graph), *_shape(graph)]
    if found:
        raise NirError(f"{where}: {'; also '.join(found)}")
    after = dict(graph.edges)
    names = [next(name for name, node in graph.nodes.items() if node.kind == "Input")]
    while names[-1] in after:
        names.append(after[names[-1]])
    return tuple(graph.nodes[name] for name in names)


def _kinds(graph: Graph) -> Iterator[str]:
    """What cannot be said in integers, node by node."""
    for node in graph.nodes.values():
        if node.kind not in REQUIRED:
            why = _UNSUPPORTED.get(node.kind, "a type that hwgen does not know")
            yield f"node {node.label} is not supported: {why}"
            continue
        lacking = [name for name in REQUIRED[node.kind] if name not in node.fields]
        if lacking:
            yield f"node {node.label} lacks {', '.join(lacking)}: is the file whole?"
        for name in REQUIRED[node.kind]:
            if isinstance(node.fields.get(name, ""), str):
                continue  # a padding may be a word
            try:
                node.array(name)
            except NirError as error:
                yield str(error)


def _shape(graph: Graph) -> Iterator[str]:
    """Why the edges are no chain from one Input to one Output."""
    for kind in ("Input", "Output"):
        n = sum(node.kind == kind for node in graph.nodes.values())
        if n != 1:
            yield f"{n} nodes of type {kind}, expected 1"
    unknown = sorted({name for edge in graph.edges for name in edge} - set(graph.nodes))
    if unknown:
        yield f"an edge names {unknown[0]}, which is no node"
    for name, node in graph.nodes.items():
        before = [a for a, b in graph.edges if b == name]
        after = [b for a, b in graph.edges if a == name]
        if name in before:
            yield f"node {node.label} feeds itself: recurrent, which hwgen cannot"
        elif len(before) > 1:
            other = [a for a in before if _reaches(graph, name, a)]
            yield (
                f"node {node.label} is fed by {' and '.join(sorted(before))}: "
                + (
                    "recurrent, which hwgen cannot"
                    if other
                    else "a sum, as of residual nets: not yet"
                )
            )
        elif not before and node.kind != "Input":
            yield f"nothing feeds node {node.label}"
        elif not after and node.kind != "Output":
            yield f"node {node.label} feeds nothing"


def _reaches(graph: Graph, start: str, end: str) -> bool:
    """Whether edges lead from start to end."""
    seen, todo = set(), [start]
    while todo:
        name = todo.pop()
        if name == end:
            return True
        if name not in seen:
            seen.add(name)
            todo += [b for a, b in graph.edges if a == name]
    return False
