"""Files of MNIST's format, IDX."""

import gzip
import math
import re
import zlib
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hwgen.data.locate import find_files
from hwgen.errors import DataError
from hwgen.files import reason
from hwgen.reading import regular

_FILES = {
    ("train", "images"): "train-images-idx3-ubyte.gz",
    ("train", "labels"): "train-labels-idx1-ubyte.gz",
    ("test", "images"): "t10k-images-idx3-ubyte.gz",
    ("test", "labels"): "t10k-labels-idx1-ubyte.gz",
}
_TEST = re.compile(r"(?<![a-z0-9])(test|t10k)(?![a-z0-9])")  # a word of a file's name
_MAGIC = b"\0\0\x08"  # of an idx file of bytes


def load_pair(
    name: str, part: Literal["train", "test"], data_dir: Path | None
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images uint8 [n, height, width] and labels int64 [n] of the set `name`.

    Downloaded if they are nowhere (`find_files`). Raises `DataError`.
    """
    paths = find_files(name, [_FILES[part, kind] for kind in ("images", "labels")], data_dir)
    images, labels = (read_idx(path) for path in paths)
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
        raise DataError(
            f"{paths[0]}: {list(images.shape)} images do not go with {list(labels.shape)} labels "
            f"in {paths[1]}"
        )
    return images, labels.astype(np.int64)


def read_idx(path: Path) -> NDArray[np.uint8]:
    """An idx file of bytes, gzipped: magic 0x0000 08 <n_dims>, then big-endian sizes, then data.

    Returns uint8 [n] or [n, height, width]. Raises `DataError`.
    """
    try:
        content = regular(path).read_bytes()
        if content[:3] != _MAGIC:  # it may have been unpacked already
            content = gzip.decompress(content)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: not a whole gzip file: {reason(error)}; fetch it again") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {reason(error)}") from None
    if content[:3] != _MAGIC or len(content) < 4 or len(content) < 4 + 4 * content[3]:
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


def find_pairs(path: Path) -> dict[str, tuple[Path, Path]]:
    """Files of images and of labels that go together, by part, "train" and "test"; {} if none.

    path: a folder, of which `raw` and `MNIST/raw` are looked at, too, or the beginning of names, as
    .../emnist-letters. A file's name says its part by "test" or "t10k". Raises `DataError` if there
    are several of a part.
    """
    start, folders = "", [path, path / "raw", path / "MNIST" / "raw"]
    if not path.is_dir():
        start, folders = path.name, [path.parent]
    for folder in folders:
        found: dict[str, tuple[Path, Path]] = {}
        for pictures in sorted(folder.glob(f"{start}*images*idx3-ubyte*")):
            labels = pictures.with_name(
                pictures.name.replace("images", "labels").replace("idx3", "idx1")
            )
            if not labels.is_file():
                raise DataError(f"{pictures}: without {labels.name} beside it")
            part = "test" if _TEST.search(pictures.name) else "train"
            if part in found and found[part][0].name != f"{pictures.name}.gz":
                if f"{found[part][0].name}.gz" == pictures.name:
                    continue  # the same, packed
                raise DataError(
                    f"{folder}: {found[part][0].name} and {pictures.name}; name one set by the "
                    "beginning of its files' names"
                )
            found[part] = pictures, labels
        if found:
            return found
    return {}
