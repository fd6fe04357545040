"""Training, epoch by epoch: resumable bit for bit, and chosen by the validation set only."""

import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from hwgen.data import inputs as data_inputs
from hwgen.data.dataset import Dataset
from hwgen.errors import RecipeError
from hwgen.network.spec import InputSpec
from hwgen.progress import SILENT, Reporter
from hwgen.recipe import Recipe
from hwgen.training import average, distributed, memory, rules
from hwgen.training import checkpoint as checkpoints
from hwgen.training.batches import Encoder, augment, kept
from hwgen.training.checkpoint import State
from hwgen.training.learner import Learner

N_CALIBRATION = 1000  # samples from which initial thresholds are set
_EVALUATION_BATCH = 500
_SETTLING = 100  # batches from which the running means of averaged weights are taken


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
    loss: float = 0.0  # of training, mean over samples; rules without a loss: 0


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The network holds the weights of the epoch that was best on the validation set, and the
    lowest output threshold that keeps its accuracy, less `early_loss`. The mean of the last epochs,
    if the recipe asks for it, counts as one epoch more. `last`: state after the last epoch, which
    nothing chose.
    """

    learner: Learner
    input_spec: InputSpec
    best_epoch: int
    history: tuple[Epoch, ...]
    last: dict[str, Tensor]
    average_accuracy: float | None = None  # validation; of the last epochs' mean, if asked for


def train(
    recipe: Recipe,
    train_set: Dataset,
    validation_set: Dataset,
    *,
    device: str = "cpu",
    reporter: Reporter = SILENT,
    checkpoint: Path | None = None,
    resume: bool = False,
) -> Trained:
    """Train as the recipe says. All randomness comes from `recipe.seed`.

    `checkpoint` is rewritten after each epoch; with `resume`, training goes on from it, if it
    exists, and ends with the same bits as if it had not stopped. Raises `DataError` if the
    checkpoint is damaged or was made by another recipe.

    Sets are split already; the test set is none of them. device: as torch names it. reporter:
    told of each epoch, and its validation accuracy. Raises `RecipeError` if rule and data do not go
    together.
    """
    memory.keep_freed()
    run = _Run(recipe, train_set, validation_set, torch.device(device))
    state = checkpoints.load(checkpoint, recipe) if resume and checkpoint else None
    if state:
        run.restore(state)
    while run.epoch < recipe.trained.epochs:
        epoch = run.one_epoch()
        if checkpoint and distributed.is_first():
            checkpoints.save(run.state(), checkpoint, recipe)
        note = f"validation {100 * epoch.validation_accuracy:.2f} %"
        reporter.advance(epoch.epoch, epoch.n_epochs, note)
    last = checkpoints.copy(run.learner.network.state_dict())
    # Before `best` is loaded: the average may become it.
    average_accuracy = run.try_average()
    run.learner.network.load_state_dict(run.best)
    # On the validation set, like every choice: the test set is measured on once, and by others.
    run.learner.lower_output_threshold(run.validation_inputs(), run.validation_labels)
    return Trained(
        learner=run.learner,
        input_spec=run.input_spec,
        best_epoch=run.best_epoch,
        history=tuple(run.history),
        last=last,
        average_accuracy=average_accuracy,
    )


class _Run:
    """All that changes while training."""

    def __init__(
        self, recipe: Recipe, train_set: Dataset, validation_set: Dataset, device: torch.device
    ) -> None:
        self.recipe, self.device = recipe, device
        for part in (train_set, validation_set):
            part.check_not_empty()
        self.input_spec = data_inputs.input_spec(train_set, recipe.data)
        n_steps, rule = recipe.network.n_steps, rules.of(recipe)
        if distributed.world() > 1 and not rule.runs_distributed:
            raise RecipeError(
                f"{recipe.name}: rule {recipe.trained.rule!r} trains in one process; of several, "
                "as torchrun starts them, only rule 'tt-lbptt' makes use"
            )
        self.images = torch.from_numpy(kept(train_set, self.input_spec, n_steps)).to(device)
        self.labels = torch.from_numpy(train_set.labels).to(device)
        validation = kept(validation_set, self.input_spec, n_steps)
        self.validation_images = torch.from_numpy(validation).to(device)
        self.validation_labels = torch.from_numpy(validation_set.labels).to(device)
        self.generator = torch.Generator().manual_seed(recipe.seed)
        n_classes = train_set.n_classes
        self.encoder = Encoder(self.input_spec, n_steps, self.device, rasters=rule.takes_rasters)
        few = self.encoder(self.images[:N_CALIBRATION])
        self.learner = rules.make(recipe, self.input_spec, n_classes, few, self.generator)
        self.optimiser = _optimiser(self.learner, recipe)
        self.epoch = self.best_epoch = 0
        self.best = checkpoints.copy(self.learner.network.state_dict())
        self.history: list[Epoch] = []
        self.average: dict[str, Tensor] = {}

    def state(self) -> State:
        return State(
            network=self.learner.network.state_dict(),
            optimiser=self.optimiser.state_dict(),
            generator=self.generator.get_state(),
            best=self.best,
            best_epoch=self.best_epoch,
            history=[asdict(epoch) for epoch in self.history],
            average=self.average,
        )

    def restore(self, state: State) -> None:
        self.learner.network.load_state_dict(state.network)
        self.optimiser.load_state_dict(state.optimiser)
        self.generator.set_state(state.generator)
        self.best, self.best_epoch = state.best, state.best_epoch
        self.history = [Epoch(**entry) for entry in state.history]
        self.epoch = len(self.history)
        self.average = {name: mean.to(self.device) for name, mean in state.average.items()}

    def one_epoch(self) -> Epoch:
        recipe, started = self.recipe.trained, time.perf_counter()
        n = len(self.labels)
        order = torch.randperm(n, generator=self.generator).to(self.device)
        batches = torch.split(order, recipe.batch_size)
        totals = torch.zeros(2, dtype=torch.float64, device=self.device)  # erring, loss
        for index, batch in enumerate(batches):
            self._set_rate((self.epoch + index / len(batches)) / recipe.epochs)
            images = augment(
                self.images[batch],
                self.recipe.augment,
                self.input_spec.x_max,
                self.generator,
                colours=self.input_spec.encoding != "events" and self.images.dim() == 4,
            )
            inputs = self.encoder(distributed.share(images))
            labels = distributed.share(self.labels[batch])
            learnt = self.learner.learn(inputs, labels, self.epoch, self._step)
            totals += torch.tensor(learnt, dtype=torch.float64, device=self.device)
        n_erring, loss = distributed.summed(totals).tolist()
        seconds = time.perf_counter() - started
        self.epoch += 1
        self._add_to_average()
        accuracy, step, firing = self._validate()
        best = max((epoch.best_accuracy for epoch in self.history), default=-1.0)
        if accuracy >= best:  # of equals the later one, which has seen more
            best, self.best_epoch = accuracy, self.epoch
            self.best = checkpoints.copy(self.learner.network.state_dict())
        # Last, so that neurons that have learnt nothing yet are not what is validated.
        n_rescued = self.learner.end_epoch(self.epoch / recipe.epochs, self.generator)
        self.history.append(
            Epoch(
                epoch=self.epoch,
                n_epochs=recipe.epochs,
                validation_accuracy=accuracy,
                best_accuracy=best,
                erring=n_erring / n,
                decision_step=step,
                hidden_firing=firing,
                n_rescued=n_rescued,
                images_per_s=n / seconds,
                loss=loss / n,
            )
        )
        return self.history[-1]

    def _add_to_average(self) -> None:
        n = self.epoch - (self.recipe.trained.epochs - self.learner.n_averaged_epochs)
        if n >= 1:
            self.average = average.added(self.average, self.learner.network.state_dict(), n)

    def try_average(self) -> float | None:
        """After the last epoch: the mean of the last ones, the best if it is as good. Returns its
        validation accuracy, or None if none was asked for."""
        network = self.learner.network
        if not self.average:
            return None
        network.load_state_dict(self.average)
        batches = torch.split(self.images, self.recipe.trained.batch_size)[:_SETTLING]
        self.learner.settle(self.encoder(batch) for batch in batches)
        accuracy = self._validate()[0]
        if accuracy >= self.history[-1].best_accuracy:
            self.best, self.best_epoch = checkpoints.copy(network.state_dict()), self.epoch
        return accuracy

    def _step(self) -> None:
        for group in self.optimiser.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    distributed.summed(parameter.grad)
        self.optimiser.step()
        self.learner.clip()

    def _set_rate(self, progress: float) -> None:
        cosine = self.recipe.trained.schedule == "cosine"
        factor = 0.5 * (1 + math.cos(math.pi * progress)) if cosine else 1.0
        for group in self.optimiser.param_groups:
            group["lr"] = group["full_rate"] * factor

    def validation_inputs(self) -> list[Tensor]:
        """Spike times of the validation set, in batches."""
        parts = torch.split(self.validation_images, _EVALUATION_BATCH)
        return [self.encoder(part) for part in parts]

    def _validate(self) -> tuple[float, float, float]:
        """Accuracy, mean decision step, fraction of hidden neurons that fire."""
        n = len(self.validation_labels)
        n_correct, steps, firing = 0, 0.0, 0.0
        labels = torch.split(self.validation_labels, _EVALUATION_BATCH)
        for inputs, wanted in zip(self.validation_inputs(), labels, strict=True):
            decided = self.learner.decide(inputs)
            n_correct += int((decided.labels == wanted).sum())
            steps += float(decided.steps.sum())
            firing += float(decided.hidden_firing) * len(wanted)
        return n_correct / n, steps / n, firing / n


def _optimiser(learner: Learner, recipe: Recipe) -> torch.optim.Optimizer:
    groups, rate = learner.parameter_groups(), recipe.trained.learning_rate
    if recipe.trained.optimiser == "adam":
        # Errors may be normalised, so that gradients are small: the usual epsilon would not be.
        return torch.optim.Adam(groups, lr=rate, eps=1e-9)
    return torch.optim.SGD(groups, lr=rate)
