"""What `hwgen learn` does: find the network, the data and the shift, learn, write what came out."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from hwgen import recipe as recipe_file
from hwgen.conformance.make_vectors import write_vectors
from hwgen.data.dataset import Dataset
from hwgen.data.for_network import data_of, data_of_recipe, doubt
from hwgen.data.shifts import DistributionShift, select_classes
from hwgen.errors import DataError, ParamsError
from hwgen.evaluation.accuracy import evaluate
from hwgen.files import exclusive, stem, write_atomic
from hwgen.model import folder as model_folder
from hwgen.model.folder import ModelFolder
from hwgen.network import learning_unit, params_file
from hwgen.network.learning import LearningSpec
from hwgen.network.params import Params
from hwgen.onchip import checkpoint
from hwgen.onchip import run as onchip_run
from hwgen.onchip.initial import initial_params
from hwgen.onchip.run import LearningRun, RunConfig
from hwgen.progress import SILENT, Reporter
from hwgen.recipe import OnChipRecipe, Recipe
from hwgen.report import curves, results

_N_SAMPLES = 1000  # of a run that nobody says the length of
TRAINED_SHIFT = -5  # of trained networks that are given a learning unit (docs/learning.md)


@dataclass(frozen=True, kw_only=True)
class LearnOptions:
    """What `hwgen learn` may be told; see `run`."""

    data: str = ""  # data set, if not the model's own
    n_samples: int | None = None  # if not as many as the model says
    out: Path | None = None  # model folder to write
    layers: Literal["all", "last"] | None = None  # if not those that the model says, or the last
    shift: int | None = None  # of the rate, if not as the model says
    labels: frozenset[int] = frozenset()  # only these are learnt; none: all
    distribution_shift: DistributionShift = field(
        default_factory=DistributionShift
    )  # how samples differ from those of the data set
    n_points: int = 10
    seed: int = 0
    resume: bool = False
    overwrite: bool = False  # another model that the folder holds, or its run


def run(
    what: str,
    options: LearnOptions,
    *,
    data_dir: Path | None = None,
    reporter: Reporter = SILENT,
) -> tuple[LearningRun, Path]:
    """A learning run for a model (its folder or name) or a recipe of rule "on-chip".

    Returns the run and the model folder, with curve.json and curve.svg besides. Raises
    `ParamsError` if the folder holds another model, `DataError` if another run's checkpoint, unless
    `overwrite`; `HwgenError` if another run is at work there.
    """
    params, train, test = _start(what, options.data, data_dir)
    rule = _rule(params.spec.learning, options.layers, options.shift)
    params = learning_unit.add_learning_unit(params, rule, learning_unit.FORWARD_BITS)
    unknown = options.labels - set(range(params.spec.n_classes))
    if unknown:
        raise DataError(
            f"labels {sorted(unknown)} are not among the {params.spec.n_classes} classes of "
            f"{params.name}"
        )
    folder = ModelFolder(options.out or Path("runs") / f"{stem(params.name)}-learnt")
    with exclusive(folder.path):
        config = onchip_run.RunConfig(
            n_samples=options.n_samples or int(params.origin.get("n_samples", _N_SAMPLES)),
            n_points=options.n_points,
            seed=options.seed,
            checkpoint=folder.path / "checkpoint.safetensors",
            resume=options.resume,
        )
        test = options.distribution_shift.apply(test, options.seed + 1)
        train = options.distribution_shift.apply(train, options.seed)
        train = select_classes(train, options.labels)
        if not options.overwrite:
            _require_own(folder, config, params, train, test)
        made = onchip_run.learn(params, train, test, config, reporter=reporter)
        _write(folder, made, test)
        if config.checkpoint:
            config.checkpoint.unlink(missing_ok=True)
    return made, folder.path


def _require_own(
    folder: ModelFolder, config: RunConfig, params: Params, train: Dataset, test: Dataset
) -> None:
    """Raise `HwgenError` if a model, or another run's learning, would be lost.

    A file does not say all that a run was told, as how images were turned: only a run that goes on
    takes a model of the same parent, data set, number of samples and seed for its own.
    """

    def is_own(found: Params) -> bool:
        course = found.provenance.get("course")
        if not config.resume or not isinstance(course, dict):
            return False
        known = (course.get("dataset"), course.get("n_samples"), course.get("seed"))
        parent = found.provenance.get("parent")
        return (parent, *known) == (params.digest, train.name, config.n_samples, config.seed)

    folder.require_own(is_own)
    if config.checkpoint:
        checkpoint.load(config.checkpoint, config.identity(params, train, test))


def _write(folder: ModelFolder, made: LearningRun, test: Dataset) -> None:
    params = made.params
    params_file.save(params, folder.params_path)
    write_vectors(folder, params, test)
    write_atomic(folder.path / "curve.json", json.dumps(made.to_json(), indent=1) + "\n")
    curves.draw({params.name: made.curve}, folder.path / "curve.svg")
    results.record(folder, evaluate(params, test))


def _start(what: str, data_name: str, data_dir: Path | None) -> tuple[Params, Dataset, Dataset]:
    """The network to start from, and its training and test set."""
    recipe = _on_chip_recipe(what)
    if recipe is None:
        params = model_folder.find(what).params()
        train = data_of(params, "train", name=data_name, data_dir=data_dir)
        test = data_of(params, "test", name=data_name, data_dir=data_dir)
        why = doubt(params, test)
        if why:  # the run ends with a card, whose accuracy has to be one of unseen samples
            raise DataError(f"{what}: nothing to test what it learns on: {why}; use another --data")
        return params, train, test
    train = data_of_recipe(recipe, "train", name=data_name, data_dir=data_dir)
    test = data_of_recipe(recipe, "test", name=data_name, data_dir=data_dir)
    made = {
        "description": recipe.description,
        "recipe": asdict(recipe),
        "data": {"name": train.name},
        "seed": recipe.seed,
    }
    if isinstance(recipe.training, OnChipRecipe):
        made["n_samples"] = recipe.training.n_samples
    return replace(initial_params(recipe, train), provenance=made), train, test


def _on_chip_recipe(what: str) -> Recipe | None:
    """The recipe, if it is one to start from nothing: a file, or a folder without params."""
    path = Path(what)
    if path.suffix != ".toml":
        folder = model_folder.find(what)
        if folder.params_path.exists():
            return None
        path = folder.recipe_path
    recipe = recipe_file.load(path)
    if isinstance(recipe.training, OnChipRecipe):
        return recipe
    raise ParamsError(f"{path}: is to be trained first: hwgen train {path}")


def _rule(
    given: LearningSpec | None, layers: Literal["all", "last"] | None, shift: int | None
) -> LearningSpec:
    """That of the model, if it has one, with what is to be different."""
    rule = given or LearningSpec(hidden_shift=TRAINED_SHIFT, output_shift=TRAINED_SHIFT)
    if layers or not given:
        rule = replace(rule, layers=layers or "last")
    return rule if shift is None else replace(rule, hidden_shift=shift, output_shift=shift)
