"""Data sets: where they are looked for, how they are split, what is refused."""

import gzip
import re

import numpy as np
import pytest

from hwgen.data import datasets, locate
from hwgen.errors import DataError


def write_idx(path, array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes()))


@pytest.fixture
def mnist(tmp_path):
    """A tiny set in MNIST's files, in tmp_path/mnist."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    for part, n in (("train", 20), ("t10k", 6)):
        images = np.arange(n, dtype=np.uint8)[:, None, None] * np.ones((1, 28, 28), np.uint8)
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", images)
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", np.arange(n, dtype=np.uint8) % 10)
    return folder


def test_split_is_by_seed_and_never_touches_the_test_set(mnist):
    def images(split, seed=0):
        loaded = datasets.load("mnist", split, seed=seed, validation=0.25, data_dir=mnist.parent)
        assert (loaded.images[:, 0, 0] % 10).tolist() == loaded.labels.tolist()
        return loaded.images[:, 0, 0].tolist()

    assert images("test") == list(range(6))
    assert len(images("validation")) == 5
    assert sorted(images("train") + images("validation")) == list(range(20))
    assert images("train") == images("train")
    assert images("validation") != images("validation", seed=1)


def test_digits_split():
    parts = [datasets.load("digits", split, seed=3) for split in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [1294, 144, 359]
    assert {part.images.shape[1:] for part in parts} == {(8, 8)}
    together = np.concatenate([part.images.reshape(-1, 64) for part in parts])
    everything = datasets.load("digits", "test", seed=4).images.reshape(-1, 64)
    assert {row.tobytes() for row in everything} <= {row.tobytes() for row in together}


def test_missing_data_says_where_it_looked(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nobody answers there
    monkeypatch.delenv("HWGEN_DATA", raising=False)
    monkeypatch.setattr(locate, "_SYSTEM", tmp_path / "system")
    with pytest.raises(DataError) as caught:
        datasets.load("mnist", "test")
    message = str(caught.value)
    assert "\n" not in message
    name = "t10k-images-idx3-ubyte.gz"
    for place in ("system/mnist", "cache/hwgen/data/mnist"):
        assert str(tmp_path / place / name) in message
    assert "could not download" in message
    assert "--data-dir" in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no gzip", "not a whole gzip file: .*; fetch it again"),
        (
            gzip.compress(b"\0\0\x0d\x01", mtime=0),
            "header is '00000d01', expected an idx file of bytes",
        ),
        (
            gzip.compress(b"\0\0\x08\x01\0\0\0\x09abc", mtime=0),
            "3 bytes of data, expected 9 for 9; fetch it again",
        ),
    ],
)
def test_damaged_data(mnist, content, message):
    path = mnist / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: {message}$"):
        datasets.load("mnist", "test", data_dir=mnist.parent)


def test_what_is_not_damaged_is_not_to_be_fetched_again(mnist):
    """Files that are unpacked, that are a folder, that are another set's."""
    path = mnist / "t10k-labels-idx1-ubyte.gz"
    packed = path.read_bytes()
    path.write_bytes(gzip.decompress(packed))
    test = datasets.load("mnist", "test", data_dir=mnist.parent)
    plain = gzip.decompress(packed)
    path.write_bytes(gzip.compress(plain[:-1] + b"\x0c"))
    with pytest.raises(DataError, match=r"a label is 12, expected 0\.\.9: of another data set\?$"):
        datasets.load("mnist", "test", data_dir=mnist.parent)
    assert test.labels.tolist() == list(plain[8:])


def test_truncated_gzip(mnist):
    path = mnist / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match="not a whole gzip file"):
        datasets.load("mnist", "test", data_dir=mnist.parent)


def test_unknown_name():
    with pytest.raises(DataError, match=r"^unknown data set 'x': known are digits, mnist, .*$"):
        datasets.load("x", "test")


FACES = "caltech101_faces_motorbikes.npz"


def test_faces_and_motorbikes_have_half_for_testing(tmp_path):
    images = np.arange(20, dtype=np.uint8)[:, None, None] * np.ones((1, 64, 100), np.uint8)
    np.savez(tmp_path / FACES, x=images, y=np.arange(20, dtype=np.uint8) % 2)
    parts = [
        datasets.load("caltech-face-motorbike", split, seed=2, validation=0.2, data_dir=tmp_path)
        for split in ("train", "validation", "test")
    ]
    assert [len(part) for part in parts] == [8, 2, 10]
    seen = [int(image[0, 0]) for part in parts for image in part.images]
    assert sorted(seen) == list(range(20))
    for part in parts:
        assert (part.images[:, 5, 7] % 2).tolist() == part.labels.tolist()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros((2, 3, 4), np.uint8)}, "not an npz file with x and y: .*"),
        ({"x": np.zeros((2, 3, 4)), "y": np.zeros(2)}, r"x is float64 \[2, 3, 4\] and y .*"),
        ({"x": np.zeros((2, 3, 4), np.uint8), "y": np.zeros(3)}, r".* and y \[3\], expected .*"),
    ],
)
def test_damaged_faces(tmp_path, arrays, message):
    np.savez(tmp_path / FACES, **arrays)
    with pytest.raises(DataError, match=f"{FACES}: {message}$"):
        datasets.load("caltech-face-motorbike", "test", data_dir=tmp_path)


def test_truncated_faces(tmp_path):
    np.savez(tmp_path / FACES, x=np.zeros((2, 3, 4), np.uint8), y=np.zeros(2))
    (tmp_path / FACES).write_bytes((tmp_path / FACES).read_bytes()[:-50])
    with pytest.raises(DataError, match="not an npz file with x and y"):
        datasets.load("caltech-face-motorbike", "test", data_dir=tmp_path)


def test_missing_faces(tmp_path):
    with pytest.raises(DataError, match=r"not found: looked for .*; it cannot be downloaded: .*"):
        datasets.load("caltech-face-motorbike", "test", data_dir=tmp_path)


def test_colours_are_only_where_there_are_some():
    with pytest.raises(DataError, match=r"^digits: has no colours; those that have: cifar10$"):
        datasets.load("digits", "test", colour=True)
