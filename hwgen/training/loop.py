"""Training, epoch by epoch: resumable bit for bit, and chosen by the validation set only."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from hwgen.data import Dataset
from hwgen.recipe import Recipe, TrainingRecipe
from hwgen.spec import InputSpec
from hwgen.training import checkpoint as checkpoints
from hwgen.training.checkpoint import State
from hwgen.training.early import lower_output_threshold
from hwgen.training.inputs import Encoder, augment
from hwgen.training.layers import Dense, LayerTrace
from hwgen.training.network import SpikingNetwork, build, decide, initialise, redraw

N_CALIBRATION = 1000  # samples from which initial thresholds are set
_EVALUATION_BATCH = 500


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """What happened in one epoch. Fractions are 0..1, steps are means over samples."""

    epoch: int  # 1 is the first
    n_epochs: int
    validation_accuracy: float
    best_accuracy: float  # so far
    erring: float  # of training samples, those with an error: wrong, or right by too little
    decision_step: float  # validation; n_steps where nothing fired
    hidden_firing: float  # validation; fraction of hidden neurons that fire
    n_rescued: int
    images_per_s: float


@dataclass(frozen=True, kw_only=True)
class Trained:
    """`network` holds the weights of the epoch that was best on the validation set, and the lowest
    output threshold that keeps its accuracy, less `early_loss`.
    """

    network: SpikingNetwork
    input_spec: InputSpec
    best_epoch: int
    history: tuple[Epoch, ...]


def train(
    recipe: Recipe,
    train_set: Dataset,
    validation_set: Dataset,
    *,
    device: str = "cpu",
    on_epoch: Callable[[Epoch], None] | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
) -> Trained:
    """Train as the recipe says. All randomness comes from `recipe.seed`.

    `checkpoint` is rewritten after each epoch; with `resume`, training goes on from it, if it
    exists, and ends with the same bits as if it had not stopped. Raises `DataError` if the
    checkpoint is damaged or was made by another recipe.
    """
    run = _Run(recipe, train_set, validation_set, torch.device(device))
    state = checkpoints.load(checkpoint, recipe) if resume and checkpoint else None
    if state:
        run.restore(state)
    while run.epoch < recipe.training.epochs:
        epoch = run.one_epoch()
        if checkpoint:
            checkpoints.save(run.state(), checkpoint, recipe)
        if on_epoch:
            on_epoch(epoch)
    run.network.load_state_dict(run.best)
    lower_output_threshold(
        run.network, run.validation_inputs(), run.validation_labels, recipe.training.early_loss
    )
    return Trained(
        network=run.network,
        input_spec=run.input_spec,
        best_epoch=run.best_epoch,
        history=tuple(run.history),
    )


class _Run:
    """All that changes while training."""

    def __init__(
        self, recipe: Recipe, train_set: Dataset, validation_set: Dataset, device: torch.device
    ) -> None:
        self.recipe, self.device = recipe, device
        height, width = train_set.images.shape[1:]
        self.input_spec = InputSpec(
            height=height, width=width, x_max=train_set.x_max, crop=recipe.data.crop
        )
        self.encoder = Encoder(self.input_spec, recipe.network.n_steps, device)
        self.images = torch.from_numpy(train_set.images).to(device)
        self.labels = torch.from_numpy(train_set.labels).to(device)
        self.validation_images = torch.from_numpy(validation_set.images).to(device)
        self.validation_labels = torch.from_numpy(validation_set.labels).to(device)
        self.generator = torch.Generator().manual_seed(recipe.seed)
        n_classes = int(train_set.labels.max()) + 1
        self.network = build(recipe.network, self.input_spec.n_inputs, n_classes).to(device)
        few = self.encoder(self.images[:N_CALIBRATION])
        initialise(self.network, recipe.training, few, self.generator)
        self.optimiser = _optimiser(self.network, recipe.training)
        self.epoch = self.best_epoch = 0
        self.best = checkpoints.copy(self.network.state_dict())
        self.history: list[Epoch] = []

    def state(self) -> State:
        return State(
            network=self.network.state_dict(),
            optimiser=self.optimiser.state_dict(),
            generator=self.generator.get_state(),
            best=self.best,
            best_epoch=self.best_epoch,
            history=[asdict(epoch) for epoch in self.history],
        )

    def restore(self, state: State) -> None:
        self.network.load_state_dict(state.network)
        self.optimiser.load_state_dict(state.optimiser)
        self.generator.set_state(state.generator)
        self.best, self.best_epoch = state.best, state.best_epoch
        self.history = [Epoch(**entry) for entry in state.history]
        self.epoch = len(self.history)

    def one_epoch(self) -> Epoch:
        recipe, started = self.recipe.training, time.perf_counter()
        n = len(self.labels)
        order = torch.randperm(n, generator=self.generator).to(self.device)
        batches = torch.split(order, recipe.batch_size)
        n_fired = [torch.zeros(layer.n_post, device=self.device) for layer in self.network.dense]
        n_erring = torch.zeros((), device=self.device)
        for index, batch in enumerate(batches):
            self._set_rate((self.epoch + index / len(batches)) / recipe.epochs)
            traces, error = self._one_batch(batch)
            n_erring += (error != 0).any(dim=1).sum()
            for count, trace in zip(n_fired, traces, strict=True):
                count += (trace.times < self.network.n_steps).sum(dim=0)
        seconds = time.perf_counter() - started
        self.epoch += 1
        accuracy, step, firing = self._validate()
        best = max((epoch.best_accuracy for epoch in self.history), default=-1.0)
        if accuracy >= best:  # of equals the later one, which has seen more
            best, self.best_epoch = accuracy, self.epoch
            self.best = checkpoints.copy(self.network.state_dict())
        # Last, so that neurons that have learnt nothing yet are not what is validated.
        n_rescued = self._rescue([count / n for count in n_fired])
        self.history.append(
            Epoch(
                epoch=self.epoch,
                n_epochs=recipe.epochs,
                validation_accuracy=accuracy,
                best_accuracy=best,
                erring=n_erring.item() / n,
                decision_step=step,
                hidden_firing=firing,
                n_rescued=n_rescued,
                images_per_s=n / seconds,
            )
        )
        return self.history[-1]

    def _one_batch(self, batch: Tensor) -> tuple[list[LayerTrace], Tensor]:
        images = augment(
            self.images[batch], self.recipe.augment, self.input_spec.x_max, self.generator
        )
        result = self.network.set_gradients(
            self.encoder(images), self.labels[batch], self.recipe.training
        )
        self.optimiser.step()
        for layer in self.network.dense:
            layer.clip()
        return result

    def _set_rate(self, progress: float) -> None:
        cosine = self.recipe.training.schedule == "cosine"
        factor = 0.5 * (1 + math.cos(math.pi * progress)) if cosine else 1.0
        for group in self.optimiser.param_groups:
            group["lr"] = group["full_rate"] * factor

    def _rescue(self, firing: list[Tensor]) -> int:
        """Re-draw hidden neurons that all but never fire; returns how many."""
        recipe = self.recipe.training
        if 2 * self.epoch > recipe.epochs:  # a new neuron needs time to find its place
            return 0
        n_rescued = 0
        for layer, rate in zip(self.network.dense[:-1], firing[:-1], strict=True):
            dead = (rate < recipe.rescue).cpu()
            redraw(layer, dead, recipe, False, self.generator)
            n_rescued += int(dead.sum())
        return n_rescued

    def validation_inputs(self) -> list[Tensor]:
        """Spike times of the validation set, in batches."""
        return [
            self.encoder(part) for part in torch.split(self.validation_images, _EVALUATION_BATCH)
        ]

    @torch.no_grad()
    def _validate(self) -> tuple[float, float, float]:
        """Accuracy, mean decision step, fraction of hidden neurons that fire."""
        n_steps, n = self.network.n_steps, len(self.validation_labels)
        n_correct, steps, firing = 0, 0.0, 0.0
        labels = torch.split(self.validation_labels, _EVALUATION_BATCH)
        for inputs, wanted in zip(self.validation_inputs(), labels, strict=True):
            traces = self.network(inputs)
            n_correct += int((decide(traces[-1]) == wanted).sum())
            steps += float(traces[-1].times.min(dim=1).values.sum())
            for trace in traces[:-1]:
                firing += float((trace.times < n_steps).float().mean(dim=1).sum())
        return n_correct / n, steps / n, firing / n / max(1, len(self.network.dense) - 1)


def _optimiser(network: SpikingNetwork, recipe: TrainingRecipe) -> torch.optim.Optimizer:
    groups = []
    for layer in network.dense:
        rate = recipe.learning_rate
        groups.append({"params": [layer.shadow], "full_rate": rate})
        groups.append(
            {"params": [layer.threshold], "full_rate": rate * _threshold_rate(layer, recipe)}
        )
    if recipe.optimiser == "adam":
        # Errors are normalised, so gradients are small: the usual epsilon would not be.
        return torch.optim.Adam(groups, lr=recipe.learning_rate, eps=1e-9)
    return torch.optim.SGD(groups, lr=recipe.learning_rate)


def _threshold_rate(layer: Dense, recipe: TrainingRecipe) -> float:
    """Thresholds count in units of the largest weight, and grow as random sums do."""
    return recipe.threshold_rate * layer.max_weight * math.sqrt(layer.n_pre)
