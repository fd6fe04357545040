"""What changes on the way to integers: reported, and refused where it changes too much."""

from collections.abc import Sequence

import torch

from hwgen.errors import RecipeError
from hwgen.network.change import Change
from hwgen.recipe import Recipe, TruncatedRecipe
from hwgen.training.multi_spike.lif import kept
from hwgen.training.multi_spike.truncated_bptt import TruncatedNetwork

_MAX_SHIFT = 15  # of the contract


def nearest_shift(leak: float) -> int:
    """The k for which 1 - 2**-k is nearest to the part that a potential keeps; 0: all of it.

    leak: 0..1. Of equally near ones the smaller shift.
    """
    shifts = range(_MAX_SHIFT + 1)
    return min(shifts, key=lambda shift: abs(kept(shift) - leak))


def leak(requested: float, shift: int, tolerance: float) -> Change:
    """The change of a leak that was asked for to what a shift gives.

    requested: the part kept after a step, 0..1. shift: 0..15.
    """
    return Change(
        name="leak",
        requested=requested,
        actual=kept(shift),
        error=abs(kept(shift) - requested),
        tolerance=tolerance,
    )


def check(changes: Sequence[Change], where: str) -> None:
    """Raise `RecipeError` for the first that is above its tolerance.

    where: opens the message.
    """
    for change in changes:
        if change.tolerance is not None and change.error > change.tolerance:
            raise RecipeError(
                f"{where}: {change}, above training.tolerance {change.tolerance:g}; ask for what "
                "there is, give leak_shift and leak_times, or raise the tolerance"
            )


@torch.no_grad()
def changes(network: TruncatedNetwork, recipe: Recipe) -> list[Change]:
    """All that a trained network loses at export: the worst of each kind in each layer.

    recipe: asks for the leak, if it does. Nothing of the network is changed.
    """
    training, found = recipe.training, []
    assert isinstance(training, TruncatedRecipe)
    if recipe.network.leak is not None:
        shift = nearest_shift(recipe.network.leak)
        found.append(leak(recipe.network.leak, shift, training.tolerance))
    for index, layer in enumerate(network.layers):
        exact, exact_biases = layer.weights(), layer.biases()
        layer.rounded = False
        real, limits, biases = layer.weights(), layer.thresholds(), layer.biases()
        layer.rounded = True
        spread = real.square().mean().sqrt().clamp(min=1e-9)
        error = (real - exact).square().mean().sqrt() / spread
        found.append(
            Change(
                name=f"layer {index}, weights, root mean square",
                requested=float(spread),
                actual=float(exact.square().mean().sqrt()),
                error=float(error),
                note="relative; the training computed with the rounded ones",
            )
        )
        if not layer.spec.neuron.fires_again:
            continue
        note = "the training computed with the one rounded down"
        found.append(_worst(f"layer {index}, threshold", limits, limits.floor(), note))
        if exact_biases is not None and biases is not None:
            note = "the training computed with the rounded one"
            found.append(_worst(f"layer {index}, bias", biases, exact_biases, note))
    return found


def _worst(name: str, real: torch.Tensor, exact: torch.Tensor, note: str) -> Change:
    lost = (real - exact).abs()
    worst = int(lost.argmax())
    return Change(
        name=f"{name} {worst}, the worst of {len(real)}",
        requested=float(real[worst]),
        actual=float(exact[worst]),
        error=float(lost[worst]),
        note=note,
    )
