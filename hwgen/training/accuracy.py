"""Accuracy of a network in training, on any data set, and the device to train on."""

from typing import Any

import torch

from hwgen.data.dataset import Dataset
from hwgen.errors import ToolError
from hwgen.network.spec import InputSpec
from hwgen.recipe import Recipe
from hwgen.training.batches import Encoder, kept
from hwgen.training.learner import Learner
from hwgen.training.rounding import rounding

_BATCH = 500


@torch.no_grad()
def accuracy(
    learner: Learner, dataset: Dataset, input_spec: InputSpec, *, rounded: bool = True
) -> float:
    """Fraction decided right. `rounded`: with the exported integers (fake-quantized), else with the
    shadow weights and thresholds as they are (float), which binary training does not aim at.

    input_spec: that of the network. Memory does not grow with the data set's size beyond its
    images.
    """
    dataset.check_not_empty()
    network = learner.network
    device = next(network.parameters()).device
    encoder = Encoder(input_spec, network.n_steps, device, rasters=learner.takes_rasters)
    inputs = kept(dataset, input_spec, network.n_steps)
    labels = torch.from_numpy(dataset.labels).to(device)
    n_correct = 0
    with rounding(network.layers, rounded):
        for start in range(0, len(dataset), _BATCH):
            images = torch.from_numpy(inputs[start : start + _BATCH]).to(device)
            decisions = learner.decide(encoder(images)).labels
            n_correct += int((decisions == labels[start : start + _BATCH]).sum())
    return n_correct / len(dataset)


def of_rule(
    learner: Learner, recipe: Recipe, train_set: Dataset, input_spec: InputSpec
) -> dict[str, Any]:
    """For the provenance, what the rule is judged by (`Learner.report`), on the first batch.

    Returns a table of plain values; {} of most rules.
    """
    network = learner.network
    device = next(network.parameters()).device
    n = min(recipe.trained.batch_size, len(train_set))
    inputs = kept(train_set.first(n), input_spec, network.n_steps)
    encoder = Encoder(input_spec, network.n_steps, device, rasters=learner.takes_rasters)
    labels = torch.from_numpy(train_set.labels[:n]).to(device)
    return learner.report(recipe, encoder(torch.from_numpy(inputs).to(device)), labels)


def choose_device(requested: str) -> str:
    """`auto` is a GPU if there is one. Raises `ToolError` if `cuda` is asked for and absent.

    requested: "auto", "cpu" or "cuda".
    """
    if requested == "cuda" and not torch.cuda.is_available():
        raise ToolError("--device cuda: torch sees no GPU; use cpu, or a CUDA build of torch")
    return ("cuda" if torch.cuda.is_available() else "cpu") if requested == "auto" else requested
