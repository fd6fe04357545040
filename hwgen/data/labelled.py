"""Labelled samples that a core learns from."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwgen.data.encoding import latency
from hwgen.data.for_network import check_input, data_of
from hwgen.errors import DataError, HwgenError
from hwgen.network.learning import NO_LABEL
from hwgen.network.params import Params

UNLABELLED_EVERY = 10  # samples, of which the last comes without a label


@dataclass(frozen=True, kw_only=True)
class Samples:
    """In the order of training samples: inputs uint8 [n, n_inputs], spike times; truths int64 [n];
    labels int64 [n], the same, but some of them `NO_LABEL`."""

    dataset: str
    inputs: NDArray[np.uint8]
    truths: NDArray[np.int64]
    labels: NDArray[np.int64]


def choose(
    params: Params, n: int, *, name: str = "", seed: int = 0, data_dir: Path | None = None
) -> Samples:
    """n samples in random order, of the training set of a data set, by default the params' own.

    seed: of the order. Raises `HwgenError` without a learning unit, `DataError` if there are fewer.
    """
    if params.spec.learning is None:
        raise HwgenError(f"{params.name}: has no learning unit; `hwgen learn` makes a model of one")
    train = data_of(params, "train", name=name, data_dir=data_dir)
    check_input(params, train)
    if n > len(train):
        raise DataError(f"--samples is {n}, but the training set of {train.name} has {len(train)}")
    order = np.random.default_rng(seed).permutation(len(train))[:n]
    truths = train.labels[order].astype(np.int64)
    labels = truths.copy()
    labels[UNLABELLED_EVERY - 1 :: UNLABELLED_EVERY] = NO_LABEL
    inputs = latency(train.images[order], params.spec.input, params.spec.n_steps)
    return Samples(dataset=train.name, inputs=inputs, truths=truths, labels=labels)
