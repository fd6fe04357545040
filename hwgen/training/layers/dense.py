"""Dense layers in training."""

from torch import Tensor
from torch.nn.functional import linear

from hwgen.network.layers.dense import DenseSpec


class DenseSynapses:
    """Shadow weights [n_post, n_pre] of a dense layer, and what they make of spikes."""

    axes = (1, 0)  # of shadow weights, in the order of the contract
    channel_shape: tuple[int, ...] = (-1,)  # of a number a neuron, beside potentials [n, n_post]
    can_be_pooled = False

    def __init__(self, spec: DenseSpec) -> None:
        """spec: sizes. `shape` is that of the shadow weights, `post` of a sample's potentials."""
        self.shape: tuple[int, ...] = (spec.n_post, spec.n_pre)
        self.post: tuple[int, ...] = (spec.n_post,)  # of the potentials of a sample

    def potentials(
        self, psp: Tensor, weights: Tensor, pool: int, bias: Tensor | None = None
    ) -> Tensor:
        """[n_steps, n, ...] -> [n_steps, n, n_post].

        psp: [n_steps, n, n_pre], or a feature map's [n_steps, n, channels, height, width]. pool:
        always 1. bias: [n_post], added in each step.
        """
        if psp.dim() == 5:  # neurons of a feature map are numbered channels last
            psp = psp.permute(0, 1, 3, 4, 2)
        return linear(psp.flatten(2), weights, bias)
