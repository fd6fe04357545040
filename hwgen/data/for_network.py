"""Data that fit a network, and which samples tell its accuracy.

All that draws samples for a model does it by `data_of`, or, if there is none yet, `data_of_recipe`,
or `parts_of_recipe`.
"""

from dataclasses import replace
from pathlib import Path
from typing import Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from hwgen.data import datasets, own
from hwgen.data.dataset import Dataset, Split
from hwgen.data.datasets import DEFAULT_VALIDATION
from hwgen.errors import DataError, RecipeError
from hwgen.network.layers.shape import Shape
from hwgen.network.params import Params
from hwgen.recipe import Recipe


class Drawn(Protocol):
    """Samples, or what was found of them: which data set, which part, drawn by which seed."""

    @property
    def name(self) -> str:
        """Of the data set."""

    @property
    def split(self) -> str:
        """Which part: "train", "validation" or "test"; "" if it is not known."""

    @property
    def split_seed(self) -> int | None:
        """The seed that drew the test set; None if it is the set's own."""


def check_input(params: Params, dataset: Dataset) -> None:
    """Raise `DataError` unless the images are those the network takes.

    Height, width, `x_max`, channels and the number of classes are compared. Of no images, none is.
    """
    dataset.check_not_empty()
    shape, (height, width, *colours) = params.spec.input, dataset.images.shape[1:]
    if (shape.height, shape.width, shape.x_max) != (height, width, dataset.x_max):
        raise DataError(
            f"{dataset.name}: images are {height}x{width} with values up to {dataset.x_max}, but "
            f"{params.name} takes {shape.height}x{shape.width} up to {shape.x_max}"
        )
    n_channels = sum(colours) or 1
    if shape.encoding != "events" and shape.channels != n_channels:
        raise DataError(
            f"{dataset.name}: images have {n_channels} channels, but {params.name} takes "
            f"{shape.channels}"
        )
    if int(dataset.labels.max()) >= params.spec.n_classes:
        raise DataError(
            f"{dataset.name}: label {int(dataset.labels.max())}, but {params.name} knows "
            f"{params.spec.n_classes} classes"
        )


def check_alike(train: Dataset, *others: Dataset) -> None:
    """Raise `DataError` unless all parts of a data set have samples, and images of one size."""
    for part in (train, *others):
        part.check_not_empty()
        size, wanted = part.images.shape[1:], train.images.shape[1:]
        if size != wanted:
            raise DataError(
                f"{part.name}: {part.split} images are {'x'.join(map(str, size))}, expected "
                f"{'x'.join(map(str, wanted))}, as those of the {train.split} split"
            )


def takes_colour(params: Params) -> bool:
    """Whether the network takes images in colour."""
    given = params.spec.input
    return given.encoding != "events" and given.channels > 1


def own_name(params: Params) -> str:
    """The data set whose accuracy is a model's own: what it learnt last, or was trained on.

    "" if the provenance names none.
    """
    made = params.origin
    return str(made.get("course", {}).get("dataset") or made.get("data", {}).get("name", ""))


def data_of(
    params: Params, split: Split, *, name: str = "", data_dir: Path | None = None
) -> Dataset:
    """A part of a data set, by default a model's own, split as when the model was trained.

    The seed and the fraction for validation are those of the provenance, after on-chip learning,
    too: so no sample of "test" was ever trained on, if the provenance tells (`doubt`). Raises
    `DataError`, also if the files are others than those of the training.
    """
    made = params.origin
    name = name or own_name(params)
    if not name:
        raise DataError(f"{params.name}: provenance names no data set; give one by --data")
    if own.is_path(name):
        return _own_data(params, split, name)
    dataset = datasets.load(
        name,
        split,
        seed=int(made.get("seed", 0)),
        validation=made.get("recipe", {}).get("data", {}).get("validation", DEFAULT_VALIDATION),
        data_dir=data_dir,
        colour=takes_colour(params),
    )
    before = made.get("data", {})
    wanted = before.get(f"n_{split}", len(dataset)) if before.get("name") == name else len(dataset)
    if dataset.split_seed is not None and wanted != len(dataset):
        raise DataError(
            f"{name}: {len(dataset)} {split} samples, but {params.name} was trained when there "
            f"were {wanted}: of other files the {split} split is another; give its own by "
            "--data-dir"
        )
    return dataset


def _own_data(params: Params, split: Split, name: str) -> Dataset:
    """Data of one's own, as the network takes them: its size, its range, its classes. Of those that
    it was trained on a part, as they were split then; of others all, or their own test part."""
    given, made = params.spec.input, params.origin
    whole = own.load(Path(name), size=(given.height, given.width), colour=takes_colour(params))
    names = _class_names(params)
    places = _places(whole.classes, names, params, name)
    if made.get("data", {}).get("digest") == whole.digest:
        how = made.get("recipe", {}).get("data", {}).get("validation", DEFAULT_VALIDATION)
        seed = int(made.get("seed", 0))
        found = datasets.of_own(name, whole, split, seed=seed, validation=how)
    else:
        is_test = np.ones(len(whole.labels), bool) if whole.is_test is None else whole.is_test
        # Nobody knows whether training has seen them, whatever part they call themselves.
        everything = Dataset(name, whole.images, whole.labels, own.X_MAX, digest=whole.digest)
        found = everything.take(np.flatnonzero(is_test))
    found = replace(found, labels=places[found.labels], classes=names)
    if given.x_max == own.X_MAX:
        return found
    values = (found.images.astype(np.int32) * given.x_max + own.X_MAX // 2) // own.X_MAX
    return replace(found, images=values.astype(np.uint8), x_max=given.x_max)


def _class_names(params: Params) -> tuple[str, ...]:
    """Of a network's outputs; where nobody has named them, their numbers."""
    known = params.origin.get("data", {}).get("classes")
    return tuple(known or map(str, range(params.spec.n_classes)))


def _places(
    classes: tuple[str, ...], names: tuple[str, ...], params: Params, name: str
) -> NDArray[np.int64]:
    """Which output each class of a data set is, int64 [n_classes]. Raises `DataError`."""
    strangers = [label for label in classes if label not in names]
    if strangers:
        shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
        raise DataError(
            f"{name}: class {strangers[0]!r} is none of {params.name}, which knows {shown}; rename "
            "the folder"
        )
    return np.array([names.index(label) for label in classes], np.int64)


def data_of_recipe(
    recipe: Recipe, split: Split, *, name: str = "", data_dir: Path | None = None
) -> Dataset:
    """A part of a recipe's data set, or of another, as `data_of` gives it of the model to come."""
    named, size, data = _named(recipe), _size(recipe), recipe.data
    return datasets.load(
        name or named,
        split,
        seed=recipe.seed,
        validation=data.validation,
        data_dir=data_dir,
        colour=data.colour,
        size=size,
    )


def parts_of_recipe(recipe: Recipe, *, data_dir: Path | None = None) -> dict[Split, Dataset]:
    """All parts of a recipe's data set. Pictures of one's own are read once for all."""
    name, splits = _named(recipe), get_args(Split)
    if not own.is_path(name):
        return {split: data_of_recipe(recipe, split, data_dir=data_dir) for split in splits}
    whole = own.load(Path(name), size=_size(recipe), colour=recipe.data.colour)
    seed, validation = recipe.seed, recipe.data.validation
    return {
        split: datasets.of_own(name, whole, split, seed=seed, validation=validation)
        for split in splits
    }


def _named(recipe: Recipe) -> str:
    """The name of a recipe's data set, or its path. Raises `RecipeError` unless there is one."""
    data = recipe.data
    if bool(data.name) == bool(data.path):
        raise RecipeError(
            f"{recipe.name}: data: name is {data.name!r} and path {data.path!r}, expected one of "
            "them"
        )
    if data.name:
        return data.name
    return data.path if own.is_path(data.path) else f"./{data.path}"  # a folder here


def _size(recipe: Recipe) -> tuple[int, int] | None:
    """To which pictures are scaled, height and width. Raises `RecipeError`."""
    height, width = recipe.data.height, recipe.data.width
    if bool(height) != bool(width):
        raise RecipeError(
            f"{recipe.name}: data: height is {height} and width {width}, expected both or none"
        )
    return (height, width) if height else None


def data_of_import(name: str, shape: Shape | None, *, data_dir: Path | None = None) -> Dataset:
    """The test set of a network that somebody else trained, as `data_of` gives it afterwards.

    shape: of the network's input; None: a vector, whatever the images are.
    """
    size = (shape.height, shape.width) if shape else None
    colour = bool(shape and shape.channels > 1)
    found = datasets.load(name, "test", seed=0, data_dir=data_dir, colour=colour, size=size)
    if found.digest and all(label.isdecimal() for label in found.classes):
        # Numbers of classes are those of the network's outputs: nobody has named them otherwise.
        places = np.array([int(label) for label in found.classes], np.int64)
        names = tuple(map(str, range(int(places.max()) + 1)))
        return replace(found, labels=places[found.labels], classes=names)
    return found


def doubt(params: Params, of: Drawn) -> str:
    """Why samples may be among those that a model was trained on, in a sentence; "" if they
    cannot be.

    of: samples, or what was found of them.
    """
    name, seed, own_seed = of.name, of.split_seed, params.origin.get("seed")
    if of.split != "test":
        which = f"the {of.split} split" if of.split else "no split that is known"
        return f"the samples of {name} are of {which}: {params.name} may have been trained on them"
    if seed is None or seed == own_seed:
        return ""
    why = "names no seed" if own_seed is None else f"names seed {own_seed}"
    return (
        f"{name} has no test set of its own, and the provenance of {params.name} {why}: the test "
        f"set drawn by seed {seed} may hold samples that it was trained on"
    )


def check_recordable(params: Params, of: Drawn) -> None:
    """Raise `DataError` unless these are of the model's own test set, as its card says.

    Figures that stand in a card must be of samples that nothing was trained on or chosen by.
    """
    name, own = of.name, own_name(params)
    why = doubt(params, of)
    if not own:
        why = f"the provenance of {params.name} names no data set that {name} could be"
    elif name != own:
        why = f"the card of {params.name} tells of {own}, not of {name}"
    if why:
        raise DataError(f"--record is refused: {why}; leave it out")
