"""What `hwgen learn` does: find the network, the data and the world, learn, write what came out."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal

from hwgen import recipe as recipe_file
from hwgen.conformance.make_vectors import write_vectors
from hwgen.data.dataset import Dataset
from hwgen.data.for_network import data_of, data_of_recipe, doubt
from hwgen.data.shifts import World, only
from hwgen.errors import DataError, ParamsError
from hwgen.evaluation.accuracy import evaluate
from hwgen.files import write_atomic
from hwgen.model import folder as model_folder
from hwgen.model.folder import ModelFolder
from hwgen.network import learning_unit, params_file
from hwgen.network.learning import LearningSpec
from hwgen.network.params import Params
from hwgen.onchip import run as onchip_run
from hwgen.onchip.initial import newborn
from hwgen.onchip.run import Course, OnPoint
from hwgen.recipe import OnChipRecipe, Recipe
from hwgen.report import curves, results

_N_SAMPLES = 1000  # of a course that nobody says the length of
TRAINED_SHIFT = -5  # of trained networks that are given a learning unit (docs/learning.md)


def run(
    what: str,
    *,
    data_name: str = "",
    n_samples: int | None = None,
    out: Path | None = None,
    layers: Literal["all", "last"] | None = None,
    shift: int | None = None,
    labels: frozenset[int] = frozenset(),
    there: World | None = None,
    n_points: int = 10,
    seed: int = 0,
    resume: bool = False,
    data_dir: Path | None = None,
    on_point: OnPoint | None = None,
) -> tuple[Course, Path]:
    """A course for a model (its folder or name) or a recipe of rule "on-chip"; see `hwgen learn`.

    Returns the course and the model folder, with curve.json and curve.svg besides. `layers`: if not
    those that the model says, or the last; `shift`: of the rate, if not as the model says.
    """
    params, train, test = _start(what, data_name, data_dir)
    params = learning_unit.with_learning(
        params, _rule(params.spec.learning, layers, shift), learning_unit.FORWARD_BITS
    )
    unknown = labels - set(range(params.spec.n_classes))
    if unknown:
        raise DataError(
            f"labels {sorted(unknown)} are not among the {params.spec.n_classes} classes of "
            f"{params.name}"
        )
    there = there or World()
    test = there.seen(test, seed + 1)
    folder = ModelFolder(out or Path("runs") / f"{params.name}-learnt")
    checkpoint = folder.path / "checkpoint.safetensors"
    course = onchip_run.learn(
        params,
        only(there.seen(train, seed), labels),
        test,
        onchip_run.RunConfig(
            n_samples=n_samples or int(params.provenance.get("n_samples", _N_SAMPLES)),
            n_points=n_points,
            seed=seed,
            checkpoint=checkpoint,
            resume=resume,
        ),
        on_point=on_point,
    )
    params_file.save(course.params, folder.params_path)
    write_vectors(folder, course.params, test)
    write_atomic(folder.path / "curve.json", json.dumps(course.to_json(), indent=1) + "\n")
    curves.draw({params.name: course.curve}, folder.path / "curve.svg")
    results.record(folder, evaluate(course.params, test))
    checkpoint.unlink(missing_ok=True)
    return course, folder.path


def _start(what: str, data_name: str, data_dir: Path | None) -> tuple[Params, Dataset, Dataset]:
    """The network to start from, and its training and test set."""
    recipe = _on_chip_recipe(what)
    if recipe is None:
        params = model_folder.find(what).params()
        train = data_of(params, "train", name=data_name, data_dir=data_dir)
        test = data_of(params, "test", name=data_name, data_dir=data_dir)
        why = doubt(params, test)
        if why:  # the course ends with a card, whose accuracy has to be one of unseen samples
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
    return replace(newborn(recipe, train), provenance=made), train, test


def _on_chip_recipe(what: str) -> Recipe | None:
    """The recipe, if it is one to start from nothing: a file, or a folder without params."""
    path = Path(what)
    if path.suffix != ".toml":
        folder = model_folder.find(what)
        if folder.params_path.is_file():
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
