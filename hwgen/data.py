"""Data sets, one loader for all: where the files are, what they hold, and how they are split."""

import gzip
import lzma
import math
import os
import struct
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from hwgen import cifar, recordings
from hwgen.errors import DataError
from hwgen.files import reason
from hwgen.recordings import Recordings

Split = Literal["train", "validation", "test"]
FOLDER_ENV = "HWGEN_DATA"
_FILES = {
    ("train", "images"): "train-images-idx3-ubyte.gz",
    ("train", "labels"): "train-labels-idx1-ubyte.gz",
    ("test", "images"): "t10k-images-idx3-ubyte.gz",
    ("test", "labels"): "t10k-labels-idx1-ubyte.gz",
}
# MD5 sums published by the authors; of the .gz files, so only downloads are checked against them.
_SOURCES = {
    "mnist": (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        {
            "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
            "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
            "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
        },
    ),
    "fashion-mnist": (
        "https://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        {
            "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
            "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
            "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
        },
    ),
}
_CALTECH = "caltech-face-motorbike"
_CALTECH_FILE = "caltech101_faces_motorbikes.npz"
_OWN_READERS = {"n-mnist": recordings.N_MNIST, "cifar10": cifar.FOLDER}
_TEST_FRACTION = {"digits": 0.2, _CALTECH: 0.5}  # of sets without a test set of their own
N_CLASSES = {
    "digits": 10,
    "mnist": 10,
    "fashion-mnist": 10,
    _CALTECH: 2,
    "n-mnist": 10,
    "cifar10": 10,
}
# What numpy and zipfile say of a file that is none, is cut off, or asks for too much.
_NOT_AN_NPZ = (
    OSError,
    ValueError,
    LookupError,
    EOFError,
    TypeError,
    AttributeError,
    NotImplementedError,
    RuntimeError,
    MemoryError,
    OverflowError,
    SyntaxError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    BadZipFile,
)
NAMES = ("digits", *_SOURCES, _CALTECH, *_OWN_READERS)


@dataclass(frozen=True)
class Dataset:
    """Grey images uint8 [n, height, width], values 0..x_max, and labels int64 [n].

    Of recordings of an event camera, `images` are events counted per pixel, up to `x_max`, to look
    at; `recordings` holds the events.
    """

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    x_max: int
    recordings: Recordings | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, n: int) -> "Dataset":
        """The first n samples."""
        return self.take(slice(n))

    def take(self, chosen: NDArray[np.integer] | slice) -> "Dataset":
        """The samples at these indices, in their order."""
        events = self.recordings.take(chosen) if self.recordings else None
        return replace(
            self, images=self.images[chosen], labels=self.labels[chosen], recordings=events
        )


def load(
    name: str,
    split: Split,
    *,
    seed: int = 0,
    validation: float = 0.1,
    data_dir: Path | None = None,
) -> Dataset:
    """One part of a data set.

    MNIST and Fashion-MNIST keep their own test set; `validation` is the fraction of the training
    set, drawn by `seed`, that is held out to choose by. The others have no test set of their own: a
    fifth of digits, half of the faces and motorbikes of Caltech-101, drawn by the same `seed`,
    becomes it. Raises `DataError`.
    """
    events: Recordings | None = None
    if name in _TEST_FRACTION:
        images, labels = _digits() if name == "digits" else _caltech(data_dir)
        order = np.random.default_rng(seed).permutation(len(labels))
        n_test = int(len(labels) * _TEST_FRACTION[name])
        test, rest = order[:n_test], order[n_test:]
    elif name in _SOURCES:
        part: Literal["train", "test"] = "test" if split == "test" else "train"
        images, labels = _idx_pair(name, part, data_dir)
        test = np.arange(len(labels))
        rest = np.random.default_rng(seed).permutation(len(labels))
    elif name in _OWN_READERS:
        own = "test" if split == "test" else "train"
        folder = find_folder(name, _OWN_READERS[name], data_dir)
        if name == "cifar10":
            images, labels = cifar.load(folder, test=split == "test")
            test = np.arange(len(labels))
        else:
            events, labels = recordings.load(folder / own.title())
            images = events.pictures()
            test = recordings.dealt(labels)
        rest = np.random.default_rng(seed).permutation(len(labels))
    else:
        raise DataError(f"unknown data set {name!r}: known are {', '.join(NAMES)}")
    _check(name, images, labels)
    n_validation = round(len(rest) * validation)
    chosen = {"test": test, "validation": rest[:n_validation], "train": rest[n_validation:]}[split]
    return Dataset(name, images, labels, x_max(name), events).take(chosen)


def _check(name: str, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
    if not images.size:
        raise DataError(f"{name}: {'x'.join(map(str, images.shape))} images: there is nothing")
    least, greatest, n_classes = int(labels.min()), int(labels.max()), N_CLASSES[name]
    if least < 0 or greatest >= n_classes:
        wrong = least if least < 0 else greatest
        raise DataError(
            f"{name}: a label is {wrong}, expected 0..{n_classes - 1}; fetch the labels again"
        )


def x_max(name: str) -> int:
    """Brightest grey value of a data set."""
    return 16 if name == "digits" else 255


def _digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    from sklearn.datasets import load_digits  # takes a second to import: only when asked for

    bunch = load_digits()
    return bunch.images.astype(np.uint8), bunch.target.astype(np.int64)


def _caltech(data_dir: Path | None) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Classes Faces_easy (0) and Motorbikes (1), in grey, resized: x uint8 [n, 64, 100], y [n]."""
    path = find_file(_CALTECH, _CALTECH_FILE, data_dir)
    try:
        with path.open("rb") as stream, np.load(stream) as file:
            images, labels = file["x"], file["y"]
            if not isinstance(images, np.ndarray) or not isinstance(labels, np.ndarray):
                raise ValueError("x or y is no array")  # numpy gives the bytes of what is none
    except _NOT_AN_NPZ as error:
        raise DataError(f"{path}: not an npz file with x and y: {reason(error)}") from None
    if images.ndim != 3 or images.dtype != np.uint8 or labels.shape != images.shape[:1]:
        raise DataError(
            f"{path}: x is {images.dtype} {list(images.shape)} and y {list(labels.shape)}, "
            "expected uint8 [n, height, width] and [n]"
        )
    if labels.dtype.kind not in "iu":
        raise DataError(f"{path}: y is {labels.dtype}, expected integers")
    return images, labels.astype(np.int64)


def _idx_pair(
    name: str, part: Literal["train", "test"], data_dir: Path | None
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    paths = [find_file(name, _FILES[part, kind], data_dir) for kind in ("images", "labels")]
    images, labels = (_read_idx(path) for path in paths)
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
        raise DataError(
            f"{paths[0]}: {list(images.shape)} images do not go with {list(labels.shape)} labels "
            f"in {paths[1]}"
        )
    return images, labels.astype(np.int64)


def find_file(name: str, filename: str, data_dir: Path | None = None) -> Path:
    """Where a file of a data set is; downloads it to the user's cache if it is nowhere."""
    from platformdirs import user_cache_path

    cache = user_cache_path("hwgen") / "data"
    given = data_dir or (Path(os.environ[FOLDER_ENV]) if os.environ.get(FOLDER_ENV) else None)
    folders = [given / name, given] if given else []
    folders += [cache / name, Path("/usr/share/datasets") / name]
    looked = [folder / filename for folder in folders]
    for path in looked:
        if path.is_file():
            return path
    if name not in _SOURCES:
        places = ", ".join(str(path) for path in looked)
        raise DataError(
            f"{filename} not found: looked for {places}; it cannot be downloaded: make it from "
            "the pictures of Caltech-101 (x: uint8 [n, 64, 100] grey, y: 0 face, 1 motorbike), or "
            f"name its folder by --data-dir or {FOLDER_ENV}"
        )
    url, sums = _SOURCES[name]
    return _download(url + filename, sums[filename], cache / name / filename, looked)


def find_folder(name: str, folder: str, data_dir: Path | None = None) -> Path:
    """Where a data set that is a folder lies; none is downloaded."""
    from platformdirs import user_cache_path

    given = data_dir or (Path(os.environ[FOLDER_ENV]) if os.environ.get(FOLDER_ENV) else None)
    places = [given] if given else []
    places += [user_cache_path("hwgen") / "data", Path("/usr/share/datasets")]
    looked = [place / inside for place in places for inside in (folder, f"{name}/{folder}")]
    for path in looked:
        if path.is_dir():
            return path
    raise DataError(
        f"{name}: folder {folder} not found: looked for {', '.join(map(str, looked))}; fetch it "
        f"from its authors, or name the folder that holds it by --data-dir or {FOLDER_ENV}"
    )


def _download(url: str, md5: str, target: Path, looked: list[Path]) -> Path:
    import pooch

    try:
        pooch.retrieve(
            url,
            known_hash=f"md5:{md5}",
            path=target.parent,
            fname=target.name,
            progressbar=True,
        )
    except (OSError, ValueError) as error:  # requests' errors are OSErrors; ValueError: checksum
        places = ", ".join(str(path) for path in looked)
        reason = str(error).splitlines()[0][:120]
        raise DataError(
            f"{target.name} not found: looked for {places}; then could not download {url} "
            f"({reason}); put the file in one of these places, or name its folder by --data-dir "
            f"or {FOLDER_ENV}"
        ) from None
    return target


def _read_idx(path: Path) -> NDArray[np.uint8]:
    """An idx file of bytes, gzipped: magic 0x0000 08 <n_dims>, then big-endian sizes, then data."""
    try:
        with gzip.open(path) as file:
            content = file.read()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: not a whole gzip file: {reason(error)}; fetch it again") from None
    if content[:3] != b"\0\0\x08" or len(content) < 4 or len(content) < 4 + 4 * content[3]:
        raise DataError(f"{path}: header is {content[:4].hex()!r}, expected an idx file of bytes")
    n_dims = content[3]
    if n_dims not in (1, 3):
        raise DataError(f"{path}: {n_dims} dimensions, expected 3 of images or 1 of labels")
    shape = np.frombuffer(content, ">u4", n_dims, 4).tolist()
    data = np.frombuffer(content, np.uint8, offset=4 + 4 * n_dims)
    if data.size != math.prod(shape):
        raise DataError(
            f"{path}: {data.size} bytes of data, expected {math.prod(shape)} for "
            f"{'x'.join(map(str, shape))}; fetch it again"
        )
    return data.reshape(shape)
