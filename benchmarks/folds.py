"""Cross-validation of a recipe: how much its accuracy depends on the samples that were there.

    python benchmarks/folds.py [nmnist-csnn] [--folds 5] [--data-dir D]

The training set is cut into folds; each is held out once, and a network trained on the rest, of
which the recipe's `validation` part chooses the epoch. Accuracies are golden's, on the held-out
fold, which chooses nothing; the test set is not read. Writes folds.json beside this file after each
fold: started again, it goes on with what is missing.
"""

import argparse
import json
import statistics
from pathlib import Path

import numpy as np
import torch

from hwgen import recipe
from hwgen.data import datasets
from hwgen.data.dataset import Dataset
from hwgen.evaluation import accuracy
from hwgen.files import write_atomic
from hwgen.model import folder as model_folder
from hwgen.training import loop, quantize

FILE = Path(__file__).with_suffix(".json")


def fold(
    name: str, n: int, held_out: int, folder: Path | None, *, seed: int = 0
) -> tuple[Dataset, Dataset]:
    """The training set without a fold, and the fold. Which samples are in it never changes, but by
    `seed`, which is to be the recipe's where it draws the test set: else folds would hold samples
    of that."""
    whole = datasets.load(name, "train", seed=seed, validation=0, data_dir=folder)
    held = np.arange(len(whole)) % n == held_out
    return whole.take(np.flatnonzero(~held)), whole.take(np.flatnonzero(held))


def one(trained_by: recipe.Recipe, n: int, held_out: int, folder: Path | None) -> dict[str, float]:
    """Train on all folds but one; accuracy on that one."""
    name = trained_by.data.name
    seed = trained_by.seed if name in datasets.DRAWN else 0
    rest, held = fold(name, n, held_out, folder, seed=seed)
    n_validation = round(len(rest) * trained_by.data.validation)
    validation, training = rest.first(n_validation), rest.take(slice(n_validation, None))
    trained = loop.train(trained_by, training, validation)
    params = quantize.to_params(trained.learner.network, trained.input_spec, trained_by.name)
    found = accuracy.evaluate(params, held)
    return {
        "accuracy": found.accuracy,
        "n_correct": found.n_correct,
        "n": found.n_images,
        "n_training": len(training),
        "validation": accuracy.evaluate(params, validation).accuracy,
        "best_epoch": trained.best_epoch,
    }


def told(runs: dict[str, dict[str, float]]) -> str:
    """Mean and spread of the accuracies of runs, in %, and how many there are."""
    found = [100 * run["accuracy"] for run in runs.values()]
    spread = f" ± {statistics.stdev(found):.1f}" if len(found) > 1 else ""
    return f"{statistics.mean(found):.1f}{spread} ({len(found)})" if found else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default="nmnist-csnn", help="or a recipe")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--data-dir", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)  # the same sums wherever it runs, and room for others
    trained_by = recipe.load(model_folder.find_recipe(given.model))
    results = json.loads(FILE.read_text()) if FILE.exists() else {}
    runs = results.setdefault(f"{trained_by.name}, {given.folds} folds", {})
    for held_out in range(given.folds):
        if str(held_out) not in runs:
            runs[str(held_out)] = one(trained_by, given.folds, held_out, given.data_dir)
            write_atomic(FILE, json.dumps(results, indent=1) + "\n")
        found = runs[str(held_out)]
        print(f"fold {held_out}: {found['n_correct']} of {found['n']}", flush=True)
    print(f"{trained_by.name}, in %, of so many folds: {told(runs)}")


if __name__ == "__main__":
    main()
