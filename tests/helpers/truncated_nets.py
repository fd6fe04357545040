"""Small multi-spike networks in training, and inputs for them."""

import torch

from hwgen.network import notation
from hwgen.network.spec import InputSpec, NetworkSpec
from hwgen.recipe import TruncatedRecipe
from hwgen.training.multi_spike.truncated_bptt import TruncatedNetwork
from hwgen.training.multi_spike.widths import with_biases

EVENTS = {"encoding": "events", "x_max": 255, "step_us": 1000}
DIRECT = {"encoding": "direct", "x_max": 15}


def network_spec(
    hidden, *, side=6, readout="potential", reset="subtract", given=EVENTS, bias=False, **fields
):
    """A network for recordings, or images, of `side` x `side` x 2, four classes.

    fields: of its neurons, n_steps, weight_bits.
    """
    given = InputSpec(height=side, width=side, channels=2, **given)
    fields = {"n_steps": 6, "weight_bits": 4, "leak_shift": 1} | fields
    n_steps = fields["n_steps"]
    layers = notation.layers(
        hidden,
        given.post,
        4,
        reset=reset,
        readout=readout,
        input_bits=given.n_planes if given.encoding == "direct" else 0,
        **fields,
    )
    if bias:
        layers = with_biases(layers, n_steps)
    return NetworkSpec(n_steps=n_steps, input=given, layers=layers, readout=readout)


def spikes(n, spec, seed=0, density=0.3):
    """uint8 0/1 [n, n_steps, n_inputs]."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.rand(n, spec.n_steps, spec.input.n_inputs, generator=generator)
    return (drawn < density).to(torch.uint8)


def network(spec, seed=0, **recipe):
    """Initialised; biases, if it has some, are drawn, not 0."""
    made = TruncatedNetwork(spec, TruncatedRecipe(rule="tt-lbptt", **recipe))
    given = values if spec.input.encoding == "direct" else spikes
    generator = torch.Generator().manual_seed(seed)
    made.initialise(given(20, spec, seed=9), generator)
    for layer in made.layers:
        if layer.offset is not None:
            layer.offset.data = torch.randn(layer.offset.shape, generator=generator) / 2
    return made


def values(n, spec, seed=0):
    """uint8 0..x_max [n, n_inputs]."""
    generator = torch.Generator().manual_seed(seed)
    shape = (n, spec.input.n_inputs)
    return torch.randint(spec.input.x_max + 1, shape, generator=generator).to(torch.uint8)


def learnt(made, inputs, labels):
    """Gradients of one window, block after block, as they are when a step is due."""
    found = []
    made.learn(inputs, labels, lambda: found.append(gradients(made)))
    assert sum(map(len, found)) == len({name for of_block in found for name in of_block})
    return {name: gradient for of_block in found for name, gradient in of_block.items()}


def gradients(made):
    return {name: p.grad.clone() for name, p in made.named_parameters() if p.grad is not None}
