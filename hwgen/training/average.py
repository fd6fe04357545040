"""The mean of a network over the last epochs: less noisy than any one of them."""

from torch import Tensor


def added(average: dict[str, Tensor], state: dict[str, Tensor], n: int) -> dict[str, Tensor]:
    """The mean of n states, the last of which is `state`; `average`: of those before (1: ignored).

    Tensors of floats only, by name. The sum is not kept, so that nothing grows.

    Returns new tensors. n: at least 1.
    """
    if n == 1:
        return {name: tensor.detach().clone() for name, tensor in state.items()}
    return {name: average[name].lerp(tensor, 1 / n) for name, tensor in state.items()}
