"""Data sets, one loader for all: where the files are, what they hold, and how they are split."""

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hwgen.data import cifar10, nmnist, own, recordings
from hwgen.data.caltech import CALTECH, load_caltech
from hwgen.data.catalogue import N_CLASSES, x_max
from hwgen.data.dataset import Dataset, Split
from hwgen.data.idx import load_pair
from hwgen.data.locate import SOURCES, find_folder, log_copy, named_folder
from hwgen.data.own import Own
from hwgen.data.recordings import Recordings
from hwgen.errors import DataError

_OWN_READERS = {"n-mnist": nmnist.N_MNIST, "cifar10": cifar10.FOLDER}
_COLOURED = ("cifar10",)
_TEST_FRACTION = {"digits": 0.2, CALTECH: 0.5}  # of sets without a test set of their own
_OWN_TEST_FRACTION = 0.2  # of data of one's own without a test part
DEFAULT_VALIDATION = 0.1  # of the training set
DRAWN = tuple(_TEST_FRACTION)  # their test sets are drawn by a seed
NAMES = ("digits", *SOURCES, CALTECH, *_OWN_READERS)


def load(
    name: str,
    split: Split,
    *,
    seed: int = 0,
    validation: float = DEFAULT_VALIDATION,
    data_dir: Path | None = None,
    colour: bool = False,
    size: tuple[int, int] | None = None,
) -> Dataset:
    """One part of a data set; in colour, if that is asked for and the set has colours.

    name: one of `NAMES`, or a path (`hwgen.data.own`), whose pictures are scaled to `size`, height
    and width; if it has no test part, a fifth of each class is drawn.

    MNIST and Fashion-MNIST keep their own test set; `validation` is the fraction of the training
    set, drawn by `seed`, that is held out to choose by. The others have no test set of their own: a
    fifth of digits, half of the faces and motorbikes of Caltech-101, drawn by the same `seed`,
    becomes it: for a model, `hwgen.data.for_network.data_of` knows which. Raises `DataError`.

    seed: the same gives the same split on every machine. Labels and images are checked.
    """
    if own.is_path(name):
        whole = own.load(Path(name), size=size, colour=colour)
        return of_own(name, whole, split, seed=seed, validation=validation)
    events: Recordings | None = None
    if colour and name in NAMES and name not in _COLOURED:
        raise DataError(f"{name}: has no colours; those that have: {', '.join(_COLOURED)}")
    named_folder(data_dir)  # one that is not there is an error, even of a set that needs none
    if name in _TEST_FRACTION:
        images, labels = _digits() if name == "digits" else load_caltech(data_dir)
        # The test set is drawn before the validation set, so another fraction for validation leaves
        # it alone.
        order = np.random.default_rng(seed).permutation(len(labels))
        n_test = int(len(labels) * _TEST_FRACTION[name])
        test, rest = order[:n_test], order[n_test:]
    elif name in SOURCES:
        part: Literal["train", "test"] = "test" if split == "test" else "train"
        images, labels = load_pair(name, part, data_dir)
        test = np.arange(len(labels))
        rest = np.random.default_rng(seed).permutation(len(labels))
    elif name in _OWN_READERS:
        named = "test" if split == "test" else "train"
        folder = find_folder(name, _OWN_READERS[name], data_dir)
        if name == "cifar10":
            images, labels = cifar10.load(folder, test=split == "test", colour=colour)
            test = np.arange(len(labels))
        else:
            events, labels = nmnist.load(folder / named.title())
            images = events.pictures()
            test = recordings.interleave_classes(labels)
        rest = np.random.default_rng(seed).permutation(len(labels))
    else:
        hint = f"; the folder here is ./{name}" if Path(name).exists() else ""
        raise DataError(f"unknown data set {name!r}: known are {', '.join(NAMES)}{hint}")
    _check(name, images, labels)
    n_validation = round(len(rest) * validation)
    chosen = {"test": test, "validation": rest[:n_validation], "train": rest[n_validation:]}[split]
    split_seed = seed if name in _TEST_FRACTION else None
    _require_some(name, split, chosen, len(labels), validation)
    return Dataset(name, images, labels, x_max(name), events, split, split_seed).take(chosen)


def of_own(name: str, whole: Own, split: Split, *, seed: int, validation: float) -> Dataset:
    """One part of data of one's own. What is drawn is drawn of each class alike.

    Raises `DataError`.
    """
    rng, labels = np.random.default_rng(seed), whole.labels
    if whole.is_test is None:
        test, rest = _stratified(np.arange(len(labels)), labels, _OWN_TEST_FRACTION, rng)
    else:
        test, rest = np.flatnonzero(whole.is_test), np.flatnonzero(~whole.is_test)
    held_out, train = _stratified(rest, labels, validation, rng)
    chosen = {"test": test, "validation": held_out, "train": train}[split]
    _require_some(name, split, chosen, len(labels), validation)
    missing = sorted(set(range(len(whole.classes))) - set(labels[train].tolist()))
    if missing:
        raise DataError(
            f"{name}: no samples of class {whole.classes[missing[0]]!r} to train on; give more of "
            "it"
        )
    everything = Dataset(
        name,
        whole.images,
        labels,
        own.X_MAX,
        split=split,
        split_seed=seed if whole.is_test is None else None,
        classes=whole.classes,
        digest=whole.digest,
    )
    return everything.take(chosen)


def _stratified(
    indices: NDArray[np.int64],
    labels: NDArray[np.int64],
    fraction: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A fraction of each class, at least one sample of those that have two; and the others."""
    taken = []
    for label in np.unique(labels[indices]):
        alike = rng.permutation(indices[labels[indices] == label])
        n = round(len(alike) * fraction)
        taken.append(alike[: max(n, min(1, len(alike) - 1))])
    chosen = np.concatenate([*taken, np.zeros(0, np.int64)])
    return rng.permutation(chosen), rng.permutation(np.setdiff1d(indices, chosen))


def _require_some(
    name: str, split: Split, chosen: NDArray[np.integer], n: int, validation: float
) -> None:
    if not len(chosen):
        hint = f" with validation = {validation:g}" if split == "validation" else ""
        raise DataError(f"{name}: no {split} samples of {n}{hint}; give more samples")


def _check(name: str, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
    if not images.size:
        raise DataError(f"{name}: {'x'.join(map(str, images.shape))} images: there is nothing")
    least, greatest, n_classes = int(labels.min()), int(labels.max()), N_CLASSES[name]
    if least < 0 or greatest >= n_classes:
        wrong = least if least < 0 else greatest
        raise DataError(
            f"{name}: a label is {wrong}, expected 0..{n_classes - 1}: of another data set?"
        )


def _digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    from sklearn.datasets import load_digits  # takes a second to import: only when asked for

    log_copy("digits", "scikit-learn")
    bunch = load_digits()
    return bunch.images.astype(np.uint8), bunch.target.astype(np.int64)
