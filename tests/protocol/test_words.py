"""The small modules: encoding, tokens, packing, files, recipes."""

import re
import subprocess
import sys

import numpy as np
import pytest
from text_files import RECIPE

from hwgen import recipe
from hwgen.data.encoding import latency
from hwgen.errors import RecipeError
from hwgen.files import write_atomic
from hwgen.network.layers.kinds import dense
from hwgen.network.spec import InputSpec
from hwgen.protocol.memory import memory_image
from hwgen.protocol.tokens import Kind, Token, sample_tokens
from hwgen.protocol.words import Register, register_request, token_word


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
    assert token_word(Token(Kind.SPIKE, 783)) == 0x030F
    assert token_word(Token(Kind.END_OF_STEP)) == 0x4000
    assert token_word(Token(Kind.END_OF_SAMPLE)) == 0x8000
    assert register_request(Register.CYCLES) == 0xC007


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
            "training must be a table with a rule, one of 'sstdp', 'stidi', 'phased', "
            "'tt-lbptt', 'on-chip', not .*",
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
