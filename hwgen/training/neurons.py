"""What a recipe asks of neurons, and what of it does not go with its rule."""

from hwgen.errors import RecipeError
from hwgen.network.notation import NeuronFields
from hwgen.recipe import NetworkRecipe, PhasedRecipe, Recipe, TruncatedRecipe
from hwgen.training.multi_spike import quantisation_error

_AGAIN = (  # what only neurons have that fire again
    *("reset", "readout", "leak_shift", "leak", "leak_times"),
    *("fraction_bits", "bias", "order", "fires"),
)


def neuron_fields(recipe: Recipe) -> NeuronFields:
    """What the network's file says of its neurons, but for biases, whose width is known when they
    are. Raises `RecipeError` if rule, neurons and encoding do not go together, or no shift is near
    enough to the leak.
    """
    network, training = recipe.network, recipe.trained
    if isinstance(training, TruncatedRecipe):
        _check_again(recipe)
        return {
            "reset": network.reset,
            "leak_shift": _leak_shift(recipe, training),
            "leak_times": network.leak_times,
            "fraction_bits": network.fraction_bits,
            "order": network.order,
            "fires": network.fires,
        }
    _check_once(recipe)
    phased = isinstance(training, PhasedRecipe)
    return {"psp": network.psp, "tau_steps": network.tau_steps, "phased": phased}


def _check_again(recipe: Recipe) -> None:
    network, rule = recipe.network, f"{recipe.name}: rule 'tt-lbptt'"
    if network.reset == "never":
        raise RecipeError(f"{rule} needs network.reset 'zero' or 'subtract'")
    if network.readout == "first_spike":
        raise RecipeError(f"{rule} needs network.readout 'spike_count' or 'potential'")
    if network.psp != "step":
        raise RecipeError(f"{rule} needs network.psp 'step'")


def _check_once(recipe: Recipe) -> None:
    network, usual = recipe.network, NetworkRecipe(n_steps=1, hidden="", weight_bits=1)
    found = [name for name in _AGAIN if getattr(network, name) != getattr(usual, name)]
    if found:
        raise RecipeError(
            f"{recipe.name}: rule {recipe.trained.rule!r} trains neurons that fire once: "
            f"{', '.join(found)} {'is' if len(found) == 1 else 'are'} for rule = 'tt-lbptt'"
        )
    encoding = recipe.data.encoding
    if encoding != "latency":
        gives = "values, and no spikes" if encoding == "direct" else "many spikes an input"
        raise RecipeError(
            f"{recipe.name}: data: encoding {encoding!r} gives {gives}; rule = 'tt-lbptt' trains "
            "on them"
        )


def _leak_shift(recipe: Recipe, training: TruncatedRecipe) -> int:
    network = recipe.network
    if network.leak is None:
        return network.leak_shift
    for name in ("leak_shift", "leak_times"):
        if getattr(network, name) != getattr(NetworkRecipe, name):
            raise RecipeError(f"{recipe.name}: network has leak and {name}, expected one of them")
    shift = quantisation_error.nearest_shift(network.leak)
    asked = quantisation_error.leak(network.leak, shift, training.tolerance)
    quantisation_error.check([asked], recipe.name)
    return shift
