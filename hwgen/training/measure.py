"""Accuracy of a network in training, on any data set, and the device to train on."""

import torch

from hwgen.data import Dataset
from hwgen.errors import ToolError
from hwgen.spec import InputSpec
from hwgen.training.inputs import Encoder, kept
from hwgen.training.learner import Learner
from hwgen.training.rounding import rounding
from hwgen.training.truncated import TruncatedNetwork

_BATCH = 500


@torch.no_grad()
def accuracy(
    learner: Learner, dataset: Dataset, input_spec: InputSpec, *, rounded: bool = True
) -> float:
    """Fraction decided right. `rounded`: with the exported integers (fake-quantized), else with the
    shadow weights and thresholds as they are (float), which binary training does not aim at.
    """
    network = learner.network
    device = next(network.parameters()).device
    raster = isinstance(network, TruncatedNetwork)
    encoder = Encoder(input_spec, network.n_steps, device, rasters=raster)
    inputs = kept(dataset, input_spec, network.n_steps)
    labels = torch.from_numpy(dataset.labels).to(device)
    n_correct = 0
    with rounding(network.layers, rounded):
        for start in range(0, len(dataset), _BATCH):
            images = torch.from_numpy(inputs[start : start + _BATCH]).to(device)
            decisions = learner.decide(encoder(images)).labels
            n_correct += int((decisions == labels[start : start + _BATCH]).sum())
    return n_correct / len(dataset)


def choose_device(wish: str) -> str:
    """`auto` is a GPU if there is one. Raises `ToolError` if `cuda` is asked for and absent."""
    if wish == "cuda" and not torch.cuda.is_available():
        raise ToolError("--device cuda: torch sees no GPU; use cpu, or a CUDA build of torch")
    return ("cuda" if torch.cuda.is_available() else "cpu") if wish == "auto" else wish
