"""Settings of nodes as numbers: files have scalars, pairs, arrays and words for the same."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from hwgen.errors import NirError
from hwgen.nir.graph import Node

_MAX_LENGTH = 2**16  # of an axis: more is no network of hwgen


class Sliding(NamedTuple):
    """A square window over a feature map: its side, its stride, and zeros around the map."""

    size: int
    stride: int
    padding: int

    def reach(self, n: int) -> int:
        """Positions along an axis of n; less than 1 if the window does not fit."""
        return (n + 2 * self.padding - self.size) // self.stride + 1

    def left_over(self, n: int) -> int:
        """How many at the end of an axis of n, with the padding, no window sees."""
        return (n + 2 * self.padding - self.size) % self.stride


def convolution(node: Node) -> Sliding:
    """Of a Conv2d. Raises `NirError` with all that hwgen has not."""
    weights = node.array("weight")
    if weights.ndim != 4:
        raise NirError(f"node {node.label}: weight is {list(weights.shape)}, expected 4 axes")
    height, width = weights.shape[2:]
    found = list(_unusual(node))
    if height != width:
        found.append(f"its kernel is {height}x{width}, expected a square")
    stride = _square(node, "stride", found)
    given, padding = node.fields["padding"], 0
    if isinstance(given, str):
        if given == "same" and (height % 2 == 0 or stride != 1):
            found.append("padding 'same' with an even kernel, or a stride: say numbers")
        elif given not in ("same", "valid"):
            found.append(f"padding is {given!r}")
        padding = (height - 1) // 2 if given == "same" else 0
    else:
        padding = _square(node, "padding", found)
    if found:
        raise NirError(f"node {node.label}: {', '.join(found)}")
    return Sliding(height, stride, padding)


def _unusual(node: Node) -> Iterator[str]:
    for name in ("dilation", "groups"):
        if name in node.fields and (node.array(name) != 1).any():
            yield f"{name} is {_shown(node.fields[name])}, expected 1"


def pooling(node: Node) -> Sliding:
    """Of a SumPool2d or AvgPool2d. Raises `NirError` with all that hwgen has not."""
    found: list[str] = []
    size, stride = _square(node, "kernel_size", found), _square(node, "stride", found)
    padding = _square(node, "padding", found) if "padding" in node.fields else 0
    if padding:
        found.append(f"padding is {padding}, expected 0")
    if found:
        raise NirError(f"node {node.label}: {', '.join(found)}")
    return Sliding(size, stride, 0)


def _square(node: Node, name: str, found: list[str]) -> int:
    """A setting that must be the same for rows and columns; what it is not goes to `found`."""
    values = np.unique(node.array(name))
    least = 0 if name == "padding" else 1
    if len(values) != 1 or values[0] % 1 or not least <= values[0] <= _MAX_LENGTH:
        found.append(f"{name} is {_shown(node.fields[name])}, expected one number for both axes")
        return 1
    return int(values[0])


def _shown(value: Any) -> str:
    return str(np.asarray(value).tolist())


def lengths(node: Node, name: str) -> tuple[int, ...]:
    """A shape, as of Input: a tuple of positive numbers."""
    values = node.array(name).ravel()
    if (values % 1).any() or not ((values >= 1) & (values <= _MAX_LENGTH)).all():
        raise NirError(f"node {node.label}: {name} is {_shown(values)}, expected positive integers")
    return tuple(int(n) for n in values)


def input_shape(node: Node) -> tuple[int, ...]:
    """Of Input, without a batch of 1: (n,), or (channels, height, width). Raises `NirError`."""
    shape = lengths(node, "shape")
    while len(shape) in (2, 4) and shape[0] == 1:  # files of snnTorch and Norse may have it
        shape = shape[1:]
    if len(shape) == 2:
        shape = (1, *shape)
    if len(shape) not in (1, 3):
        raise NirError(
            f"node {node.label}: shape is {list(shape)}, expected n, or channels, height and width"
        )
    return shape


def flattens_all(node: Node) -> bool:
    """Whether a Flatten leaves one axis; counted without the batch, or with it, from 1."""
    start = node.array("start_dim") if "start_dim" in node.fields else np.zeros(1)
    end = node.array("end_dim") if "end_dim" in node.fields else np.full(1, -1)
    return bool(np.isin(start, (0, 1)).all() and np.isin(end, (-1, 2, 3)).all())
