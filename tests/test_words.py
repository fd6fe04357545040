"""The small modules: encoding, tokens, packing, files, recipes, data sets."""

import gzip
import re
import subprocess
import sys

import numpy as np
import pytest

from hwgen import data, recipe
from hwgen.encode import latency
from hwgen.errors import DataError, RecipeError
from hwgen.events import Kind, Token, sample_tokens
from hwgen.files import write_atomic
from hwgen.pack import memory_image
from hwgen.protocol import Register, register_request, token_word
from hwgen.spec import InputSpec, dense


def test_latency_by_hand():
    spec = InputSpec(height=1, width=6, x_max=255)
    image = np.array([[[255, 254, 128, 127, 1, 0]]], np.uint8)
    # (255 - x) * 8 // 255 for each
    assert latency(image, spec, 8).tolist() == [[0, 0, 3, 4, 7, 8]]


def test_latency_crops_then_flattens_by_rows():
    spec = InputSpec(height=4, width=4, x_max=16, crop=1)
    image = np.arange(16, dtype=np.uint8).reshape(1, 4, 4)
    assert latency(image, spec, 16).tolist() == [[11, 10, 7, 6]]


@pytest.mark.parametrize(
    ("shape", "value", "message"),
    [
        ((1, 3, 4), 0, r"^images must be \[n, 4, 4\], not \[1, 3, 4\]$"),
        ((1, 4, 4), 17, "^grey values must be at most 16, not 17$"),
    ],
)
def test_latency_refuses(shape, value, message):
    with pytest.raises(ValueError, match=message):
        latency(np.full(shape, value, np.uint8), InputSpec(height=4, width=4, x_max=16), 4)


def test_tokens_of_a_sample():
    times = np.array([1, 3, 0, 1], np.uint8)
    step, sample = Token(Kind.END_OF_STEP), Token(Kind.END_OF_SAMPLE)
    first, second, third = (Token(Kind.SPIKE, index) for index in (2, 0, 3))
    assert list(sample_tokens(times, 3)) == [first, step, second, third, step, step, sample]


def test_tokens_can_be_shuffled_within_a_step_only():
    times = np.repeat([0, 1], 20).astype(np.uint8)
    shuffled = list(sample_tokens(times, 2, np.random.default_rng(1)))
    plain = list(sample_tokens(times, 2))
    assert shuffled != plain
    for part in (slice(0, 20), slice(20, 21), slice(21, 41), slice(41, None)):
        assert {(t.kind, t.index) for t in shuffled[part]} == {
            (t.kind, t.index) for t in plain[part]
        }


def test_words_on_the_wire():
    assert token_word(Token(Kind.SPIKE, 783)) == bytes([0x03, 0x0F])
    assert token_word(Token(Kind.END_OF_STEP)) == bytes([0x40, 0])
    assert token_word(Token(Kind.END_OF_SAMPLE)) == bytes([0x80, 0])
    assert register_request(Register.CYCLES) == bytes([0xC0, 7])


def test_memory_image_binary_by_hand():
    weights = np.array([[1, -1, -1], [-1, 1, 1]], np.int8)
    # two lanes: block 0 is neurons 0 and 1, block 1 is neuron 2 and padding; a set bit is -1
    assert memory_image(weights, dense(2, 3, 1), 2) == [0b10, 0b01, 0b1, 0b0]


def test_memory_image_signed_by_hand():
    weights = np.array([[1, -2, 3]], np.int8)
    assert memory_image(weights, dense(1, 3, 3), 3) == [0b011_110_001]


def test_write_atomic_leaves_the_old_file_if_it_fails(tmp_path):
    path = tmp_path / "sub" / "file"
    write_atomic(path, "old")
    with pytest.raises(TypeError):
        write_atomic(path, 3)  # type: ignore[arg-type]
    assert path.read_text() == "old"
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_write_atomic_killed_in_the_middle(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    script = (
        "import os, sys; from pathlib import Path; from hwgen import files\n"
        "os.fsync = lambda fd: os.kill(os.getpid(), 9)\n"
        f"files.write_atomic(Path({str(path)!r}), 'new')"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    assert path.read_text() == "old"


RECIPE = """
name = "x"
[data]
name = "digits"
[network]
n_steps = 8
hidden = "20"
weight_bits = 1
[training]
rule = "sstdp"
"""


def test_recipe_defaults(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE)
    assert recipe.load(path).network.hidden == "20"
    assert recipe.load(path).data.validation == 0.1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"digits"', '"digit"', "data: name must be one of 'digits', .*, not 'digit'"),
        ("n_steps = 8", "n_steps = 0", "network: n_steps must be an integer in 1..255, not 0"),
        ("n_steps = 8", "steps = 8", "network has an unknown field 'steps'; did you mean .*"),
        ('"20"', "20", "network: hidden must be a string, not 20"),
        ("weight_bits = 1", "", r"network lacks the field 'weight_bits' \(an integer in 1..8\)"),
        (
            '"sstdp"',
            '"bp"',
            "training must be a table with a rule, one of 'sstdp', 'stidi', not .*",
        ),
        ('"sstdp"', '"stidi"\ncausal = 1', "training has an unknown field 'causal'; known: .*"),
        ('name = "x"', 'name = "x"\nseed = true', "seed must be an integer in .*, not True"),
        ("[data]", "[data", "not valid TOML: .*"),
    ],
)
def test_recipe_refused(tmp_path, old, new, message):
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.replace(old, new, 1))
    with pytest.raises(RecipeError, match=f"^{re.escape(str(path))}:? {message}$"):
        recipe.load(path)


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
        loaded = data.load("mnist", split, seed=seed, validation=0.25, data_dir=mnist.parent)
        assert (loaded.images[:, 0, 0] % 10).tolist() == loaded.labels.tolist()
        return loaded.images[:, 0, 0].tolist()

    assert images("test") == list(range(6))
    assert len(images("validation")) == 5
    assert sorted(images("train") + images("validation")) == list(range(20))
    assert images("train") == images("train")
    assert images("validation") != images("validation", seed=1)


def test_digits_split():
    parts = [data.load("digits", split, seed=3) for split in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [1294, 144, 359]
    assert {part.images.shape[1:] for part in parts} == {(8, 8)}
    together = np.concatenate([part.images.reshape(-1, 64) for part in parts])
    everything = data.load("digits", "test", seed=4).images.reshape(-1, 64)
    assert {row.tobytes() for row in everything} <= {row.tobytes() for row in together}


def test_missing_data_says_where_it_looked(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nobody answers there
    with pytest.raises(DataError) as caught:
        data.load("mnist", "test", data_dir=tmp_path / "given")
    message = str(caught.value)
    assert "\n" not in message
    name = "t10k-images-idx3-ubyte.gz"
    for place in ("given/mnist", "given", "cache/hwgen/data/mnist"):
        assert str(tmp_path / place / name) in message
    assert f"/usr/share/datasets/mnist/{name}" in message
    assert "could not download" in message
    assert "--data-dir" in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no gzip", "not a whole gzip file: .*; fetch it again"),
        (gzip.compress(b"\0\0\x0d\x01"), "header is '00000d01', expected an idx file of bytes"),
        (
            gzip.compress(b"\0\0\x08\x01\0\0\0\x09abc"),
            "3 bytes of data, expected 9 for 9; fetch it again",
        ),
    ],
)
def test_damaged_data(mnist, content, message):
    path = mnist / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: {message}$"):
        data.load("mnist", "test", data_dir=mnist.parent)


def test_truncated_gzip(mnist):
    path = mnist / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match="not a whole gzip file"):
        data.load("mnist", "test", data_dir=mnist.parent)


def test_unknown_name():
    with pytest.raises(DataError, match=r"^unknown data set 'x': known are digits, mnist, .*$"):
        data.load("x", "test")
