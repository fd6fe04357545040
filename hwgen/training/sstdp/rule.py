"""The SSTDP rule: errors of spike times to gradients of weights, and to errors one layer down.

Liu, Liang, Xiao et al., Frontiers in Neuroscience 15:756876 (2021), eq. 7-11. Where this departs
from the paper is stated in `docs/training.md`. `error` is always dE/dt, float32 [n, n_post].
"""

import torch
from torch import Tensor

from hwgen.recipe import SstdpRecipe
from hwgen.training.sstdp.layers import Dense, LayerTrace


def window_table(recipe: SstdpRecipe, n_steps: int) -> Tensor:
    """-dt_post/dw over spike times: float32 [n_steps + 1 (post), n_steps + 1 (pre)].

    Row `n_steps` is a neuron that never fired: all its inputs came before. Column `n_steps` is an
    input that was never delivered: never causal, it counts as later than any spike.

    SSTDP, eq. 7-9: a before the spike, -b after it. recipe: `causal` is a, `anticausal` b,
    `tau_steps` the exponential's, in steps.
    """
    post = torch.arange(n_steps + 1)[:, None].float()
    pre = torch.arange(n_steps + 1)[None, :].float()
    # Column n_steps is of inputs that never came, and not of a late spike: the comparison with post
    # alone would count them as causal for silent neurons.
    delivered = pre < n_steps
    a, b = recipe.causal, recipe.anticausal
    if recipe.window == "box":
        return torch.where((pre <= post) & delivered, a, -b)
    decay = torch.exp(-(post - pre).abs() / recipe.tau_steps)
    return torch.where(pre < post, a * decay, torch.where(pre > post, -b * decay, 0.0))


def weight_gradient(trace: LayerTrace, error: Tensor, table: Tensor, recipe: SstdpRecipe) -> Tensor:
    """dE/dw = sum over samples of -window(t_pre, t_post) * error: float32 [n_pre, n_post].

    error: of the layer's spike times, [n, n_post]; table: of `window_table`. SSTDP, eq. 7-9, summed
    over samples.
    """
    n, n_steps, n_pre = trace.delivered.shape
    if recipe.window == "box":
        # a where delivered by the post spike, -b elsewhere, is (a + b) * delivered - b.
        # A box needs no table: one product of what was delivered by the spike with the errors, in
        # place of a table's row for each synapse.
        last = trace.times.clamp(max=n_steps - 1)  # never: all that came is there at the last step
        placed = _place(error, last, n_steps)
        causal = trace.delivered.view(n * n_steps, n_pre).float().T @ placed
        return recipe.anticausal * error.sum(dim=0) - (recipe.causal + recipe.anticausal) * causal
    seen = table.T[trace.inputs].transpose(1, 2).reshape(-1, n_pre)
    return -(seen.T @ _place(error, trace.times, n_steps + 1))


def _place(error: Tensor, times: Tensor, n_rows: int) -> Tensor:
    """Error at the step of its spike, zero elsewhere: [n * n_rows, n_post]."""
    n, n_post = error.shape
    placed = torch.zeros(n, n_rows, n_post, device=error.device)
    # Errors laid out by step make the sum over samples and steps one product of matrices.
    return placed.scatter_(1, times[:, None], error[:, None]).view(n * n_rows, n_post)


def input_error(trace: LayerTrace, error: Tensor, weights: Tensor) -> Tensor:
    """dE/dt_pre = sum over post of w * error where t_pre <= t_post (eq. 10-11): [n, n_pre].

    A pre neuron that never fired has t_pre = n_steps, so it hears of posts that never fired either.

    trace, error: of the layer above. weights: float32 [n_pre, n_post], the shadows.
    """
    (n, n_steps, n_pre), n_post = trace.delivered.shape, error.shape[1]
    # A row more for posts that never fired: they hear all that came, and pre neurons that never
    # did.
    n_rows = n_steps + 1
    steps = torch.arange(n_rows, device=error.device)
    reached = steps[None, :, None] <= trace.times[:, None, :]
    by_step = (error[:, None, :] * reached).view(n * n_rows, n_post) @ weights.T
    return by_step.view(n, n_rows, n_pre).gather(1, trace.inputs[:, None]).squeeze(1)


def slope(trace: LayerTrace, layer: Dense, width: float) -> Tensor:
    """How much a spike time still moves with the potential: 1 at the threshold, 0 far from it.

    Not in the paper. A triangle of half-width `width` standard deviations over the potential at the
    spike, or at the end where there was none: float32 [n, n_post] in 0..1.

    layer: has the scale. width: in standard deviations of the potential, above 0.
    """
    distance = (trace.at_spike - layer.integer_threshold()).abs()
    height: Tensor = (1 - distance / (width * layer.potential_scale)).clamp(min=0)
    return height


def normalise(error: Tensor) -> Tensor:
    """Each sample's error to length 1, as the authors' code does.

    error: [n, n_post]. A row of zeros stays zero.
    """
    length: Tensor = error.norm(dim=1, keepdim=True)
    return error / (length + 1e-10)


def backward(
    layers: list[Dense], traces: list[LayerTrace], error: Tensor, recipe: SstdpRecipe
) -> None:
    """Set `.grad` of all shadows and thresholds from the error of the output's spike times.

    Gradients are means over samples.

    layers, traces: in order, the output last. error: float32 [n, n_classes], dE/dt.
    """
    table = window_table(recipe, layers[0].n_steps).to(error.device)
    n = len(error)
    # Late in training few samples err, and the time of a batch is that of its products.
    erring = (error != 0).any(dim=1).nonzero().squeeze(1)  # the others change no gradient
    traces, error = [trace.select(erring) for trace in traces], error[erring]
    for index in range(len(layers) - 1, -1, -1):
        layer, trace = layers[index], traces[index]
        if recipe.slope == "window" and index < len(layers) - 1:
            error = error * slope(trace, layer, recipe.slope_width)
        # Each layer anew: else errors would shrink or grow with depth, as weights and fan-in have
        # it.
        error = normalise(error) / n
        layer.shadow.grad = weight_gradient(trace, error, table, recipe)
        # dt/dtheta = +1: a higher threshold is reached later.
        by_neuron = error.sum(dim=0)
        layer.threshold.grad = (
            by_neuron if layer.threshold.numel() > 1 else by_neuron.sum().reshape(1)
        )
        # Inputs have no weights below them, so their error is not computed.
        if index:
            error = input_error(trace, error, layer.shadow)
