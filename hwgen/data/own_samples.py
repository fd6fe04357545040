"""Samples to compare a model by: of its data set, or, of a model that names none, its vectors."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwgen.data import for_network
from hwgen.data.inputs import encoded
from hwgen.errors import DataError
from hwgen.model.folder import ModelFolder
from hwgen.network.params import Params


@dataclass(frozen=True, kw_only=True)
class OwnSamples:
    """inputs: as golden takes them; labels int64 [n], or None if nobody has said any; source: which
    samples; doubt: as of `for_network.doubt`."""

    source: str
    inputs: NDArray[np.uint8]
    labels: NDArray[np.int64] | None
    doubt: str = ""


def has_only_vectors(folder: ModelFolder, params: Params) -> bool:
    """Whether a model names no data set, as one that was imported without, but has vectors."""
    return not for_network.own_name(params) and folder.vectors_path.is_file()


def load(
    folder: ModelFolder,
    params: Params,
    n: int | None = None,
    *,
    name: str = "",
    data_dir: Path | None = None,
    recorded: bool = False,
) -> OwnSamples:
    """The first n test samples of a data set, by default a model's own; None: all of them.

    recorded: a card will tell of them. Raises `DataError` if there are none, or fewer vectors than
    n; or if a card must not tell of them.
    """
    if not name and has_only_vectors(folder, params):
        vectors = folder.vectors(params)
        if n is not None and n > len(vectors.labels):
            raise DataError(
                f"{params.name}: names no data set, and its vectors are {len(vectors.labels)} "
                f"samples, not {n}; ask for fewer, or give --data"
            )
        return OwnSamples(source="its vectors", inputs=vectors.inputs[:n], labels=None)
    tests = for_network.data_of(params, "test", name=name, data_dir=data_dir)
    for_network.check_input(params, tests)
    if recorded:
        for_network.check_recordable(params, tests)
    return OwnSamples(
        source=tests.name,
        inputs=encoded(tests, params.spec, slice(n)),
        labels=tests.labels[:n],
        doubt=for_network.doubt(params, tests),
    )
