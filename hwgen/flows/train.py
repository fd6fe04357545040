"""From a recipe to a model folder: train, quantize, evaluate by golden, write everything."""

import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import hwgen
from hwgen import recipe as recipe_file
from hwgen.conformance.make_vectors import write_vectors
from hwgen.data.for_network import data_of_recipe
from hwgen.evaluation.accuracy import Evaluation, evaluate
from hwgen.files import write_atomic
from hwgen.model.folder import ModelFolder
from hwgen.network import learning_unit, params_file
from hwgen.progress import Progress
from hwgen.report import results


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """What came out. Accuracies are fractions, of the validation or the test set."""

    folder: Path
    digest: str
    accuracy: dict[str, float]
    evaluation: Evaluation
    seconds: float  # in training epochs, those before a resume included
    cost: dict[str, int] | None = (
        None  # of a batch, by rule "tt-lbptt" (`hwgen.training.multi_spike.cost`)
    )
    changes: tuple[
        str, ...
    ] = ()  # what integers changed (`hwgen.training.multi_spike.quantisation_error`)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def train(
    recipe_path: Path,
    out: Path,
    *,
    data_dir: Path | None = None,
    device: str = "auto",
    seed: int | None = None,
    resume: bool = False,
    on_epoch: Callable[[int, int, float], None] | None = None,
    on_test: Progress | None = None,
) -> TrainResult:
    """Train a recipe and write `out`/{recipe.toml, params, vectors, results.json, card.md}.

    A checkpoint in `out` is written each epoch; with `resume`, training goes on from it. `on_epoch`
    is called with (epochs done, epochs, validation accuracy). The test set is read after training.
    Of several processes, as `torchrun` starts them, the first alone writes.
    """
    from hwgen.training import accuracy as training_accuracy
    from hwgen.training import distributed, loop, quantize  # torch takes seconds to import

    recipe = recipe_file.load(recipe_path)
    recipe = replace(recipe, seed=recipe.seed if seed is None else seed)
    parts = {
        split: data_of_recipe(recipe, split, data_dir=data_dir)
        for split in ("train", "validation", "test")
    }
    device = distributed.join(training_accuracy.choose_device(device))
    trained = loop.train(
        recipe,
        parts["train"],
        parts["validation"],
        device=device,
        checkpoint=out / "checkpoint.pt",
        resume=resume,
        on_epoch=lambda e: (
            on_epoch(e.epoch, e.n_epochs, e.validation_accuracy) if on_epoch else None
        ),
    )
    seconds = sum(len(parts["train"]) / epoch.images_per_s for epoch in trained.history)
    learner, input_spec = trained.learner, trained.input_spec
    params = quantize.to_params(learner.network, input_spec, recipe.name)
    if recipe.learning:
        params = learning_unit.with_learning(params, recipe.learning, learning_unit.FORWARD_BITS)
    test = evaluate(params, parts["test"], on_test)
    accuracy = {
        "golden, validation": evaluate(params, parts["validation"]).accuracy,
        "float, test": training_accuracy.accuracy(
            learner, parts["test"], input_spec, rounded=False
        ),
        "fake-quantized, test": training_accuracy.accuracy(learner, parts["test"], input_spec),
        "golden, test": test.accuracy,
    }
    provenance = {
        "description": recipe.description,
        "recipe": asdict(recipe),
        "data": {"name": recipe.data.name} | {f"n_{k}": len(v) for k, v in parts.items()},
        "seed": recipe.seed,
        "accuracy": accuracy,
        "best_epoch": trained.best_epoch,
        "training_s": round(seconds),
        "device": device_name(device),
        "hwgen": hwgen.__version__,
        "parent": None,
    }
    rule = training_accuracy.of_rule(learner, recipe, parts["train"], input_spec)
    provenance |= rule
    params = replace(params, provenance=provenance)
    if distributed.is_first():
        folder = ModelFolder(out)
        source = recipe_path.read_bytes()
        params_file.save(params, folder.params_path)
        write_vectors(folder, params, parts["test"])
        if not folder.recipe_path.is_file() or folder.recipe_path.read_bytes() != source:
            write_atomic(folder.recipe_path, source)
        results.record(folder, test)
    distributed.leave()
    return TrainResult(
        folder=out,
        digest=params.digest,
        accuracy=accuracy,
        evaluation=test,
        seconds=seconds,
        cost=rule.get("cost"),
        changes=tuple(change["text"] for change in rule.get("changes", ())),
    )


def device_name(device: str) -> str:
    """For the card: `cpu` says little without its architecture."""
    return f"CPU ({platform.machine()})" if device == "cpu" else device
