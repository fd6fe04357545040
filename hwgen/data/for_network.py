"""Data that fit a network: its own test set, and checks of others."""

from pathlib import Path

from hwgen.data import datasets
from hwgen.data.dataset import Dataset
from hwgen.errors import DataError
from hwgen.network.params import Params


def check_input(params: Params, dataset: Dataset) -> None:
    """Raise `DataError` unless the images are those the network takes."""
    shape, (height, width) = params.spec.input, dataset.images.shape[1:]
    if (shape.height, shape.width, shape.x_max) != (height, width, dataset.x_max):
        raise DataError(
            f"{dataset.name}: images are {height}x{width} with values up to {dataset.x_max}, but "
            f"{params.name} takes {shape.height}x{shape.width} up to {shape.x_max}"
        )
    if int(dataset.labels.max()) >= params.spec.n_classes:
        raise DataError(
            f"{dataset.name}: label {int(dataset.labels.max())}, but {params.name} knows "
            f"{params.spec.n_classes} classes"
        )


def own_test_set(params: Params, data_dir: Path | None) -> Dataset:
    """The test set a parameter file was made for, by its provenance."""
    made_for = params.provenance.get("data", {})
    if "name" not in made_for:
        raise DataError(f"{params.name}: provenance names no data set; give one by --data")
    return datasets.load(
        made_for["name"],
        "test",
        seed=int(params.provenance.get("seed", 0)),
        data_dir=data_dir,
    )
