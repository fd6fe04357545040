"""`hwgen run`: what it takes, what it says, and that it notices a board that is wrong."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from direct_nets import direct
from multi_spike_nets import multi_spike
from PIL import Image
from samples import learning_params, random_params
from stand_ins import needs
from typer.testing import CliRunner

from hwgen.cli import app
from hwgen.data import datasets
from hwgen.data import images as data_images
from hwgen.data.encoding import latency
from hwgen.data.labelled import choose
from hwgen.errors import DataError
from hwgen.golden import Golden
from hwgen.golden.online import OnlineNetwork
from hwgen.host import simulated
from hwgen.network import params_file
from hwgen.network.params import Params
from hwgen.network.spec import InputSpec

SPEC = InputSpec(height=8, width=8, x_max=16)


def on_digits(params: Params, folder: Path) -> Params:
    provenance = {"data": {"name": "digits"}, "seed": 0}
    params = dataclasses.replace(
        params, spec=dataclasses.replace(params.spec, input=SPEC), provenance=provenance
    )
    params_file.save(params, folder / "params.safetensors")
    return params


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    needs("yosys")
    path = tmp_path_factory.mktemp("m")
    on_digits(random_params(1, (64, 9, 10), 1, n_steps=4), path)
    return path


@pytest.fixture(scope="module")
def params(folder: Path) -> Params:
    return params_file.load(folder / "params.safetensors")


def hwgen(*arguments: object):
    return CliRunner().invoke(app, ["run", *map(str, arguments)], catch_exceptions=True)


def said(*arguments: object) -> dict:
    result = hwgen(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_samples_of_the_test_set(folder: Path, params: Params) -> None:
    tests = datasets.load("digits", "test")
    expected = Golden(params).decide(latency(tests.images[:20], SPEC, 4))
    result = said(folder, "--simulate")
    assert result["decisions"] == result["expected"] == expected.tolist()
    assert result["n_correct"] == int((expected == tests.labels[:20]).sum())
    assert (result["n_different"], result["n_dropped"]) == (0, 0)
    assert result["samples"][19] == "digits 19"
    assert result["learnt"] is None


def test_a_table(folder: Path) -> None:
    result = hwgen(folder, "--simulate", "--samples", 3)
    assert result.exit_code == 0
    assert "digits 2" in result.stdout
    assert "equal to golden" in result.stdout


def test_image_files(folder: Path, params: Params, tmp_path: Path) -> None:
    images = datasets.load("digits", "test").images[:5]
    for n, image in enumerate(images):
        large = np.kron(image.astype(np.int64) * 255 // 16, np.ones((4, 4), int))
        Image.fromarray(large.astype(np.uint8)).save(tmp_path / f"{n}.png")
        Image.fromarray(255 - large.astype(np.uint8)).save(tmp_path / f"{n}-paper.pgm")
    expected = Golden(params).decide(latency(images, SPEC, 4)).tolist()
    named = [tmp_path / f"{n}.png" for n in range(5)]
    assert said(folder, *named, "--simulate")["decisions"] == expected
    paper = [tmp_path / f"{n}-paper.pgm" for n in range(5)]
    assert said(folder, *paper, "--invert", "--simulate")["decisions"] == expected
    all_of = said(folder, tmp_path, "--simulate")
    assert all_of["samples"][:3] == ["0-paper.pgm", "0.png", "1-paper.pgm"]
    assert all_of["decisions"][1::2] == expected
    assert all_of["n_correct"] is None


def test_grey_values_go_to_the_whole_range(tmp_path: Path) -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(values).save(tmp_path / "a.png")
    spec = InputSpec(height=16, width=16, x_max=255)
    assert np.array_equal(data_images.load([tmp_path / "a.png"], spec)[0], values)
    coarse = data_images.load([tmp_path / "a.png"], InputSpec(height=16, width=16, x_max=16))[0]
    assert (coarse.min(), coarse.max(), coarse[8, 0]) == (0, 16, 8)
    dark = data_images.load([tmp_path / "a.png"], spec, invert=True)[0]
    assert np.array_equal(dark, 255 - values)


def test_recordings(tmp_path: Path) -> None:
    params = multi_spike(4, "4x5x2-6-3", n_steps=3, readout="potential", weight_bits=4)
    params_file.save(params, tmp_path / "params.safetensors")
    rng = np.random.default_rng(3)
    spikes = (rng.random((4, 3, 4, 5, 2)) < 0.4).astype(np.uint8)
    for n, sample in enumerate(spikes):
        words = [
            bytes([column, row]) + (polarity << 23 | step * 1000 + 999).to_bytes(3, "big")
            for step, row, column, polarity in np.argwhere(sample).tolist()
        ]
        (tmp_path / f"{n}.bin").write_bytes(b"".join(words))
    assert params.spec.input.step_us == 1000
    expected = Golden(params).decide(spikes.reshape(4, 3, 40)).tolist()
    assert len(set(expected)) > 1
    result = said(tmp_path, tmp_path, "--simulate")
    assert result["decisions"] == result["expected"] == expected
    assert result["samples"] == [f"{n}.bin" for n in range(4)]
    refused = hwgen(tmp_path, tmp_path, "--simulate", "--invert")
    assert "random takes recordings: --invert is of images" in str(refused.exception)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_values_of_images_in_colour(mode: str, tmp_path: Path) -> None:
    """A network of constant currents takes the values themselves, of as many channels."""
    colours = 1 if mode == "L" else 3
    net = multi_spike(6, f"4x5x{colours}-6-3", n_steps=4, weight_bits=4, reset="subtract")
    params = direct(net)
    params_file.save(params, tmp_path / "params.safetensors")
    values = np.random.default_rng(3).integers(0, 256, (5, 4, 5, colours)).astype(np.uint8)
    for n, image in enumerate(values):
        shown = Image.fromarray(image[..., 0] if mode == "L" else image)
        shown.convert(mode).save(tmp_path / f"{n}.png")
    planes = np.stack([values.reshape(5, -1) >> p & 1 for p in range(8)], axis=1)
    expected = Golden(params).decide(planes).tolist()
    assert len(set(expected)) > 1
    result = said(tmp_path, *sorted(tmp_path.glob("*.png")), "--simulate")
    assert result["decisions"] == result["expected"] == expected


def test_what_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no")
    with pytest.raises(DataError, match=r"a\.png: cannot be read as an image: "):
        data_images.load([tmp_path / "a.png"], SPEC)
    (tmp_path / "b").mkdir()
    with pytest.raises(DataError, match=r"b: no files in it to run; expected \.png"):
        data_images.find([tmp_path / "b"])


def test_a_recording(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "line.jsonl"
    first = said(folder, "--simulate", "--samples", 4, "--capture", path, "--seed", 7)
    again = said(folder, "--replay", path, "--samples", 4, "--seed", 7)
    assert again["decisions"] == first["decisions"]
    result = hwgen(folder, "--replay", path, "--samples", 5, "--seed", 7)
    assert "something else is written now" in str(result.exception)


def test_a_core_with_a_wrong_weight_is_noticed(folder: Path, params: Params, monkeypatch) -> None:
    """Of the right digest: as if a block RAM were at fault."""
    wrong = [weights.copy() for weights in params.weights]
    wrong[0][:32] *= -1
    other = dataclasses.replace(params, weights=tuple(wrong))
    digest = params.digest
    monkeypatch.setattr(Params, "digest", property(lambda self: digest))
    compile_board = simulated.compile_board
    monkeypatch.setattr(
        simulated,
        "compile_board",
        lambda design, **options: compile_board(
            dataclasses.replace(design, params=other), **options
        ),
    )
    result = hwgen(folder, "--simulate")
    assert "values from the board are not golden's, first: decision of sample" in str(
        result.exception
    )


def test_training_samples(tmp_path: Path) -> None:
    params = on_digits(learning_params("ramp", 8, "8x8-10", shadow_bits=12), tmp_path)
    samples = choose(params, 30, seed=5)
    online = OnlineNetwork(params)
    for times, label in zip(samples.inputs, samples.labels.tolist(), strict=True):
        online.train_sample(times, label)
    written = tmp_path / "learnt.safetensors"
    result = said(
        tmp_path, "--simulate", "--learn", "--samples", 30, "--seed", 5, "--output", written
    )
    learnt = params_file.load(written)
    assert np.array_equal(learnt.shadows[0], online.shadows(0))
    assert not np.array_equal(learnt.shadows[0], params.shadows[0])
    assert learnt.provenance["parent"] == params.digest
    assert result["learnt"] == learnt.digest


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "run: give one of --port, --simulate and --replay"),
        (["--simulate", "--port", "x"], "run: give one of --port, --simulate and --replay"),
        (["--port", "/dev/none"], "/dev/none: cannot be opened"),
        (["--replay", "none.jsonl"], "none.jsonl: no recording of a line"),
        (["nosuch.png", "--simulate"], "nosuch.png: cannot be read as an image"),
        (["a.png", "--learn", "--simulate"], "run: --learn takes labelled samples"),
        (["--output", "x", "--simulate"], "--output is 'x', but without --learn nothing is"),
        (["--learn", "--simulate"], "m: this core has no learning unit"),
        (["--simulate", "--board", "none"], "unknown board 'none'"),
    ],
)
def test_bad_input(folder: Path, arguments: list[str], message: str) -> None:
    result = hwgen(folder, *arguments)
    assert type(result.exception).__module__ == "hwgen.errors"
    assert message.removeprefix("m: ") in str(result.exception)
