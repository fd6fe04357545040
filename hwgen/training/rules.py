"""All rules: which class learns what a recipe asks for. A new rule is a line of `RULES`."""

import torch
from torch import Tensor

from hwgen.errors import ParamsError, RecipeError
from hwgen.network import notation
from hwgen.network.check import check_spec
from hwgen.network.spec import InputSpec, NetworkSpec
from hwgen.recipe import PhasedRecipe, Recipe, SstdpRecipe, StidiRecipe, TruncatedRecipe
from hwgen.training.autograd.learner import PhasedLearner, StidiLearner
from hwgen.training.learner import Learner, Rule
from hwgen.training.multi_spike.learner import TruncatedLearner
from hwgen.training.neurons import neuron_fields
from hwgen.training.sstdp.learner import SstdpLearner

RULES: dict[type, type[Rule]] = {
    SstdpRecipe: SstdpLearner,
    StidiRecipe: StidiLearner,
    PhasedRecipe: PhasedLearner,
    TruncatedRecipe: TruncatedLearner,
}


def of(recipe: Recipe) -> type[Rule]:
    """The class of learners that the recipe asks for.

    Every kind of recipe has one.
    """
    return RULES[type(recipe.trained)]


def make(
    recipe: Recipe,
    input_spec: InputSpec,
    n_classes: int,
    few: Tensor,
    generator: torch.Generator,
) -> Learner:
    """A new network, initialised. few: some inputs, as the rule takes them.

    Raises `RecipeError` if rule and network do not go together.

    input_spec: of the data. n_classes: outputs. generator: of all that is drawn; its state goes on.
    """
    network, where = recipe.network, f"{recipe.name}: network: hidden"
    try:
        layers = notation.layers(
            network.hidden,
            input_spec.post,
            n_classes,
            n_steps=network.n_steps,
            weight_bits=network.weight_bits,
            readout=network.readout,
            input_bits=input_spec.n_planes if input_spec.encoding == "direct" else 0,
            **neuron_fields(recipe),
        )
        spec = NetworkSpec(
            n_steps=network.n_steps, input=input_spec, layers=layers, readout=network.readout
        )
        check_spec(spec, where)
        return of(recipe).new(recipe, spec, few, generator)
    except ParamsError as error:
        raise RecipeError(str(error)) from None
    except ValueError as error:
        raise RecipeError(f"{where}: {error}") from None
