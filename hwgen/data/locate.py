"""Where the files of data sets are."""

import os
from pathlib import Path

from hwgen.errors import DataError

FOLDER_ENV = "HWGEN_DATA"
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


def find_file(name: str, filename: str, data_dir: Path | None = None) -> Path:
    """Where a file of a data set is; downloads it to the user's cache if it is nowhere.

    data_dir: looked in first, then the folder that HWGEN_DATA names. Raises `DataError`.
    """
    from platformdirs import user_cache_path

    cache = user_cache_path("hwgen") / "data"
    given = data_dir or (Path(os.environ[FOLDER_ENV]) if os.environ.get(FOLDER_ENV) else None)
    folders = [given / name, given] if given else []
    folders += [cache / name, Path("/usr/share/datasets") / name]
    looked = [folder / filename for folder in folders]
    for path in looked:
        if path.is_file():
            return path
    if name not in SOURCES:
        places = ", ".join(str(path) for path in looked)
        raise DataError(
            f"{filename} not found: looked for {places}; it cannot be downloaded: make it from "
            "the pictures of Caltech-101 (x: uint8 [n, 64, 100] grey, y: 0 face, 1 motorbike), or "
            f"name its folder by --data-dir or {FOLDER_ENV}"
        )
    url, sums = SOURCES[name]
    return _download(url + filename, sums[filename], cache / name / filename, looked)


def find_folder(name: str, folder: str, data_dir: Path | None = None) -> Path:
    """Where a data set that is a folder lies; none is downloaded.

    folder: its name, as its authors have it. Raises `DataError`.
    """
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
