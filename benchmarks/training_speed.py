"""Training speed against a plain surrogate-gradient network in snnTorch: same shape, steps, batch.

Both networks take the same latency-coded images, and one measurement is forward, backward and a
step of Adam. Measurements alternate, so that both see the same machine; the ratio is the median of
the pairs' ratios. Needs snnTorch: pip install --no-deps snntorch==1.0.0

    python benchmarks/training_speed.py --hidden 16C5-P2-32C5-P2-128 --steps 8
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable

import snntorch
import torch
from snntorch import surrogate, utils
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from hwgen.network import notation
from hwgen.network.layers.conv2d import ConvSpec
from hwgen.network.layers.kinds import LayerSpec
from hwgen.network.layers.pool2d import PoolSpec
from hwgen.network.spec import InputSpec
from hwgen.recipe import StidiRecipe
from hwgen.training.autograd.stidi import DeepNetwork
from hwgen.training.memory import keep_freed

N_CLASSES = 10


class Plain(nn.Module):
    """Integrate-and-fire neurons of snnTorch, one step after the other, as its tutorials do."""

    def __init__(self, layers: tuple[LayerSpec, ...], n_steps: int) -> None:
        super().__init__()
        self.n_steps = n_steps
        gradient = surrogate.fast_sigmoid()
        modules: list[nn.Module] = []
        flat = False
        for layer in layers:
            if isinstance(layer, PoolSpec):  # in front of the neurons, as in the tutorials
                modules.insert(-1, nn.MaxPool2d(layer.size))
                continue
            if isinstance(layer, ConvSpec):
                shape = layer.channels, layer.filters, layer.size, layer.stride, layer.padding
                modules.append(nn.Conv2d(*shape, bias=False))
            else:
                modules += [] if flat else [nn.Flatten()]
                modules.append(nn.Linear(layer.n_pre, layer.n_post, bias=False))
                flat = True
            modules.append(snntorch.Leaky(beta=1.0, spike_grad=gradient, init_hidden=True))
        modules[-1] = snntorch.Leaky(
            beta=1.0, spike_grad=gradient, init_hidden=True, output=True, reset_mechanism="none"
        )
        self.layers = nn.Sequential(*modules)

    def loss(self, times: Tensor, labels: Tensor) -> Tensor:
        """times: int64 [n, 1, height, width]."""
        utils.reset(self.layers)
        potential = torch.zeros(())
        for step in range(self.n_steps):
            _, potential = self.layers((times == step).float())
        return cross_entropy(potential, labels)


def timed(step: Callable[[], None]) -> float:
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--hidden", default="16C5-P2-32C5-P2-128", help="as in a recipe")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--bits", type=int, default=1, help="weight bits of ours")
    parser.add_argument("--pairs", type=int, default=10, help="measurements of each")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    keep_freed()  # as `hwgen train` does; both networks profit

    shape = InputSpec(height=28, width=28, x_max=255)
    layers = notation.layers(
        options.hidden,
        shape.post,
        N_CLASSES,
        n_steps=options.steps,
        weight_bits=options.bits,
        psp="ramp",
    )
    ours = DeepNetwork(shape, layers, options.steps, StidiRecipe(rule="stidi"))
    ours.initialise(torch.Generator().manual_seed(options.seed))
    ours.to(memory_format=torch.channels_last)
    plain = Plain(layers, options.steps)
    # As many silent pixels as MNIST has: four of five.
    times = torch.randint(0, options.steps, (options.batch, 784))
    times[torch.rand(options.batch, 784) < 0.8] = options.steps
    labels = torch.randint(0, N_CLASSES, (options.batch,))
    pictures = times.view(-1, 1, 28, 28)
    optimisers = [torch.optim.Adam(net.parameters(), lr=1e-3) for net in (ours, plain)]

    def our_step() -> None:
        ours.set_gradients(times, labels, options.steps)
        optimisers[0].step()
        ours.clip()

    def plain_step() -> None:
        optimisers[1].zero_grad()
        plain.loss(pictures, labels).backward()
        optimisers[1].step()

    for _ in range(2):
        our_step()
        plain_step()
    pairs = [(timed(our_step), timed(plain_step)) for _ in range(options.pairs)]
    ratios = sorted(theirs / mine for mine, theirs in pairs)
    result = {
        "network": f"28x28-{options.hidden}-{N_CLASSES}",
        "n_steps": options.steps,
        "batch_size": options.batch,
        "threads": options.threads,
        "hwgen_images_per_s": options.batch / statistics.median(mine for mine, _ in pairs),
        "snntorch_images_per_s": options.batch / statistics.median(theirs for _, theirs in pairs),
        "ratio": statistics.median(ratios),
        "ratio_range": [ratios[0], ratios[-1]],
    }
    if options.json:
        print(json.dumps(result, indent=2))
        return
    for name, value in result.items():
        print(f"{name:24}{value:.2f}" if isinstance(value, float) else f"{name:24}{value}")


if __name__ == "__main__":
    main()
