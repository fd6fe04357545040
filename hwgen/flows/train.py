"""From a recipe to a model folder: train, quantize, evaluate by golden, write everything."""

import platform
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import hwgen
from hwgen import recipe as recipe_file
from hwgen import schema
from hwgen.conformance.make_vectors import write_vectors
from hwgen.data.dataset import Dataset, Split
from hwgen.data.for_network import check_alike, parts_of_recipe
from hwgen.errors import DataError, RecipeError
from hwgen.evaluation.accuracy import Evaluation, evaluate
from hwgen.files import exclusive, write_atomic
from hwgen.model.folder import ModelFolder
from hwgen.network import learning_unit, params_file
from hwgen.network.params import Params
from hwgen.progress import SILENT, Reporter
from hwgen.recipe import Recipe
from hwgen.report import results
from hwgen.shown import Shown

if TYPE_CHECKING:
    from hwgen.training.loop import Trained


Parts = Mapping[Split, Dataset]  # a data set, by split
TEST = "test, golden"  # the last phase
CHECKPOINT = "checkpoint.pt"  # its name in the folder


_SILENT_FRACTION = 0.05  # of test images that nothing is said of, at which `train` warns


@dataclass(frozen=True, kw_only=True)
class TrainResult(Shown):
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

    @property
    def warning(self) -> str:
        """What is wrong with a network that says nothing of many images; "" if it does not."""
        n, n_silent = self.evaluation.n_images, self.evaluation.n_undecided
        if n_silent <= _SILENT_FRACTION * n:
            return ""
        return (
            f"the network is silent for {n_silent} of {n} test images: no output fires, and all "
            "potentials are equal; try more steps, a lower learning rate, or more weight bits"
        )

    def to_json(self) -> dict[str, Any]:
        """A table of plain values; `warning` is "" or a sentence."""
        return asdict(self) | {"warning": self.warning}


def train(
    recipe_path: Path,
    out: Path,
    *,
    data: Parts | Path | None = None,
    device: str = "auto",
    seed: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    reporter: Reporter = SILENT,
) -> TrainResult:
    """Train a recipe and write `out`/{recipe.toml, params, vectors, results.json, card.md}.

    A checkpoint in `out` is written each epoch; with `resume`, training goes on from it. `reporter`
    hears of epochs, and, in the phase `TEST`, of test images. The test set is loaded and checked
    before training, and measured on after it. Of several processes, as `torchrun` starts them, the
    first alone writes. `data`: the folder where data sets are, or, in place of the recipe's, data
    sets by split.

    Raises `ParamsError` if `out` holds another model, `DataError` if a checkpoint of another run,
    unless `overwrite`; `HwgenError` if another run is at work there.
    """
    from hwgen.training import distributed  # torch takes seconds to import

    recipe = recipe_file.load(recipe_path)
    recipe = replace(recipe, seed=recipe.seed if seed is None else seed)
    parts = _parts(recipe, data)
    check_alike(parts["train"], parts["validation"], parts["test"])
    with ExitStack() as stack:
        if distributed.will_be_first():
            stack.enter_context(exclusive(out))
        if not overwrite:
            _require_own(ModelFolder(out), recipe)
        return _train(recipe_path, recipe, parts, out, device, resume, reporter)


def _parts(recipe: Recipe, data: Parts | Path | None) -> dict[Split, Dataset]:
    """All parts. Raises `DataError` if one is missing."""
    if data is None or isinstance(data, Path):
        return parts_of_recipe(recipe, data_dir=data)
    splits: tuple[Split, ...] = get_args(Split)
    missing = [split for split in splits if split not in data]
    if missing:
        raise DataError(
            f"{recipe.name}: data lack {', '.join(missing)}, expected data sets for "
            f"{', '.join(splits)}"
        )
    return {split: replace(data[split], split=split) for split in splits}


def _require_own(folder: ModelFolder, recipe: Recipe) -> None:
    """Raise `HwgenError` if another recipe's model, or hours of its training, would be lost."""
    from hwgen.training import checkpoint

    folder.require_own(lambda params: _made_by(params, recipe))
    checkpoint.load(folder.path / CHECKPOINT, recipe)


def _made_by(params: Params, recipe: Recipe) -> bool:
    """Whether the file says so. A field that it lacks is younger than it, and was as by default."""
    try:
        made = schema.parse(
            Recipe, params.provenance.get("recipe"), where=params.name, error=RecipeError
        )
    except RecipeError:
        return False
    return made == recipe


def _train(
    recipe_path: Path,
    recipe: Recipe,
    parts: dict[Split, Dataset],
    out: Path,
    device: str,
    resume: bool,
    reporter: Reporter,
) -> TrainResult:
    from hwgen.training import accuracy as training_accuracy
    from hwgen.training import distributed, loop

    device = distributed.join(training_accuracy.choose_device(device))
    trained = loop.train(
        recipe,
        parts["train"],
        parts["validation"],
        device=device,
        checkpoint=out / CHECKPOINT,
        resume=resume,
        reporter=reporter,
    )
    made = _Made(recipe, parts, trained, device)
    params = made.params()
    accuracy, test = _accuracies(made, params, reporter)
    rule = training_accuracy.of_rule(trained.learner, recipe, parts["train"], trained.input_spec)
    params = replace(params, provenance=made.provenance(accuracy) | rule)
    if distributed.is_first():
        _write(ModelFolder(out), recipe_path, params, parts["test"], test)
    distributed.leave()
    return TrainResult(
        folder=out,
        digest=params.digest,
        accuracy=accuracy,
        evaluation=test,
        seconds=made.seconds,
        cost=rule.get("cost"),
        changes=tuple(change["text"] for change in rule.get("changes", ())),
    )


@dataclass(frozen=True)
class _Made:
    """What training has made of a recipe and the parts of its data set."""

    recipe: Recipe
    parts: dict[Split, Dataset]
    trained: "Trained"
    device: str

    @property
    def seconds(self) -> float:
        """In training epochs."""
        n = len(self.parts["train"])
        return sum(n / epoch.images_per_s for epoch in self.trained.history)

    def params(self) -> Params:
        """As exported; with a learning unit, if the recipe asks for one."""
        from hwgen.training import quantize

        network, given = self.trained.learner.network, self.trained.input_spec
        params = quantize.to_params(network, given, self.recipe.name)
        if self.recipe.learning:
            bits = learning_unit.FORWARD_BITS
            params = learning_unit.add_learning_unit(params, self.recipe.learning, bits)
        return params

    def provenance(self, accuracy: dict[str, float]) -> dict[str, Any]:
        """Where the params come from, for their file."""
        sizes = {f"n_{split}": len(part) for split, part in self.parts.items()}
        whole = self.parts["train"]
        known = {"classes": list(whole.classes), "digest": whole.digest} if whole.digest else {}
        return {
            "description": self.recipe.description,
            "recipe": asdict(self.recipe),
            "data": {"name": whole.name} | sizes | known,
            "seed": self.recipe.seed,
            "accuracy": accuracy,
            "best_epoch": self.trained.best_epoch,
            "training_s": round(self.seconds),
            "device": device_name(self.device),
            "hwgen": hwgen.__version__,
            "parent": None,
        }


def _accuracies(
    made: _Made, params: Params, reporter: Reporter
) -> tuple[dict[str, float], Evaluation]:
    """All that are put down, and golden's on the test set, which nothing has chosen by."""
    from hwgen.training.accuracy import accuracy

    learner, given, tests = made.trained.learner, made.trained.input_spec, made.parts["test"]
    reporter.phase(TEST)
    test = evaluate(params, tests, reporter)
    return {
        "golden, validation": evaluate(params, made.parts["validation"]).accuracy,
        "float, test": accuracy(learner, tests, given, rounded=False),
        "fake-quantized, test": accuracy(learner, tests, given),
        "golden, test": test.accuracy,
    }, test


def _write(
    folder: ModelFolder, recipe_path: Path, params: Params, tests: Dataset, test: Evaluation
) -> None:
    source = recipe_path.read_bytes()
    params_file.save(params, folder.params_path)
    write_vectors(folder, params, tests)
    if not folder.recipe_path.is_file() or folder.recipe_path.read_bytes() != source:
        write_atomic(folder.recipe_path, source)
    results.record(folder, test)


def device_name(device: str) -> str:
    """For the card: `cpu` says little without its architecture."""
    return f"CPU ({platform.machine()})" if device == "cpu" else device
