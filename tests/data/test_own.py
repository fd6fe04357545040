"""Data of one's own: pictures, arrays, IDX pairs; how they are split, and who takes them."""

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from samples import random_params

from hwgen.data import datasets, own
from hwgen.data.for_network import data_of, data_of_import, data_of_recipe, doubt
from hwgen.errors import DataError, RecipeError
from hwgen.network import params_file
from hwgen.recipe import DataRecipe, NetworkRecipe, Recipe, SstdpRecipe


def pictures(folder: Path, counts: dict[str, int], size=(5, 4), mode="L") -> Path:
    """Folders a class; each picture is of one value, that tells class and number."""
    for label, (name, n) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True)
        for number in range(n):
            shape = size if mode == "L" else (*size, 3)
            image = np.full(shape, 40 * label + number, np.uint8)
            Image.fromarray(image).save(folder / name / f"{number:02}.png")
    return folder


def idx(path: Path, array: np.ndarray, packed: bool = False) -> None:
    data = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    data += array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(data) if packed else data)


def test_a_folder_a_class(tmp_path) -> None:
    found = own.load(pictures(tmp_path / "p", {"cat": 3, "ant": 2, ".hidden": 1}))
    assert found.classes == ("ant", "cat")
    assert found.images.shape == (5, 5, 4)
    assert found.labels.tolist() == [0, 0, 1, 1, 1]
    assert found.images[:, 0, 0].tolist() == [40, 41, 0, 1, 2]
    assert found.is_test is None
    again = own.load(tmp_path / "p")
    assert again.digest == found.digest
    Image.new("L", (4, 5), 9).save(tmp_path / "p" / "cat" / "00.png")
    assert own.load(tmp_path / "p").digest != found.digest


def test_train_and_test_folders(tmp_path) -> None:
    pictures(tmp_path / "train", {"a": 2, "b": 2})
    pictures(tmp_path / "test", {"a": 1, "b": 1})
    found = own.load(tmp_path)
    assert found.labels.tolist() == [0, 0, 1, 1, 0, 1]
    assert found.is_test.tolist() == [False] * 4 + [True] * 2


def test_sizes_and_colour(tmp_path) -> None:
    pictures(tmp_path, {"a": 1, "b": 1}, size=(6, 8), mode="RGB")
    assert own.load(tmp_path).images.shape == (2, 6, 8)
    assert own.load(tmp_path, size=(3, 2), colour=True).images.shape == (2, 3, 2, 3)
    Image.new("L", (4, 4)).save(tmp_path / "b" / "x.png")
    with pytest.raises(DataError, match=r"x\.png: is 4x4, but others are 6x8; give a size to whi"):
        own.load(tmp_path)
    assert len(own.load(tmp_path, size=(4, 4)).images) == 3


@pytest.mark.parametrize("kind", ["bytes", "reals", "parts"])
def test_arrays(tmp_path, kind) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 256, (6, 3, 4)).astype(np.uint8), np.array([5, 7, 5, 5, 7, 7])
    given = {"x": x, "y": y}
    if kind == "reals":
        given["x"] = (x / 255)[..., None]
    if kind == "parts":
        given = {"x_train": x[:4], "y_train": y[:4], "x_test": x[4:], "y_test": y[4:]}
    np.savez(tmp_path / "d.npz", **given)
    found = own.load(tmp_path / "d.npz")
    assert (found.images == x).all()
    assert found.classes == ("5", "7")
    assert found.labels.tolist() == [0, 1, 0, 0, 1, 1]
    assert (found.is_test is None) == (kind != "parts")


def test_the_digest_is_of_parts_and_names_too(tmp_path) -> None:
    x, y = np.zeros((6, 3, 4), np.uint8), np.array([0, 1] * 3)
    x[:] = np.arange(6)[:, None, None]
    given = [
        {"x": x, "y": y},
        {"x_train": x[:4], "y_train": y[:4], "x_test": x[4:], "y_test": y[4:]},
        {"x_train": x[:2], "y_train": y[:2], "x_test": x[2:], "y_test": y[2:]},
        {"x": x, "y": y + 1},
    ]
    sums = set()
    for number, arrays in enumerate(given):
        np.savez(tmp_path / f"{number}.npz", **arrays)
        sums.add(own.load(tmp_path / f"{number}.npz").digest)
    assert len(sums) == 4


def test_numbers_are_sorted_as_numbers(tmp_path) -> None:
    found = own.load(pictures(tmp_path, {"10": 1, "9": 2, "2": 1}))
    assert found.classes == ("2", "9", "10")
    assert found.labels.tolist() == [2, 0, 1, 1]  # in the order of folders
    np.savez(tmp_path / "f.npz", x=np.zeros((2, 3, 3)), y=np.array([10.0, 9.0]))
    assert own.load(tmp_path / "f.npz").classes == ("9", "10")


def test_arrays_are_scaled_and_greyed_as_pictures_are(tmp_path) -> None:
    x = np.zeros((2, 4, 6, 3), np.uint8)
    x[0, :, :3, 0] = 200
    np.savez(tmp_path / "d.npz", x=x, y=[0, 1])
    assert own.load(tmp_path / "d.npz", colour=True).images.shape == (2, 4, 6, 3)
    found = own.load(tmp_path / "d.npz", size=(2, 2)).images
    assert found.tolist() == [[[60, 0], [60, 0]], [[0, 0], [0, 0]]]


def test_a_class_that_cannot_be_trained(tmp_path) -> None:
    pictures(tmp_path / "train", {"a": 4, "b": 4})
    pictures(tmp_path / "test", {"a": 1, "c": 1})
    with pytest.raises(DataError, match="no samples of class 'c' to train on; give more of it"):
        datasets.load(str(tmp_path), "train")
    (tmp_path / "train" / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: no pictures in it, expected .*; put some in, or"):
        own.load(tmp_path)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"a": [1]}, r"d\.npz: holds a; expected x and y, or x_train, y_train"),
        ({"x": np.zeros((2, 9)), "y": [0, 1]}, r"images are \[2, 9\], expected \[n, height, width"),
        ({"x": np.zeros((2, 3, 3, 2)), "y": [0, 1]}, r"images are \[2, 3, 3, 2\], expected"),
        ({"x": np.zeros((2, 3, 3)), "y": [0]}, r"labels are \[1\], expected \[2\]"),
        ({"x": np.full((2, 3, 3), 1.1), "y": [0, 1]}, "images hold 1.1 to 1.1, expected 0 to 1 of"),
        ({"x": np.full((2, 3, 3), 300), "y": [0, 1]}, "images hold 300 to 300, expected 0 to 255"),
        ({"x": np.zeros((2, 3, 3), bool), "y": [0, 1]}, "images are bool .*, expected integers 0"),
        ({"x": np.zeros((2, 3, 3), str), "y": [0, 1]}, "images are <U1 .*, expected integers 0"),
        ({"x": np.zeros((2, 0, 3)), "y": [0, 1]}, r"images are float64 \[2, 0, 3\], expected int"),
        ({"x": np.zeros((2, 3, 3)), "y": [0, 0.5]}, "labels are float64, expected integers or te"),
        ({"x": np.zeros((2, 3, 3)), "y": [False, True]}, "labels are bool, expected integers or t"),
        ({"x": np.zeros((2, 3, 3)), "y": [0, np.nan]}, "labels are float64, expected integers or"),
        ({"x": np.zeros((2, 3, 3)), "y": [1, 1]}, "all images are of class '1', expected at least"),
        (
            {"x": np.zeros((2, 3, 3)), "y": ["a", "b\n"]},
            r"a class is called 'b\\n', expect",
        ),
        ({"x": np.zeros((0, 3, 3)), "y": []}, "0 images, expected at least 1"),
    ],
)
def test_arrays_that_are_none(tmp_path, given, message) -> None:
    np.savez(tmp_path / "d.npz", **{name: np.array(value) for name, value in given.items()})
    with pytest.raises(DataError, match=message):
        own.load(tmp_path / "d.npz")


def test_what_is_no_data(tmp_path) -> None:
    (tmp_path / "t.npz").write_text("no")
    with pytest.raises(
        DataError,
        match=r"t\.npz: .* plain arrays, as it is no zip file; write",
    ):
        own.load(tmp_path / "t.npz")
    with pytest.raises(
        DataError, match=r"none: no such folder, seen from /.*; expected one with a"
    ):
        own.load(tmp_path / "none")
    with pytest.raises(DataError, match=r"0 folders of pictures in it, expected one a class, at l"):
        own.load(tmp_path)
    pictures(tmp_path / "test", {"a": 1, "b": 1})
    with pytest.raises(DataError, match="has a folder test, but none named train"):
        own.load(tmp_path)


@pytest.mark.parametrize("place", ["", "raw", "MNIST/raw"])
@pytest.mark.parametrize("packed", [False, True])
def test_idx_pairs(tmp_path, place, packed) -> None:
    folder = tmp_path / place
    folder.mkdir(parents=True, exist_ok=True)
    x, y = np.arange(40).reshape(5, 2, 4), np.array([3, 1, 1, 3, 1])
    end = ".gz" if packed else ""
    for part, chosen in (("train", slice(3)), ("t10k", slice(3, 5))):
        idx(folder / f"{part}-images-idx3-ubyte{end}", x[chosen], packed)
        idx(folder / f"{part}-labels-idx1-ubyte{end}", y[chosen], packed)
    found = own.load(tmp_path)
    assert found.images.sum() == x.sum()
    assert sorted(found.labels[found.is_test]) == [0, 1]
    assert found.classes == ("1", "3")
    (folder / f"t10k-labels-idx1-ubyte{end}").unlink()
    with pytest.raises(DataError, match=f"without t10k-labels-idx1-ubyte{end} beside it"):
        own.load(tmp_path)


def test_emnist_is_turned_and_named_by_its_beginning(tmp_path) -> None:
    x = np.arange(24).reshape(2, 3, 4)
    for name in ("emnist-letters", "emnist-digits"):
        idx(tmp_path / f"{name}-train-images-idx3-ubyte", x)
        idx(tmp_path / f"{name}-train-labels-idx1-ubyte", np.array([1, 2]))
    with pytest.raises(DataError, match="name one set by the beginning of its files' names"):
        own.load(tmp_path)
    found = own.load(tmp_path / "emnist-letters")
    assert (found.images == x.transpose(0, 2, 1)).all()
    assert found.classes == ("1", "2")


def test_splits_are_of_each_class_alike_and_apart(tmp_path) -> None:
    path = pictures(tmp_path / "p", {"a": 30, "b": 10})
    parts = {s: datasets.load(str(path), s, seed=3) for s in ("train", "validation", "test")}
    counts = {s: np.bincount(part.labels).tolist() for s, part in parts.items()}
    assert counts == {"test": [6, 2], "validation": [2, 1], "train": [22, 7]}
    values = [set(part.images[:, 0, 0].tolist()) for part in parts.values()]
    assert len(set.union(*values)) == 40
    assert parts["test"].classes == ("a", "b")
    other = datasets.load(str(path), "test", seed=4)
    assert set(other.images[:, 0, 0]) != set(parts["test"].images[:, 0, 0])
    assert parts["test"].split_seed == 3


def recipe(**data) -> Recipe:
    network = NetworkRecipe(n_steps=4, hidden="9", weight_bits=1)
    rule = SstdpRecipe(rule="sstdp")
    return Recipe(name="mine", data=DataRecipe(**data), network=network, training=rule)


def test_a_recipe_names_a_path_or_a_set(tmp_path, monkeypatch) -> None:
    path = pictures(tmp_path / "p", {"a": 9, "b": 9}, size=(6, 8))
    found = data_of_recipe(recipe(path=str(path), height=3, width=4), "train")
    assert found.images.shape[1:] == (3, 4)
    assert (found.n_classes, found.x_max) == (2, 255)
    monkeypatch.chdir(tmp_path)
    assert len(data_of_recipe(recipe(path="p"), "train")) == len(found)
    with pytest.raises(RecipeError, match="mine: data: name is '' and path '', expected one of"):
        data_of_recipe(recipe(), "train")
    with pytest.raises(RecipeError, match="name is 'digits' and path 'p', expected one of them"):
        data_of_recipe(recipe(name="digits", path="p"), "train")
    with pytest.raises(RecipeError, match="height is 3 and width 0, expected both or none"):
        data_of_recipe(recipe(path="p", height=3), "train")
    with pytest.raises(DataError, match=r"unknown data set 'p': .*; the folder here is \./p"):
        datasets.load("p", "test")


def on_pictures(provenance, x_max=255):
    net = random_params(1, (20, 9, 3), 1, n_steps=4)
    given = replace(net.spec.input, height=5, width=4, x_max=x_max)
    return replace(net, spec=replace(net.spec, input=given), provenance=provenance)


def test_own_data_for_a_model(tmp_path) -> None:
    """Of a set it was trained on its test part; of others all, by the names of its classes."""
    path = pictures(tmp_path / "p", {"a": 10, "b": 10, "c": 10}, size=(10, 8))
    whole = own.load(path, size=(5, 4))
    data = {"name": str(path), "classes": ["a", "b", "c"], "digest": whole.digest}
    params = on_pictures({"data": data, "seed": 2})
    params_file.save(params, tmp_path / "params.safetensors")
    params = params_file.load(tmp_path / "params.safetensors")  # as a file has it
    tests = data_of(params, "test")
    assert (len(tests), tests.split_seed) == (6, 2)
    trained_on = data_of(params, "train").images[:, 0, 0].tolist()
    assert not set(trained_on) & set(tests.images[:, 0, 0].tolist())
    others = pictures(tmp_path / "q", {"c": 4, "b": 2}, size=(7, 7))
    found = data_of(params, "test", name=str(others))
    assert "may have been trained on them" in doubt(params, found)
    assert sorted(found.labels.tolist()) == [1, 1, 2, 2, 2, 2]
    assert found.images[found.labels == 2][:, 0, 0].tolist() == [0, 1, 2, 3]
    pictures(tmp_path / "r", {"a": 1, "dog": 1})
    with pytest.raises(DataError, match="class 'dog' is none of random, which knows a, b, c; ren"):
        data_of(params, "test", name=str(tmp_path / "r"))


def test_numbers_are_the_classes_of_a_model_without_names(tmp_path) -> None:
    path = pictures(tmp_path / "p", {"2": 2, "0": 2})
    found = data_of(on_pictures({}, x_max=16), "test", name=str(path))
    assert found.labels.tolist() == [0, 0, 2, 2]
    assert found.x_max == 16
    assert found.images[:, 0, 0].tolist() == [round(v * 16 / 255) for v in (40, 41, 0, 1)]


def test_a_test_part_of_other_data_is_doubted_too(tmp_path) -> None:
    path = pictures(tmp_path / "p" / "train", {"0": 2, "2": 2}, size=(5, 4)).parent
    pictures(path / "test", {"0": 1, "2": 1}, size=(5, 4))
    found = data_of(on_pictures({}), "test", name=str(path))
    assert len(found) == 2
    assert "may have been trained on them" in doubt(on_pictures({}), found)


def test_numbers_of_classes_are_outputs_of_a_network_of_others(tmp_path) -> None:
    np.savez(tmp_path / "d.npz", x=np.zeros((30, 3, 4)), y=np.arange(30) % 3 + 3)
    found = data_of_import(str(tmp_path / "d.npz"), None)
    assert set(found.labels.tolist()) == {3, 4, 5}
    assert found.classes == ("0", "1", "2", "3", "4", "5")
    # Afterwards the model, which has written down what it was measured on, numbers them alike.
    net = random_params(1, (12, 9, 6), 1, n_steps=4)
    spec = replace(net.spec, input=replace(net.spec.input, height=3, width=4))
    known = {"name": found.name, "classes": list(found.classes), "digest": found.digest}
    again = data_of(replace(net, spec=spec, provenance={"data": known}), "test")
    assert again.labels.tolist() == found.labels.tolist()


def test_test_is_a_word_of_a_name(tmp_path) -> None:
    for name in ("latest", "contest"):
        (tmp_path / name).mkdir()
        idx(tmp_path / name / f"{name}-images-idx3-ubyte", np.zeros((2, 3, 4)))
        idx(tmp_path / name / f"{name}-labels-idx1-ubyte", np.array([1, 2]))
        assert own.load(tmp_path / name).is_test is None
