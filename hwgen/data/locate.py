"""Where the files of data sets are."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path

from hwgen.errors import DataError

_LOG = logging.getLogger(__name__)
FOLDER_ENV = "HWGEN_DATA"
_SYSTEM = Path("/usr/share/datasets")
_MAKE_CALTECH = (
    "make it from the pictures of Caltech-101 (x: uint8 [n, 64, 100] grey, y: 0 face, 1 motorbike)"
)
# MD5 sums published by the authors; of the .gz files, so only downloads are checked against them.
SOURCES = {
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


def find_files(name: str, filenames: Sequence[str], data_dir: Path | None = None) -> list[Path]:
    """Where the files of a data set are, all in one folder.

    data_dir: the only place looked in; if it is None, the folder that HWGEN_DATA names; if that is
    none, the user's cache and the system, and if they are nowhere, they are downloaded to the
    cache. Logs the folder (`log_copy`). Raises `DataError`.
    """
    given = named_folder(data_dir)
    folders = [given / name, given] if given else [_cache() / name, _SYSTEM / name]
    for folder in folders:
        if all((folder / filename).is_file() for filename in filenames):
            log_copy(name, folder)
            return [folder / filename for filename in filenames]
    looked = [folder / filename for filename in filenames for folder in folders]
    if given or name not in SOURCES:
        origin = "" if name in SOURCES else "it cannot be downloaded: " + _MAKE_CALTECH
        raise _not_found(", ".join(filenames), looked, given, origin)
    url, sums = SOURCES[name]
    target = folders[0]
    paths = [_download(url + f, sums[f], target / f, looked) for f in filenames]
    log_copy(name, target)
    return paths


def find_folder(name: str, folder: str, data_dir: Path | None = None) -> Path:
    """Where a data set that is a folder lies; none is downloaded.

    folder: its name, as its authors have it. data_dir: as of `find_files`. Raises `DataError`.
    """
    given = named_folder(data_dir)
    places = [given] if given else [_cache(), _SYSTEM]
    looked = [place / inside for place in places for inside in (folder, f"{name}/{folder}")]
    for path in looked:
        if path.is_dir():
            log_copy(name, path)
            return path
    raise _not_found(f"{name}: folder {folder}", looked, given, "fetch it from its authors")


def named_folder(data_dir: Path | None) -> Path | None:
    """The folder that a user named, by `data_dir` or HWGEN_DATA; None if there is none.

    Raises `DataError` if it is no folder: another copy than the one that was meant is no answer.
    """
    named = data_dir or (Path(os.environ[FOLDER_ENV]) if os.environ.get(FOLDER_ENV) else None)
    if named and not named.is_dir():
        raise DataError(
            f"{named}: no such folder of data sets; it is what --data-dir or {FOLDER_ENV} names"
        )
    return named


def log_copy(name: str, place: Path | str) -> None:
    """Log which copy of a data set is read; `copy` of the record is (name, place)."""
    _LOG.info("%s is read from %s", name, place, extra={"copy": (name, str(place))})


def _cache() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("hwgen") / "data"


def _not_found(what: str, looked: Sequence[Path], given: Path | None, origin: str) -> DataError:
    places = ", ".join(map(str, looked))
    cure = (
        f"no other place is tried while --data-dir or {FOLDER_ENV} names one"
        if given
        else f"or name the folder that holds it by --data-dir or {FOLDER_ENV}"
    )
    return DataError(
        "; ".join(filter(None, (f"{what} not found: looked for {places}", origin, cure)))
    )


def _download(url: str, md5: str, target: Path, looked: Sequence[Path]) -> Path:
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
