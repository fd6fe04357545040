"""What windows in time and blocks in depth cost and give: TT-LBPTT against BPTT end to end.

    python benchmarks/truncation.py [--data-dir D] [--only fashion-mnist] [--seeds 3] [--cuda]

Trains each variant with some seeds, measures the cost of a batch, and writes truncation.json beside
this file after each run: started again, it goes on with what is missing. `--table` prints the table
only; `--alexnet` measures the cost of the AlexNet-like network on synthetic events (Guo et al.,
Front. Neurosci. 17:1047008, 2023, report accuracy, memory and MACs for one such network).

Accuracies are of the integers, on data that chose nothing: of images 2000 test images; of
N-MNIST the fifth of its training recordings that is not trained on, another one for each seed. The
last epoch counts.
"""

import argparse
import json
from pathlib import Path

import folds
import torch

from hwgen.data import dataset, datasets
from hwgen.data import inputs as data_inputs
from hwgen.files import write_atomic
from hwgen.network import notation
from hwgen.network.spec import InputSpec, NetworkSpec
from hwgen.recipe import DataRecipe, NetworkRecipe, Recipe, TruncatedRecipe
from hwgen.training import accuracy as training_accuracy
from hwgen.training import loop, rules
from hwgen.training.multi_spike import cost
from hwgen.training.multi_spike.truncated_bptt import TruncatedNetwork

FILE = Path(__file__).with_suffix(".json")
N_IMAGES = 5000  # to train on; 2000 of the test set
N_FOLDS = 5  # a fifth is held out
N_CLASSES = 10
# (truncation_steps, block_layers, head): 0 is all.
VARIANTS = (
    (0, 0, "linear"),
    (5, 0, "linear"),
    (2, 0, "linear"),
    (1, 0, "linear"),
    (0, 1, "linear"),
    (5, 1, "linear"),
    (2, 1, "linear"),
    (1, 1, "linear"),
    (5, 2, "linear"),
    (2, 1, "random"),
)
SETS = {
    "n-mnist": (
        DataRecipe(name="n-mnist", encoding="events", step_us=30000),
        NetworkRecipe(
            n_steps=10,
            hidden="8C5s2-P2-16C3-64",
            weight_bits=4,
            reset="subtract",
            leak=0.75,
            readout="potential",
        ),
        {"epochs": 12, "batch_size": 32},
    ),
}
SETS |= {
    name: (
        DataRecipe(name=name, encoding="rate"),
        NetworkRecipe(
            n_steps=10,
            hidden="8C5s2p2-16C3s2p1-64",
            weight_bits=4,
            reset="subtract",
            leak=0.875,
            readout="potential",
        ),
        {"epochs": 6, "batch_size": 64},
    )
    for name in ("mnist", "fashion-mnist", "cifar10")
}


def parts(name: str, seed: int, folder: Path | None) -> tuple[dataset.Dataset, dataset.Dataset]:
    """What is learnt, and what is measured on."""
    if name == "n-mnist":
        return folds.fold(name, N_FOLDS, seed % N_FOLDS, folder)
    train = datasets.load(name, "train", seed=seed, data_dir=folder).first(N_IMAGES)
    return train, datasets.load(name, "test", seed=seed, data_dir=folder).first(2000)


def recipe_of(name: str, variant: tuple[int, int, str], seed: int) -> Recipe:
    recipe_data, network, training = SETS[name]
    steps, layers, head = variant
    rule = TruncatedRecipe(
        rule="tt-lbptt",
        truncation_steps=steps,
        block_layers=layers,
        head=head,
        learning_rate=0.01,
        **training,
    )
    return Recipe(name="benchmark", seed=seed, data=recipe_data, network=network, training=rule)


def one(recipe: Recipe, folder: Path | None, device: str) -> dict[str, float]:
    """Train, and measure accuracy."""
    train, test = parts(recipe.data.name, recipe.seed, folder)
    # The last epoch counts: what is measured on chooses none, so a few images stand in for it.
    trained = loop.train(recipe, train, train.first(10), device=device)
    trained.learner.network.load_state_dict(trained.last)
    accuracy = training_accuracy.accuracy(trained.learner, test, trained.input_spec)
    seconds = sum(len(train) / epoch.images_per_s for epoch in trained.history)
    return {"accuracy": accuracy, "seconds": round(seconds, 1)}


def cost_of(recipe: Recipe, folder: Path | None, device: str) -> dict[str, int]:
    """Of a batch."""
    train, _ = parts(recipe.data.name, recipe.seed, folder)
    few = train.first(recipe.trained.batch_size)
    given = data_inputs.input_spec(few, recipe.data)
    network = NetworkSpec(
        n_steps=recipe.network.n_steps, input=given, layers=(), readout="potential"
    )
    inputs = torch.from_numpy(data_inputs.encoded(few, network)).to(device)
    generator = torch.Generator().manual_seed(recipe.seed)
    learner = rules.make(recipe, given, N_CLASSES, inputs, generator)
    labels = torch.from_numpy(few.labels).to(device)
    return cost.measure(learner.network, inputs, labels, ask_allocator=True).to_json()


def alexnet(device: str, n_steps: int, n: int) -> dict[str, dict[str, int]]:
    """Cost of a batch of an AlexNet-like network on events of 128 x 128 x 2."""
    given = InputSpec(height=128, width=128, x_max=255, encoding="events", channels=2, step_us=1)
    hidden = "96C3s2p1-P2-256C3p1-P2-384C3p1-P2-384C3p1-256C3p1-P2-1024-1024"
    layers = notation.layers(
        hidden,
        given.post,
        10,
        n_steps=n_steps,
        weight_bits=4,
        reset="zero",
        leak_shift=1,
        readout="potential",
    )
    spec = NetworkSpec(n_steps=n_steps, input=given, layers=layers, readout="potential")
    generator = torch.Generator().manual_seed(1)
    drawn = torch.rand(n, n_steps, given.n_inputs, generator=generator) < 0.02
    inputs, labels = drawn.to(torch.uint8).to(device), torch.arange(n, device=device) % 10
    found = {}
    for steps, block, head in (
        (0, 0, "linear"),
        (1, 0, "linear"),
        (1, 1, "linear"),
        (1, 1, "random"),
        (2, 1, "linear"),
        (5, 2, "linear"),
    ):
        rule = TruncatedRecipe(
            rule="tt-lbptt",
            truncation_steps=steps,
            block_layers=block,
            head=head,
            head_pool=2,
        )
        network = TruncatedNetwork(spec, rule).to(device)
        network.initialise(inputs, generator)
        found[f"{steps} {block} {head}"] = cost.measure(
            network, inputs, labels, ask_allocator=True
        ).to_json()
        print(steps, block, head, found[f"{steps} {block} {head}"], flush=True)
    return found


def accuracies(results: dict) -> str:
    """In Markdown: a row a variant, a column a data set; mean and spread of the seeds, in %."""
    names = [name for name in SETS if name in results]
    lines = ["| K | block | head | " + " | ".join(names) + " |", "|---" * (3 + len(names)) + "|"]
    for steps, layers, head in VARIANTS:
        cells = [str(steps or "all"), str(layers or "all"), head if layers else "none"]
        for name in names:
            variant = results[name].get(f"{steps} {layers} {head}", {"seeds": {}})
            cells.append(folds.told(variant["seeds"]))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def costs(results: dict) -> str:
    """In Markdown: a section a data set, a row a variant, against BPTT end to end."""
    lines = []
    for name, runs in results.items():
        lines += ["", f"{name}:", ""]
        lines += ["| K | block | head | kept | allocated | moved | MACs | real products |"]
        lines += ["|---|---|---|---|---|---|---|---|"]
        whole = None
        for key, found in runs.items():
            _, layers, head = key.split()
            measured = found.get("cost", found)
            real = measured["error_macs"] + measured["head_macs"]
            whole = whole or measured | {"real": real}
            kept, before = measured["saved_bytes"], whole["saved_bytes"]
            most, first = measured["allocated_bytes"], whole["allocated_bytes"]
            allocated = f"{most / 1e6:.1f} MB ({_change(most, first)})" if most else "-"
            heads = head if measured["n_blocks"] > 1 else "none"
            lines.append(
                f"| {measured['window_steps']} | {layers if int(layers) else 'all'} | {heads} "
                f"| {kept / 1e6:.2f} MB ({_change(kept, before)}) | {allocated} "
                f"| {measured['moved_bytes'] / 1e9:.2f} GB "
                f"({_change(measured['moved_bytes'], whole['moved_bytes'])}) "
                f"| {measured['macs'] / 1e9:.2f} G ({_change(measured['macs'], whole['macs'])}) "
                f"| {real / 1e9:.3f} G ({_change(real, whole['real'])}) |"
            )
    return "\n".join(lines)


def _change(value: int, before: int) -> str:
    return f"{100 * (value / before - 1):+.1f} %"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--only", choices=[*SETS])
    parser.add_argument("--seeds", type=int, default=3, help="5 are all folds of N-MNIST")
    parser.add_argument("--cuda", action="store_true")
    parser.add_argument("--alexnet", action="store_true")
    parser.add_argument("--steps", type=int, default=10, help="of the AlexNet-like network")
    parser.add_argument("--samples", type=int, default=1, help="in its batch")
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    device = "cuda" if given.cuda else "cpu"
    results = json.loads(FILE.read_text()) if FILE.exists() else {}
    if given.alexnet:
        name = f"alexnet, {given.samples} x {given.steps} steps, {device}"
        results[name] = alexnet(device, given.steps, given.samples)
        write_atomic(FILE, json.dumps(results, indent=1) + "\n")
    elif not given.table:
        torch.set_num_threads(1)  # the same sums wherever it runs, and room for others
        for seed in range(given.seeds):
            for name in [given.only] if given.only else SETS:
                for variant in VARIANTS:
                    key = " ".join(map(str, variant))
                    recipe = recipe_of(name, variant, seed)
                    entry = results.setdefault(name, {}).setdefault(key, {"seeds": {}})
                    if "cost" not in entry:
                        entry["cost"] = cost_of(recipe, given.data_dir, device)
                    if str(seed) not in entry["seeds"]:
                        entry["seeds"][str(seed)] = one(recipe, given.data_dir, device)
                        print(name, key, seed, entry["seeds"][str(seed)], flush=True)
                    write_atomic(FILE, json.dumps(results, indent=1) + "\n")
    print(accuracies(results))
    print(costs(results))


if __name__ == "__main__":
    main()
