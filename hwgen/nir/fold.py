"""Linear nodes beside one another as one: pooling in weights, axes in the contract's order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import NirError
from hwgen.network.layers.shape import Shape
from hwgen.nir.settings import Sliding

Reals = NDArray[np.float64]


class Folded(NamedTuple):
    """Weights in the contract's layout, and biases [n_post]; both, and what compares with them,
    are `divisor` times what the nodes say: averages are sums here."""

    pre: Shape
    weights: Reals
    biases: Reals
    divisor: float
    sliding: Sliding | None


@dataclass(frozen=True)
class Linear:
    """A linear node. weights: float64, [post, pre], or [filters, channels, size, size], as files
    have them; None of pooling. pre: what feeds it."""

    kind: Literal["dense", "conv", "pool"]
    sliding: Sliding | None
    weights: Reals | None
    biases: Reals | None
    pre: Shape
    average: bool = False
    label: str = ""

    @property
    def count(self) -> int:
        """Neurons of a window of a channel."""
        return self.sliding.size**2 if self.sliding else 1

    def folded(self, parts: Sequence["Linear"]) -> Folded:
        """This one, which has weights, with the pools before and behind it.

        Raises `NirError` where that is no convolution of hwgen.
        """
        at = next(n for n, part in enumerate(parts) if part is self)
        before, after = parts[:at], parts[at + 1 :]
        assert self.weights is not None
        assert self.biases is not None
        averaged = float(np.prod([part.count for part in parts if part.average]))
        summed = float(np.prod([part.count for part in after if not part.average]))
        biases = self.biases * (averaged * summed)
        if self.sliding is None:
            return Folded(
                parts[0].pre, _dense(self.weights, self.pre, before), biases, averaged, None
            )
        weights, sliding = self.weights, self.sliding
        assert sliding
        for pool in reversed(before):
            assert pool.sliding
            _require_exact(pool, sliding, self.label)
            ones = np.ones((pool.sliding.size,) * 2)
            weights, sliding = _composed(ones, pool.sliding, weights, sliding)
        for pool in after:
            assert pool.sliding
            ones = np.ones((1, 1, *(pool.sliding.size,) * 2))
            weights, sliding = _spread(weights, sliding, ones[0, 0], pool.sliding)
        if sliding.size > 15 or sliding.stride > 15 or sliding.padding > 14:
            raise NirError(
                f"node {self.label}: with its pooling a kernel of {sliding.size}, stride "
                f"{sliding.stride}, padding {sliding.padding}; expected at most 15, 15 and 14"
            )
        return Folded(parts[0].pre, weights.transpose(2, 3, 1, 0), biases, averaged, sliding)


def _dense(weights: Reals, pre: Shape, pools: Sequence[Linear]) -> Reals:
    """[post, channels * height * width] -> [n_pre, post], neurons numbered as in the contract."""
    height, width, channels = pre
    cells = weights.reshape(-1, channels, height, width)
    for pool in reversed(pools):
        assert pool.sliding
        size, stride, _ = pool.sliding
        high, wide = pool.pre[:2]
        spread = np.zeros((*cells.shape[:2], high, wide))
        rows, columns = cells.shape[2] * stride, cells.shape[3] * stride
        for i in range(size):
            for j in range(size):
                spread[:, :, i : i + rows : stride, j : j + columns : stride] += cells
        cells = spread
    return cells.transpose(2, 3, 1, 0).reshape(-1, len(weights))


def _composed(
    first: Reals, window: Sliding, weights: Reals, sliding: Sliding
) -> tuple[Reals, Sliding]:
    """A pool's window [size, size], then a convolution: one convolution.

    Each tap of the convolution is a window, `window.stride` apart.
    """
    size = (sliding.size - 1) * window.stride + window.size
    made = np.zeros((*weights.shape[:2], size, size))
    for i in range(sliding.size):
        for j in range(sliding.size):
            y, x = i * window.stride, j * window.stride
            tap = weights[:, :, i, j][..., None, None]
            made[:, :, y : y + window.size, x : x + window.size] += tap * first
    return made, Sliding(size, sliding.stride * window.stride, sliding.padding * window.stride)


def _spread(
    weights: Reals, sliding: Sliding, last: Reals, window: Sliding
) -> tuple[Reals, Sliding]:
    """A convolution, then a pool's window [size, size]: one convolution."""
    size = (window.size - 1) * sliding.stride + sliding.size
    made = np.zeros((*weights.shape[:2], size, size))
    for i in range(window.size):
        for j in range(window.size):
            y, x = i * sliding.stride, j * sliding.stride
            made[:, :, y : y + sliding.size, x : x + sliding.size] += weights * last[i, j]
    return made, Sliding(size, sliding.stride * window.stride, sliding.padding)


def _require_exact(pool: Linear, sliding: Sliding, label: str) -> None:
    """Rows that no window of a pool sees would be seen instead of the padding behind it."""
    assert pool.sliding
    if sliding.padding and any(pool.sliding.left_over(n) for n in pool.pre[:2]):
        raise NirError(
            f"node {pool.label}: leaves rows or columns of {pool.pre} out, and {label} pads what "
            "is left; crop the input to a multiple of the window"
        )
