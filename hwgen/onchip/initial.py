"""A network that has learnt nothing: random weights, thresholds and drives that let it."""

import numpy as np
from numpy.typing import NDArray

from hwgen.data.dataset import Dataset
from hwgen.data.encoding import latency
from hwgen.errors import ParamsError, RecipeError
from hwgen.network import notation
from hwgen.network.check import check_spec
from hwgen.network.layers.dense import DenseSpec
from hwgen.network.learning import forward_weights, shadow_limits
from hwgen.network.params import Params
from hwgen.network.spec import InputSpec, NetworkSpec
from hwgen.recipe import OnChipRecipe, Recipe

_N_LOOKED_AT = 500  # samples, without their labels, from which thresholds and drives are set


def initial_params(recipe: Recipe, dataset: Dataset) -> Params:
    """Random shadows; limits and drives from the spread of potentials on a few samples.

    Raises `RecipeError` if the recipe is not one of rule "on-chip", or not possible.

    dataset: its first samples are looked at, without their labels. The same recipe gives the same
    params.
    """
    config, learning, network = recipe.training, recipe.learning, recipe.network
    if not isinstance(config, OnChipRecipe) or learning is None:
        raise RecipeError(
            f"{recipe.name}: expected rule = 'on-chip' and a table [learning] to learn on chip; "
            "`hwgen train` trains others"
        )
    spec = _spec(recipe, dataset)
    given, layers = spec.input, spec.layers
    rng = np.random.default_rng(recipe.seed)
    times = latency(dataset.images[:_N_LOOKED_AT], given, network.n_steps)
    activations = network.n_steps - times.astype(np.int64)
    weights, thresholds, drives, shadows = [], [], [], []
    for index, layer in enumerate(layers):
        if not layer.takes_vector or index not in spec.learning_layers:
            raise RecipeError(f"{recipe.name}: network.hidden: on-chip learning takes dense layers")
        shadow = _draw(rng, layer, config.weight_spread, learning.shadow_bits)
        weight = forward_weights(shadow, layer.weight_bits, learning.shadow_bits)
        potential = _potentials(activations, weight)
        spread = float(potential.std())
        if layer.neuron.two_phase:
            drive = round(spread * config.range_spreads / network.n_steps)
            drive = min(max(1, drive), layer.max_slope)
            threshold = min(network.n_steps * drive, layer.max_threshold)
            activations = np.clip(-(-potential // drive), 0, network.n_steps)
            drives.append(np.full(layer.n_post, drive, np.int32))
        else:
            threshold = min(max(0, round(config.output_level * spread)), layer.max_threshold)
            drives.append(np.zeros(0, np.int32))
        shadows.append(shadow)
        weights.append(weight)
        thresholds.append(np.full(layer.n_post, threshold, np.int32))
    return Params(
        name=recipe.name,
        spec=spec,
        weights=tuple(weights),
        thresholds=tuple(thresholds),
        drives=tuple(drives),
        shadows=tuple(shadows),
    )


def _spec(recipe: Recipe, dataset: Dataset) -> NetworkSpec:
    """The network of a recipe, for these images. Raises `RecipeError`."""
    network = recipe.network
    if dataset.images.ndim != 3:
        raise RecipeError(f"{recipe.name}: data.colour: on-chip courses take grey images")
    height, width = dataset.images.shape[1:]
    given = InputSpec(height=height, width=width, x_max=dataset.x_max, crop=recipe.data.crop)
    try:
        layers = notation.layers(
            network.hidden,
            given.post,
            dataset.n_classes,
            n_steps=network.n_steps,
            weight_bits=network.weight_bits,
            psp=network.psp,
            phased=True,
        )
        spec = NetworkSpec(
            n_steps=network.n_steps, input=given, layers=layers, learning=recipe.learning
        )
        check_spec(spec, f"{recipe.name}: network")
    except (ParamsError, ValueError) as error:
        raise RecipeError(str(error)) from None
    return spec


def _draw(
    rng: np.random.Generator, layer: DenseSpec, spread: float, shadow_bits: int
) -> NDArray[np.int32]:
    """Uniform, of either sign; a neuron's mean is taken off, so that no image lifts all."""
    least, greatest = shadow_limits(layer.weight_bits, shadow_bits)
    drawn = rng.uniform(-spread, spread, layer.weight_shape)
    drawn -= drawn.mean(axis=0)
    return np.clip(np.floor(drawn * greatest), least, greatest).astype(np.int32)


def _potentials(activations: NDArray[np.int64], weights: NDArray[np.int8]) -> NDArray[np.int64]:
    """At the end of the sample, of the ramp."""
    return np.rint(activations.astype(np.float64) @ weights.astype(np.float64)).astype(np.int64)
