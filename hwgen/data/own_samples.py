"""Samples of a model that names no data set, as one that was imported: its vectors."""

import numpy as np
from numpy.typing import NDArray

from hwgen.data import for_network
from hwgen.errors import DataError
from hwgen.model.folder import ModelFolder
from hwgen.network.params import Params


def has_only_vectors(folder: ModelFolder | None, params: Params) -> bool:
    """Whether a model names no data set, but has vectors.

    folder: None: the model is in none.
    """
    own = for_network.own_name(params)
    return bool(folder and not own and folder.vectors_path.is_file())


def of_vectors(folder: ModelFolder, params: Params, n: int | None) -> NDArray[np.uint8]:
    """Inputs of the first n vectors, as golden takes them; None: of all.

    Raises `DataError` if there are fewer, `ParamsError` if they are not of these params.
    """
    vectors = folder.vectors(params)
    if n is not None and n > len(vectors.labels):
        raise DataError(
            f"{params.name}: names no data set, and its vectors are {len(vectors.labels)} samples, "
            f"not {n}; ask for fewer, or give --data"
        )
    return vectors.inputs[:n]
