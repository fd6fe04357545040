"""Data of one's own: pictures in folders, arrays in a .npz, pairs of IDX files."""

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hwgen.data import images
from hwgen.data.arrays import as_bytes
from hwgen.data.idx import find_pairs, read_idx
from hwgen.errors import DataError
from hwgen.files import reason, visible
from hwgen.reading import regular

X_MAX = 255  # of all of them
PARTS = ("train", "test")


class Part(NamedTuple):
    """Images uint8 [n, height, width], or with 3 channels behind, 0..255; and one value an image,
    by which its class is known: a folder's name, or a number."""

    images: NDArray[np.uint8]
    values: NDArray[Any]


class Own(NamedTuple):
    """A whole data set: images as of `Part`, labels int64 [n] of the `classes`, which are sorted;
    who is in its own test part, bool [n], or None, if it has none; a digest of all of it."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    is_test: NDArray[np.bool_] | None
    classes: tuple[str, ...]
    digest: str


def is_path(name: str) -> bool:
    """Whether this names a place, and not a data set that hwgen knows."""
    return "/" in name or "\\" in name or name.endswith(".npz")


def load(path: Path, *, size: tuple[int, int] | None = None, colour: bool = False) -> Own:
    """What is at a place: a folder with a folder of pictures a class, or with such folders in
    `train` and `test`; a .npz with x and y, or x_train, y_train, x_test and y_test; a folder of IDX
    pairs, as torchvision's MNIST/raw, or the beginning of their names.

    size: height and width to which pictures are scaled; None: all have one size already. colour: of
    pictures, in red, green and blue; else they are grey. Raises `DataError`.
    """
    parts = {
        name: Part(_fitted(part.images, size, colour), part.values)
        for name, part in _parts(path, size, colour).items()
    }
    shapes = {part.images.shape[1:] for part in parts.values()}
    if len(shapes) != 1:
        found = " and ".join(sorted("x".join(map(str, shape)) for shape in shapes))
        raise DataError(f"{path}: its parts hold images of {found}, expected one size")
    joined = Part(*(np.concatenate(columns) for columns in zip(*parts.values(), strict=True)))
    if not len(joined.values):
        raise DataError(f"{path}: 0 images, expected at least 1")
    if "train" not in parts:
        raise DataError(f"{path}: has a test part, but none to train on")
    names, labels = _numbered(joined.values, path)
    is_test = None
    sums = hashlib.sha256(np.ascontiguousarray(joined.images).tobytes())
    sums.update(labels.astype("<i8").tobytes() + json.dumps(names).encode())
    if "test" in parts:
        is_test = np.concatenate([np.full(len(p.values), n == "test") for n, p in parts.items()])
        sums.update(is_test.tobytes())
    return Own(joined.images, labels, is_test, names, sums.hexdigest())


def _numbered(values: NDArray[Any], path: Path) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Names of classes, and the number of each value's. Names that are numbers are sorted so."""
    names = np.array([str(value) for value in values.tolist()])
    found = sorted(set(names.tolist()))
    if all(name.removeprefix("-").isdecimal() for name in found):
        found.sort(key=int)
    odd = [name for name in found if not name.isprintable() or not name.strip()]
    if odd:
        raise DataError(f"{path}: a class is called {odd[0]!r}, expected printable characters")
    if len(found) < 2:
        raise DataError(
            f"{path}: all images are of class {found[0]!r}, expected at least 2 classes"
        )
    place = {name: number for number, name in enumerate(found)}
    return tuple(found), np.array([place[name] for name in names.tolist()], np.int64)


def _fitted(
    given: NDArray[np.uint8], size: tuple[int, int] | None, colour: bool
) -> NDArray[np.uint8]:
    """Arrays as pictures are: scaled, and in grey unless colours are asked for."""
    grey = given.ndim == 4 and not colour
    if not len(given) or not (grey or (size and given.shape[1:3] != size)):
        return given
    fitted = []
    for array in given:
        picture = Image.fromarray(array)
        picture = picture.convert("L") if grey else picture
        fitted.append(images.scaled(picture, *(size or array.shape[:2])))
    return np.stack(fitted)


def _parts(path: Path, size: tuple[int, int] | None, colour: bool) -> Mapping[str, Part]:
    if path.suffix == ".npz":
        return _of_npz(path)
    pairs = find_pairs(path)
    if pairs:
        return {name: _of_pair(*pair) for name, pair in pairs.items()}
    if not path.is_dir():
        raise DataError(
            f"{path}: no such folder, seen from {Path.cwd()}; expected one with a folder of "
            "pictures a class, a .npz, or IDX files"
        )
    folders = {name: path / name for name in PARTS if (path / name).is_dir()}
    if "test" in folders and "train" not in folders:
        raise DataError(f"{path}: has a folder test, but none named train")
    where = folders or {"train": path}
    return {name: _of_pictures(folder, size, colour) for name, folder in where.items()}


def _of_pictures(folder: Path, size: tuple[int, int] | None, colour: bool) -> Part:
    """A class is a folder in `folder`."""
    classes = [inside for inside in visible(folder, "*") if inside.is_dir()]
    if len(classes) < 2:
        raise DataError(
            f"{folder}: {len(classes)} folders of pictures in it, expected one a class, at least 2 "
            "(folders named train and test are parts, not classes)"
        )
    found: list[NDArray[np.uint8]] = []
    values: list[str] = []
    for place in classes:
        try:
            paths = images.find([place])
        except DataError:
            raise DataError(
                f"{place}: no pictures in it, expected {' '.join(images.SUFFIXES)}; put some in, "
                "or take the folder away"
            ) from None
        for path in paths:
            picture = images.shown(path, in_colour=colour)
            height, width = size or (picture.height, picture.width)
            found.append(images.scaled(picture, height, width))
            if found[0].shape != found[-1].shape:
                first = "x".join(map(str, found[0].shape[:2]))
                raise DataError(
                    f"{path}: is {height}x{width}, but others are {first}; give a size to which "
                    "all are scaled"
                )
            values.append(place.name)
    return Part(np.stack(found), np.array(values))


def _of_npz(path: Path) -> Mapping[str, Part]:
    try:
        with np.load(regular(path), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except Exception as error:  # of zip files, headers, objects
        kind = "" if zipfile.is_zipfile(path) else ", as it is no zip file"
        raise DataError(
            f"{path}: cannot be read as a .npz of plain arrays{kind or f': {reason(error)}'}; "
            "write it by numpy.savez"
        ) from None
    names = {"train": ("x_train", "y_train"), "test": ("x_test", "y_test")}
    if {"x", "y"} <= arrays.keys():
        names = {"train": ("x", "y")}
    parts = {
        part: _part(path, *(arrays[name] for name in pair))
        for part, pair in names.items()
        if set(pair) <= arrays.keys()
    }
    if "train" not in parts:
        has = ", ".join(sorted(arrays)) or "nothing"
        raise DataError(f"{path}: holds {has}; expected x and y, or x_train, y_train, ...")
    return parts


def _of_pair(pictures: Path, labels: Path) -> Part:
    found = read_idx(pictures)
    if pictures.name.startswith("emnist"):  # its authors have exchanged rows and columns
        found = found.transpose(0, 2, 1)
    return _part(pictures, found, read_idx(labels))


def _part(path: Path, given: NDArray[Any], values: NDArray[Any]) -> Part:
    """Checked: shapes, numbers, range."""
    if given.ndim == 4 and given.shape[3] == 1:
        given = given[..., 0]
    if given.ndim not in (3, 4) or (given.ndim == 4 and given.shape[3] != 3):
        raise DataError(
            f"{path}: images are {list(given.shape)}, expected [n, height, width], or with 3 "
            "channels behind"
        )
    if values.shape != (len(given),):
        raise DataError(f"{path}: labels are {list(values.shape)}, expected [{len(given)}]")
    pixels = as_bytes(given, X_MAX, str(path))
    return Part(np.ascontiguousarray(pixels), _plain(values, path))


def _plain(values: NDArray[Any], path: Path) -> NDArray[Any]:
    """Labels: integers, reals that are such, or text."""
    if values.dtype.kind == "f" and np.isfinite(values).all() and (values == values.round()).all():
        values = values.astype(np.int64)
    if len(values) and values.dtype.kind not in "uiU":
        raise DataError(f"{path}: labels are {values.dtype}, expected integers or text")
    return values
