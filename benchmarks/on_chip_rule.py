"""What its integers cost the on-chip rule: the same course in integers and in real numbers.

Same start, same samples in the same order, same test set; prints accuracies of both.

    python benchmarks/on_chip_rule.py models/mnist-learn/recipe.toml --samples 60000
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from rich.progress import track

from hwgen.data.encoding import latency
from hwgen.data.for_network import data_of_recipe
from hwgen.golden import Golden
from hwgen.golden.online import OnlineNetwork
from hwgen.onchip.initial import initial_params
from hwgen.recipe import load
from hwgen.training.onchip_float import FloatOnlineNetwork


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    recipe = load(options.recipe)
    train, test = (
        data_of_recipe(recipe, part, data_dir=options.data_dir) for part in ("train", "test")
    )
    params = initial_params(recipe, train)
    spec = params.spec
    inputs, tests = (latency(x.images, spec.input, spec.n_steps) for x in (train, test))
    rng = np.random.default_rng(options.seed)
    passes = [rng.permutation(len(train)) for _ in range(-(-options.samples // len(train)))]
    order = np.concatenate(passes)[: options.samples]
    integers, floats = OnlineNetwork(params), FloatOnlineNetwork(params)
    for chunk in track(np.array_split(order, 100), description="integers"):
        integers.learn(inputs[chunk], train.labels[chunk])
    for sample in track(order, description="real numbers"):
        floats.learn(torch.from_numpy(inputs[sample]).long(), int(train.labels[sample]))
    decided = {
        "integers": Golden(integers.params).decide(tests),
        "real numbers": np.concatenate(
            [floats.decide(part).numpy() for part in torch.from_numpy(tests).long().split(500)]
        ),
    }
    for name, decisions in decided.items():
        print(
            f"{name:<14} {100 * (decisions == test.labels).mean():.2f} % of {len(test)} test images"
        )


if __name__ == "__main__":
    main()
