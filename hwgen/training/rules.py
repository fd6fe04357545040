"""Which learner a recipe asks for."""

import torch
from torch import Tensor

from hwgen.errors import ParamsError, RecipeError
from hwgen.network import notation
from hwgen.network.check import check_spec
from hwgen.network.layers.dense import DenseSpec
from hwgen.network.spec import InputSpec, NetworkSpec
from hwgen.recipe import PhasedRecipe, Recipe, SstdpRecipe, TruncatedRecipe
from hwgen.training.autograd.learner import DeepLearner
from hwgen.training.autograd.phased import PhasedNetwork
from hwgen.training.autograd.stidi import DeepNetwork
from hwgen.training.learner import Learner
from hwgen.training.multi_spike.learner import TruncatedLearner, leak_shift
from hwgen.training.sstdp.learner import SstdpLearner
from hwgen.training.sstdp.network import SpikingNetwork, initialise


def make(
    recipe: Recipe,
    input_spec: InputSpec,
    n_classes: int,
    few: Tensor,
    generator: torch.Generator,
) -> Learner:
    """A new network, initialised. few: some input spike times, int64 [n, n_inputs].

    Raises `RecipeError` if rule and network do not go together.
    """
    network, where = recipe.network, f"{recipe.name}: network: hidden"
    training = recipe.trained
    try:
        layers = notation.layers(
            network.hidden,
            input_spec.post,
            n_classes,
            n_steps=network.n_steps,
            weight_bits=network.weight_bits,
            psp=network.psp,
            tau_steps=network.tau_steps,
            phased=isinstance(training, PhasedRecipe),
            reset=network.reset,
            leak_shift=leak_shift(recipe),
            readout=network.readout,
        )
        spec = NetworkSpec(
            n_steps=network.n_steps, input=input_spec, layers=layers, readout=network.readout
        )
        check_spec(spec, where)
        if isinstance(training, TruncatedRecipe):
            return TruncatedLearner.new(spec, recipe, few, generator)
        if not isinstance(training, SstdpRecipe):
            deep: DeepNetwork | PhasedNetwork
            if isinstance(training, PhasedRecipe):
                deep = PhasedNetwork(input_spec, layers, network.n_steps, training)
            else:
                deep = DeepNetwork(input_spec, layers, network.n_steps, training)
            deep.initialise(generator)
            deep.to(few.device)
            deep.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            return DeepLearner(deep)
    except ParamsError as error:
        raise RecipeError(str(error)) from None
    except ValueError as error:
        raise RecipeError(f"{where}: {error}") from None
    sizes = [layer.n_post for layer in layers if isinstance(layer, DenseSpec)]
    if len(sizes) < len(layers) or network.psp != "step":
        raise RecipeError(
            f"{recipe.name}: rule 'sstdp' trains dense layers with psp 'step'; "
            "use rule = 'stidi' for others"
        )
    bits = (network.weight_bits,) * len(sizes)
    made = SpikingNetwork((input_spec.n_inputs, *sizes), bits, network.n_steps).to(few.device)
    initialise(made, training, few, generator)
    return SstdpLearner(made, training)
