"""Vectors of a folder, once golden has computed them anew: nobody is blamed for a damaged file."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.conformance import make_vectors
from hwgen.errors import ParamsError
from hwgen.model.folder import ModelFolder
from hwgen.model.vectors import NO_LABEL_BYTE, Vectors
from hwgen.network.learning import NO_LABEL
from hwgen.network.params import Params


def vectors(folder: ModelFolder, params: Params) -> Vectors:
    """The vectors of `params` in their folder. Raises `ParamsError` if golden says otherwise."""
    given = folder.vectors(params)
    again = make_vectors.vectors(params, given.inputs, given.labels)
    return _equal(given, again, folder.vectors_path)


def learning_vectors(folder: ModelFolder, params: Params) -> Vectors:
    """The same of a network that learns, its shadow weights in the end included."""
    given = folder.learning_vectors(params)
    labels = given.labels.astype(np.int64)
    wanted = np.where(labels == NO_LABEL_BYTE, NO_LABEL, labels)
    again = make_vectors.learning_vectors(params, given.inputs, wanted)
    return _equal(given, again, folder.learning_vectors_path)


def _equal(given: Vectors, again: Vectors, path: Path) -> Vectors:
    computed = dict(_arrays(again))
    for name, got in _arrays(given):
        expected = computed[name]
        places = np.argwhere(got != expected)
        if len(places):
            place = tuple(places[0].tolist())
            raise ParamsError(
                f"{path}: {name}{list(place)} is {got[place]}, but golden says {expected[place]}: "
                "the file was changed, or is of another hwgen; `hwgen train` makes it anew"
            )
    return given


def _arrays(of: Vectors) -> Iterator[tuple[str, NDArray[Any]]]:
    """What golden computes, by the names of the file; of layers that have none, nothing."""
    for field in fields(of):
        value = getattr(of, field.name)
        if field.name in ("digest", "inputs", "labels"):
            continue
        if isinstance(value, tuple):
            named = ((f"{layer}.{field.name}", array) for layer, array in enumerate(value))
            yield from ((name, array) for name, array in named if array.size)
        else:
            yield field.name, value
