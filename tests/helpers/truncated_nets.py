"""Small multi-spike networks in training, and inputs for them."""

import torch

from hwgen.network import notation
from hwgen.network.spec import InputSpec, NetworkSpec
from hwgen.recipe import TruncatedRecipe
from hwgen.training.multi_spike.truncated_bptt import TruncatedNetwork


def network_spec(hidden, *, side=6, readout="potential", reset="subtract", leak_shift=1, **fields):
    """A network for recordings of `side` x `side` x 2, four classes."""
    given = InputSpec(
        height=side, width=side, x_max=255, encoding="events", channels=2, step_us=1000
    )
    n_steps = fields.setdefault("n_steps", 6)
    layers = notation.layers(
        hidden,
        given.post,
        4,
        n_steps=n_steps,
        weight_bits=fields.get("weight_bits", 4),
        reset=reset,
        leak_shift=leak_shift,
        readout=readout,
    )
    return NetworkSpec(n_steps=n_steps, input=given, layers=layers, readout=readout)


def spikes(n, spec, seed=0, density=0.3):
    """uint8 0/1 [n, n_steps, n_inputs]."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.rand(n, spec.n_steps, spec.input.n_inputs, generator=generator)
    return (drawn < density).to(torch.uint8)


def network(spec, seed=0, **recipe):
    """Initialised."""
    made = TruncatedNetwork(spec, TruncatedRecipe(rule="tt-lbptt", **recipe))
    made.initialise(spikes(20, spec, seed=9), torch.Generator().manual_seed(seed))
    return made


def learnt(made, inputs, labels):
    """Gradients of one window, block after block, as they are when a step is due."""
    found = []
    made.learn(inputs, labels, lambda: found.append(gradients(made)))
    assert sum(map(len, found)) == len({name for of_block in found for name in of_block})
    return {name: gradient for of_block in found for name, gradient in of_block.items()}


def gradients(made):
    return {name: p.grad.clone() for name, p in made.named_parameters() if p.grad is not None}
