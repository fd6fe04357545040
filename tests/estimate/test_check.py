"""Predictions before synthesis: the least squares behind them, what they say, what they refuse."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from samples import random_network, random_params

from hwgen.boards import board
from hwgen.boards.board import Board
from hwgen.errors import BoardError, ResultsError
from hwgen.estimate import check, cycles, memories, regression, resources
from hwgen.estimate.design import for_board
from hwgen.estimate.regression import fitted
from hwgen.golden import Golden
from hwgen.model import folder as model_folder
from hwgen.model.folder import ModelFolder
from hwgen.network.design import Design
from hwgen.network.params_file import save

ICEBREAKER, ULX3S = board.load("icebreaker"), board.load("ulx3s_25f")
TANG = board.load("tang_nano_9k")


# The least squares.


def test_what_is_a_sum_is_found_again() -> None:
    rng = np.random.default_rng(0)
    features = rng.uniform(1, 10, (12, 3))
    factors = {"a": 1.0, "b": 2.5}
    groups = ["a", "b"] * 6
    values = [
        factors[g] * (20 + 3 * x[0] + 5 * x[1]) for g, x in zip(groups, features, strict=True)
    ]
    found = fitted([[1, *x] for x in features.tolist()], values, groups)
    assert found.typical_error < 1e-2
    assert found([1, 2, 3, 4], "b") == pytest.approx(2.5 * (20 + 6 + 15), rel=1e-2)
    assert found.factors["b"] / found.factors["a"] == pytest.approx(2.5, rel=1e-2)


def test_an_error_is_that_of_a_row_left_out() -> None:
    # Ten times as much as the others say: it must not have been fitted to itself.
    found = fitted([[1.0]] * 5, [100.0, 100, 100, 100, 1000], [""] * 5)
    assert found.errors[4] == pytest.approx(-0.9)
    assert found.worst_error == pytest.approx(np.abs(found.errors).max())
    assert found.typical_error > 0.2


def test_the_only_row_of_a_group_has_no_error() -> None:
    found = fitted([[1.0], [1.0], [1.0]], [2.0, 2.0, 6.0], ["a", "a", "b"])
    assert np.isnan(found.errors).tolist() == [False, False, True]
    assert found.factors["b"] / found.factors["a"] == pytest.approx(3)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"routed": [{"board": 3}], "cycles": [3]}'])
def test_a_damaged_table(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / regression.TABLE).write_text(text)
    monkeypatch.setattr(regression, "package_data", lambda _: tmp_path)
    for read in (resources.models.__wrapped__, cycles._calibrated.__wrapped__):
        with pytest.raises(ResultsError, match=r"^/.*resources\.json: cannot be read \(.*; reinst"):
            read()


# What they say of designs that were routed.


def test_predictions_are_as_good_as_they_say() -> None:
    tables, period = resources.models()
    assert tables.n_rows >= 20
    assert tables.typical_error < 0.15
    assert period.typical_error < 0.2
    assert set(tables.factors) == {"ice40", "ecp5", "gowin"}
    for name in board.names():
        assert resources.speed_of(board.load(name)) in period.factors


@pytest.mark.parametrize(
    ("target", "luts", "brams", "mhz"),
    # What nextpnr said of 64-48-4, random weights, lanes 8 and 4.
    [(ICEBREAKER, 1816, 7, 29.8), (ULX3S, 1724, 2, 96.2), (TANG, 2167, 2, 85.4)],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_network_that_was_routed(target: Board, luts: int, brams: int, mhz: float) -> None:
    predicted = resources.predict(
        for_board(random_params(5, (64, 48, 4), uniform=True), target, (8, 4)), target
    )
    assert predicted.brams == brams
    assert predicted.luts == pytest.approx(luts, rel=0.2)
    assert predicted.fmax_hz / 1e6 == pytest.approx(mhz, rel=0.25)


def test_more_lanes_take_more() -> None:
    params = random_network(0, "16x16-64-10", weight_bits=4)
    few, many = (
        resources.predict(for_board(params, ULX3S, lanes), ULX3S) for lanes in ((4, 10), (32, 10))
    )
    assert few.luts < many.luts


def test_a_board_of_ones_own_is_as_slow_as_the_slowest_known() -> None:
    own = dataclasses.replace(ULX3S, name="mine", part="LFE5U-25F-7BG381C")
    params = random_params(5, (64, 48, 4))
    slow, known = (
        resources.predict(for_board(params, target, (8, 4)), target) for target in (own, ULX3S)
    )
    assert slow.fmax_hz == known.fmax_hz


@pytest.fixture
def folder(tmp_path: Path) -> ModelFolder:
    params = random_params(5, (64, 48, 4), uniform=True)
    save(params, tmp_path / "params.safetensors")
    return ModelFolder(tmp_path)


def test_cycles_of_a_dense_network_are_counted() -> None:
    """64 events of 6 blocks, 6 steps of 6, a sweep of 6, spikes."""
    params = random_params(5, (64, 48, 4), uniform=True)
    inputs = np.zeros((1, 64), np.uint8)
    trace = Golden(params).run(inputs)
    busy = cycles._busy_layers(Design(params, (8, 4)), inputs, trace, early_exit=False)
    n_spikes = int((trace.spike_times[0] < 6).sum())
    assert busy[:, 0].tolist()[:2] == [64 + 6 + 1, 64 * 6 + 6 * 6 + 6 + n_spikes]


@pytest.mark.parametrize("name", ["mnist-up5k", "mnist-csnn-25f", "digits-learn"])
def test_cycles_of_models_that_were_simulated(name: str) -> None:
    there = model_folder.find(name)
    entries = json.loads((there.path / "results.json").read_text())
    (key,) = [key for key in entries if key.startswith("cosim ")]
    predicted = cycles.predict(there, Design(there.params(), entries[key]["lanes"]))
    assert predicted is not None
    assert predicted.cycles == pytest.approx(entries[key]["cycles_per_sample"], rel=0.3)
    assert 0.01 < predicted.error < 0.3


def test_without_vectors_cycles_are_unknown(folder: ModelFolder) -> None:
    result = check.run(folder, for_board(folder.params(), ICEBREAKER), ICEBREAKER)
    assert (result.cycles, result.core_s, result.line_s) == (None, None, None)
    assert result.to_json()["fits"] is True
    check.require(result, folder.params())


@pytest.mark.parametrize("name", model_folder.shipped())
def test_memory_blocks_are_those_of_models_that_were_routed(name: str) -> None:
    path = model_folder.find(name).path / "results.json"
    entries = json.loads(path.read_text()) if path.is_file() else {}
    for key, entry in entries.items():
        if key.startswith("synth "):
            target, params = (
                board.load(key.removeprefix("synth ")),
                model_folder.find(name).params(),
            )
            predicted = resources.predict(for_board(params, target, tuple(entry["lanes"])), target)
            assert (predicted.brams, predicted.sprams) == (entry["brams"], entry["sprams"])


# What is refused.


def test_what_does_not_fit_is_refused_with_what_would() -> None:
    folder = model_folder.find("mnist-csnn-25f")
    params = folder.params()
    result = check.run(folder, for_board(params, ICEBREAKER), ICEBREAKER)
    assert result.to_json()["fits"] is False
    with pytest.raises(BoardError) as caught:
        check.require(result, params)
    text = str(caught.value)
    assert text.startswith("icebreaker: 28x28-16C5-P2-32C5-P2-128-10 does not fit: ")
    assert f"{result.predicted.brams} of 30 block RAMs" in text
    assert "it fits " in text
    assert "ulx3s_25f" in text


def test_a_clock_too_fast_and_one_out_of_reach(folder: ModelFolder) -> None:
    params = folder.params()
    result = check.run(folder, for_board(params, ICEBREAKER), ICEBREAKER, clock_hz=96_000_000)
    with pytest.raises(
        BoardError, match=r"MHz for a clock of 96 MHz; it fits .*orangecrab"
    ) as caught:
        check.require(result, params, clock_hz=96_000_000)
    assert "upduino" not in str(caught.value)
    with pytest.raises(BoardError, match=r"cannot be made within 1 %"):
        check.run(folder, for_board(params, ICEBREAKER), ICEBREAKER, clock_hz=3_000_000)


def test_a_close_call_is_named(folder: ModelFolder) -> None:
    params = folder.params()
    result = check.run(folder, for_board(params, ICEBREAKER), ICEBREAKER)
    tight = dataclasses.replace(result, luts_capacity=round(result.predicted.luts * 1.01))
    assert (tight.problems(), tight.close_calls()) == ([], ["LUTs"])
    slow = dataclasses.replace(result, clock_hz=round(result.predicted.fmax_hz * 0.99))
    assert (slow.problems(), slow.close_calls()) == ([], ["the clock"])


def test_the_largest_board_takes_all_models_the_smallest_do_not() -> None:
    nets = [model_folder.find(name) for name in model_folder.shipped()]
    params = [net.params() for net in nets if net.params_path.is_file()]
    largest, smallest = board.load("ulx3s_85f"), board.load("upduino_v3")
    assert all(check.fits(net, largest) for net in params)
    assert 0 < sum(check.fits(net, smallest) for net in params) < len(params)
    assert not check.fits(random_params(0, (784, 2000, 10)), smallest)
    assert memories.LINK_BLOCKS == 1


# The commands.


def hwgen_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hwgen", *arguments], capture_output=True, text=True, check=False
    )


def test_check_prints_and_refuses() -> None:
    done = hwgen_command("check", "mnist-up5k", "--board", "icebreaker")
    assert (done.returncode, done.stderr) == (0, "")
    assert "BRAM" in done.stdout
    assert "30 of 30, counted" in done.stdout
    assert done.stdout.count("%)") == 3  # an error beside each prediction
    done = hwgen_command("check", "mnist-csnn-25f", "--board", "icebreaker", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["fits"] is False
    (line,) = done.stderr.splitlines()
    assert line.startswith("hwgen: error: icebreaker: 28x28-16C5-P2-32C5-P2-128-10 does not fit: ")


def test_boards_says_what_fits() -> None:
    done = hwgen_command("boards", "--json")
    assert done.returncode == 0
    entries = {entry["name"]: entry for entry in json.loads(done.stdout)}
    small = ["mnist-csnn-up5k", "mnist-up5k", "mnist-up5k-learn"]
    in_spram = {"fashion-binary", "mnist-binary", "nmnist-csnn"}
    assert set(entries["icebreaker"]["models"]) == in_spram | set(small)
    assert entries["ice40_hx8k_b_evn"]["models"] == [*small[:-1], "nmnist-csnn"]
    assert "mnist-binary" in entries["ulx3s_85f"]["models"]
    done = hwgen_command("boards")
    assert done.stdout.count("needs hardware") == len(board.names())
    assert "under 30 EUR" in done.stdout
