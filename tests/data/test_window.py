"""Recordings of one's own: what of them falls into the window of a network is said, or refused."""

import dataclasses

import numpy as np
import pytest
from commands import hwgen_command
from multi_spike_nets import multi_spike
from samples import random_network

from hwgen.data.window import Clock, load
from hwgen.errors import DataError
from hwgen.host import run
from hwgen.network import params_file
from hwgen.network.spec import InputSpec

# A window of 3 steps of 1000 us, of a camera of 4 x 5 pixels.
PARAMS = multi_spike(4, "4x5x2-6-3", n_steps=3, readout="potential", weight_bits=4)
TIMES = list(range(100, 4100, 100))  # 40 events, 29 of them before 3000 us


def recording(path, times, rows=None):
    words = [
        bytes([n % 5, n % 4 if rows is None else rows[n]]) + (n % 2 << 23 | t).to_bytes(3, "big")
        for n, t in enumerate(times)
    ]
    path.write_bytes(b"".join(words))
    return path


def batch(path, **clock):
    return run.of_files(PARAMS, [path], clock=Clock(**clock))


def test_what_is_inside_is_said(tmp_path):
    (found,) = batch(recording(tmp_path / "a.bin", TIMES)).coverage
    assert (found.n_inside, found.n_events, found.first_us, found.last_us) == (29, 40, 100, 4000)
    assert found.line.endswith(
        "a.bin: 29 of 40 events inside the window of 3000 us, t from 100 to 4000 us"
    )


@pytest.mark.parametrize(
    ("factor", "unit"), [(1, "us"), (1000, "ns"), (1 / 1000, "ms"), (1 / 1_000_000, "s")]
)
def test_units(tmp_path, factor, unit):
    """The same events, whatever unit they are told in."""
    in_us = [0] * 20 + [1_000_000] * 20 if unit == "s" else [t // 1000 * 1000 for t in TIMES]
    plain = batch(recording(tmp_path / "us.bin", in_us), unit="us").inputs
    told = batch(recording(tmp_path / "a.bin", [round(t * factor) for t in in_us]), unit=unit)
    assert np.array_equal(told.inputs, plain)
    assert plain.any()


def test_a_clock_that_does_not_begin_at_zero(tmp_path):
    plain = batch(recording(tmp_path / "a.bin", [t - 100 for t in TIMES])).inputs
    late = recording(tmp_path / "late.bin", [t + 1_000_000 for t in TIMES])
    assert np.array_equal(batch(late, start="first-event").inputs, plain)
    with pytest.raises(
        DataError, match=r"late.bin: 0 of 40 events .* 1000100 to 1004000 us: too "
    ) as e:
        batch(late)
    assert "try --start first-event" in str(e.value)
    assert "fetch" not in str(e.value)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([11], r"1 of 1 events inside the window of 3000 us, t from 11 to 11 us: too few"),
        (range(9), r"9 of 9 events .*: too few to classify; try another --time-unit"),
        ([1] * 10 + [5000] * 991, r"10 of 1001 events .*: too few"),
        (
            [n // 10 for n in range(40)],
            "all in the first of 3 steps; say --time",
        ),
    ],
)
def test_hardly_any_inside(tmp_path, times, message):
    with pytest.raises(DataError, match=message):
        batch(recording(tmp_path / "a.bin", times))


def test_a_burst_is_taken_if_the_unit_is_said(tmp_path):
    path = recording(tmp_path / "a.bin", range(40))
    assert batch(path, unit="us").inputs[0, 0].any()


def test_what_was_put_right_is_said(tmp_path):
    times = [*TIMES[:3], TIMES[4], TIMES[3], *TIMES[5:]]
    rows = [n % 4 for n in range(40)]
    rows[10] = 240
    (found,) = batch(recording(tmp_path / "a.bin", times, rows)).coverage
    assert (found.n_inside, found.n_events, found.last_us) == (10, 39, 4000 + 8192)
    assert found.line.endswith("row 240; 1 events earlier than the one in front, sorted")


@pytest.mark.parametrize(
    ("clock", "message"),
    [
        ({"start": "first"}, r"^--start is 'first', expected zero or first-event$"),
        ({"unit": "min"}, r"^--time-unit is 'min', expected s or ms or us or ns$"),
    ],
)
def test_what_is_no_clock(clock, message):
    with pytest.raises(DataError, match=message):
        Clock(**clock)


def test_a_unit_beyond_all_recordings(tmp_path):
    path = recording(tmp_path / "a.bin", [0] * 10 + [5000])
    with pytest.raises(
        DataError, match=r"up to 5000 s with --time-unit s, expected up to 4294\.97"
    ):
        batch(path, unit="s")


def test_options_of_the_other_kind_are_refused(tmp_path):
    with pytest.raises(DataError, match="takes images: --start and --time-unit are of recordings"):
        run.of_files(random_network(1, "4x6-5-3"), [tmp_path], clock=Clock(unit="ms"))
    with pytest.raises(DataError, match="takes recordings: --background is of images"):
        run.of_files(PARAMS, [tmp_path], background="black")


def test_a_network_of_one_polarity(tmp_path):
    path = recording(tmp_path / "a.bin", TIMES)
    given = InputSpec(height=4, width=5, x_max=255, encoding="events", channels=1, step_us=1000)
    with pytest.raises(DataError, match="the network takes 1 channel of events: recordings have 2"):
        load([path], dataclasses.replace(PARAMS.spec, input=given), Clock())


def test_the_command_says_it_before_it_refuses_the_port(tmp_path):
    params_file.save(PARAMS, tmp_path / "params.safetensors")
    path = recording(tmp_path / "a.bin", TIMES)
    done = hwgen_command(
        "run", ".", path, "--port", "/dev/nosuch", "--time-unit", "us", cwd=tmp_path
    )
    assert done.returncode == 2
    first, *_, last = done.stderr.splitlines()
    assert first == f"{path}: 29 of 40 events inside the window of 3000 us, t from 100 to 4000 us"
    assert "/dev/nosuch" in last
