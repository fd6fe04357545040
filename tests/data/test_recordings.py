"""Recordings of event cameras and CIFAR-10: files, damage, and how they become spikes."""

import dataclasses

import numpy as np
import pytest
from samples import random_network

from hwgen.data import datasets, nmnist
from hwgen.data.encoding import events, latency, once, rate
from hwgen.data.for_network import data_of
from hwgen.data.inputs import encoded, input_spec
from hwgen.errors import DataError, RecipeError
from hwgen.evaluation.accuracy import evaluate
from hwgen.golden import Golden
from hwgen.network.spec import InputSpec, NetworkSpec
from hwgen.recipe import DataRecipe


def event(column, row, polarity, time_us):
    return bytes([column, row]) + (polarity << 23 | time_us).to_bytes(3, "big")


@pytest.fixture
def n_mnist(tmp_path):
    """Ten recordings to learn from, of the digits 0 and 7, and four to test, of 3 and 5."""
    for part, digit, names in (
        ("Train", 0, range(5)),
        ("Train", 7, range(5)),
        ("Test", 3, range(6, 9)),
        ("Test", 5, [9]),
    ):
        folder = tmp_path / "NMNIST" / part / str(digit)
        folder.mkdir(parents=True)
        for name in names:
            content = [event(name, digit, 1, 10), event(33, 33, 0, 2**23 - 1 - name)]
            (folder / f"{name:05d}.bin").write_bytes(b"".join(content))
    return tmp_path


def test_recordings_keep_their_labels(n_mnist):
    parts = {
        split: datasets.load("n-mnist", split, seed=2, validation=0.3, data_dir=n_mnist)
        for split in ("train", "validation", "test")
    }
    assert [len(part) for part in parts.values()] == [7, 3, 4]
    for part in parts.values():
        assert part.images.shape[1:] == (34, 34)
        for index, label in enumerate(part.labels.tolist()):
            own = part.recordings.take(slice(index, index + 1))
            rows = own.addresses // 2 // 34
            assert rows.tolist() == [label, 33]
            assert (own.addresses % 2).tolist() == [1, 0]
            assert part.images[index, label].sum() == part.images[index, 33, 33] == 1
    names = [part.images[:, :, :5].argmax() % 5 for part in parts.values()]
    assert len(names) == 3
    together = np.concatenate([parts[s].recordings.times_us for s in ("train", "validation")])
    assert sorted(together[1::2].tolist()) == sorted(2**23 - 1 - n for n in [*range(5)] * 2)


def test_the_first_recordings_to_test_are_of_all_classes(n_mnist):
    test = datasets.load("n-mnist", "test", data_dir=n_mnist)
    assert test.labels.tolist() == [3, 5, 3, 3]
    told_by = test.recordings.addresses[::2] // 2 % 34  # the column of the first event is the file
    assert told_by.tolist() == [6, 9, 7, 8]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"00000.bin: 0 bytes, expected events of 5"),
        (
            event(1, 2, 1, 3) + event(1, 2, 1, 4)[:-1],
            r"00000.bin: 9 bytes, expected events of 5, the file is cut off in the middle of event "
            "1; copy or record it again",
        ),
        (
            event(1, 2, 1, 3) + event(34, 2, 1, 3),
            r"is at column 34, row 2, expected 0..33, 0..33: of another camera, or not in",
        ),
        (
            event(1, 2, 1, 2**23 - 1) + event(1, 2, 1, 2),
            "its clock goes back from 8388607 to 2 at event 1: it ran over",
        ),
        (event(1, 240, 1, 3), "no event but 1 overflows of its clock"),
    ],
)
def test_damaged_recordings_are_one_line(n_mnist, content, message):
    (n_mnist / "NMNIST" / "Train" / "0" / "00000.bin").write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        datasets.load("n-mnist", "train", data_dir=n_mnist)
    assert "\n" not in str(caught.value)
    assert "fetch" not in str(caught.value)


def test_unsorted_events_and_overflows_are_put_right_and_said(n_mnist, caplog):
    """An overflow counts 8192 us, from its row on: as the authors' own reader does it."""
    content = [event(1, 2, 1, 5), event(3, 4, 0, 2), event(0, 240, 0, 9), event(5, 6, 1, 7)]
    (n_mnist / "NMNIST" / "Test" / "5" / "00009.bin").write_bytes(b"".join(content))
    test = datasets.load("n-mnist", "test", data_dir=n_mnist)
    own = test.recordings.take(slice(1, 2))  # the only one of class 5
    assert own.times_us.tolist() == [2, 5, 8192 + 7]
    assert own.addresses.tolist() == [(4 * 34 + 3) * 2, (2 * 34 + 1) * 2 + 1, (6 * 34 + 5) * 2 + 1]
    assert [record.getMessage().partition("00009.bin: ")[2] for record in caplog.records] == [
        "1 overflows of its clock, 8192 us each, in row 240",
        "1 events earlier than the one in front, sorted",
    ]


def test_a_row_of_a_large_camera_is_no_overflow(tmp_path):
    (tmp_path / "a.bin").write_bytes(event(1, 240, 1, 3))
    found = nmnist.read(tmp_path / "a.bin", 241, 2)
    assert found.addresses.tolist() == [(240 * 2 + 1) * 2 + 1]
    assert found.times.tolist() == [3]


def test_missing_recordings_are_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(DataError, match=r"^n-mnist: folder NMNIST not found: looked for .*$"):
        datasets.load("n-mnist", "test", data_dir=tmp_path)
    (tmp_path / "NMNIST" / "Test").mkdir(parents=True)
    with pytest.raises(DataError, match=r"Test: no recordings; expected "):
        datasets.load("n-mnist", "test", data_dir=tmp_path)


def test_events_against_a_plain_loop():
    rng = np.random.default_rng(3)
    spec = InputSpec(
        height=5, width=7, x_max=255, crop=1, encoding="events", channels=2, step_us=100
    )
    counts = [40, 0, 25]
    offsets = np.concatenate([[0], np.cumsum(counts)])
    addresses = rng.integers(0, 5 * 7 * 2, 65).astype(np.uint16)
    times = rng.integers(0, 500, 65).astype(np.uint32)  # four steps of five
    wanted = np.zeros((3, 4, 3 * 5 * 2), np.uint8)
    for index in range(3):
        for address, time in zip(  # Python integers: unsigned ones wrap
            addresses[offsets[index] : offsets[index + 1]].tolist(),
            times[offsets[index] : offsets[index + 1]].tolist(),
            strict=True,
        ):
            row, column, polarity = address // 14 - 1, address // 2 % 7 - 1, address % 2
            if 0 <= row < 3 and 0 <= column < 5 and time < 400:
                wanted[index, time // 100, (row * 5 + column) * 2 + polarity] = 1
    found = events(addresses, times, offsets, spec, 4)
    assert found.dtype == np.uint8
    assert np.array_equal(found, wanted)
    assert wanted.sum() > 20
    with pytest.raises(ValueError, match=r"addresses must be in 0\.\.69"):
        events(np.array([70]), np.array([0]), np.array([0, 1]), spec, 4)


def test_rate_fires_evenly():
    spec = InputSpec(height=1, width=256, x_max=255, encoding="rate")
    raster = rate(np.arange(256, dtype=np.uint8)[None, None], spec, 8)
    assert raster.shape == (1, 8, 256)
    assert raster.sum(axis=1)[0].tolist() == [x * 8 // 255 for x in range(256)]
    assert raster[0, :, 255].tolist() == [1] * 8
    assert raster[0, :, 128].tolist() == [0, 1] * 4
    assert once(np.array([[0, 2, 3]], np.uint8), 3).tolist() == [[[1, 0, 0], [0, 0, 0], [0, 1, 0]]]


def test_data_and_encoding_must_go_together(n_mnist):
    recorded = datasets.load("n-mnist", "test", data_dir=n_mnist).first(1)
    spec = input_spec(recorded, DataRecipe(name="n-mnist", encoding="events", step_us=1000))
    assert (spec.channels, spec.step_us, spec.n_inputs) == (2, 1000, 2312)
    network = NetworkSpec(n_steps=3, input=spec, layers=(), readout="potential")
    raster = encoded(recorded, network)
    assert raster.shape == (1, 3, 2312)
    assert np.argwhere(raster).tolist() == [[0, 0, (3 * 34 + 6) * 2 + 1]]
    with pytest.raises(RecipeError, match="'rate' does not go with n-mnist, which has events"):
        input_spec(recorded, DataRecipe(name="n-mnist", encoding="rate"))
    with pytest.raises(RecipeError, match="step_us is 0, expected at least 1"):
        input_spec(recorded, DataRecipe(name="n-mnist", encoding="events"))
    digits = datasets.load("digits", "test")
    with pytest.raises(RecipeError, match="'events' does not go with digits, which has images"):
        input_spec(digits, DataRecipe(name="digits", encoding="events", step_us=1))
    with pytest.raises(DataError, match="has images, but the network takes events"):
        encoded(digits, network)


@pytest.fixture
def cifar(tmp_path):
    """Four pictures uint8 [4, 3, 32, 32] of labels 0..3: the test set, and each fifth of the other.
    Their bytes lie in tmp_path."""
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (4, 3, 32, 32)).astype(np.uint8)
    content = b"".join(bytes([n]) + picture.tobytes() for n, picture in enumerate(pixels))
    for name in ("test_batch", *(f"data_batch_{i}" for i in range(1, 6))):
        (folder / f"{name}.bin").write_bytes(content)
    return pixels


def test_cifar_is_grey_or_in_colour(tmp_path, cifar):
    test = datasets.load("cifar10", "test", data_dir=tmp_path)
    assert test.labels.tolist() == [0, 1, 2, 3]
    wanted = cifar.transpose(0, 2, 3, 1).astype(float) @ [77, 150, 29] // 256
    assert np.array_equal(test.images, wanted)
    coloured = datasets.load("cifar10", "test", data_dir=tmp_path, colour=True)
    assert np.array_equal(coloured.images, cifar.transpose(0, 2, 3, 1))
    assert coloured.labels.tolist() == [0, 1, 2, 3]
    assert len(datasets.load("cifar10", "train", validation=0.2, data_dir=tmp_path)) == 16
    path = tmp_path / "cifar-10-batches-bin" / "data_batch_3.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"data_batch_3.bin: 12291 bytes, expected records of 3073"):
        datasets.load("cifar10", "train", data_dir=tmp_path)


def test_a_network_that_takes_colours_gets_them(tmp_path, cifar):
    params = random_network(2, "32x32x3-6C5s3-P2-10", psp="phased/ramp", weight_bits=4)
    params = dataclasses.replace(params, provenance={"data": {"name": "cifar10"}})
    tests = data_of(params, "test", data_dir=tmp_path)
    decisions = Golden(params).decide(latency(cifar.transpose(0, 2, 3, 1), params.spec.input, 6))
    result = evaluate(params, tests)
    assert result.n_correct == (decisions == np.arange(4)).sum()
    assert [row.index(1) for row in result.confusion[:4]] == decisions.tolist()
    grey = datasets.load("cifar10", "test", data_dir=tmp_path)
    with pytest.raises(DataError, match=r"^cifar10: images have 1 channels, but .* takes 3$"):
        evaluate(params, grey)
