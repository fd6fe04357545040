"""Co-simulation: it agrees where it must, and a fault planted anywhere makes it fail."""

import dataclasses

import pytest
from samples import random_params, random_spike_times

from hwgen import cosim
from hwgen.errors import MismatchError, ToolError
from hwgen.golden import Golden
from hwgen.hdl.verilog import to_verilog

pytestmark = pytest.mark.cosim
LANES = (4, 3)


@pytest.fixture(scope="module")
def net():
    return random_params(3, (12, 9, 4), 4)


@pytest.fixture(scope="module")
def inputs(net):
    return random_spike_times(4, 16, net)


@pytest.mark.parametrize("simulator", ["icarus", "verilator"])
def test_equal(net, inputs, tmp_path, simulator):
    calls = []
    result = cosim.run(
        net,
        inputs,
        lanes=LANES,
        build_dir=tmp_path,
        simulator=simulator,
        stall=0.4,
        seed=1,
        on_progress=lambda done, total: calls.append((done, total)),
    )
    result.check()
    assert result.n_mismatches == 0
    # every potential, and every neuron's spike or silence, at least once a sample
    assert result.n_compared > 2 * len(inputs) * (9 + 4)
    assert len(result.decisions) == len(result.latency_cycles) == len(inputs)
    assert calls[-1][1] == 2 * len(inputs)


def changed(net, **fields):
    return to_verilog(dataclasses.replace(net, **fields), LANES)


def flip_weight(net):
    weights = net.weights[0].copy()
    weights[5, 7] ^= 1
    return changed(net, weights=(weights, net.weights[1]))


def raise_threshold(net):
    """By one, of the first neuron for which these inputs show it."""
    inputs = random_spike_times(4, 16, net)
    times = Golden(net).run(inputs).spike_times[0]
    for neuron in range(9):
        thresholds = net.thresholds[0].copy()
        thresholds[neuron] += 1
        other = dataclasses.replace(net, thresholds=(thresholds, net.thresholds[1]))
        if (Golden(other).run(inputs).spike_times[0] != times).any():
            return to_verilog(other, LANES)
    raise AssertionError("no threshold matters here: choose other inputs")


def fire_at_threshold(net):
    text = to_verilog(net, LANES)
    assert text.count("$signed(") > 0
    lines = text.splitlines()
    compares = [n for n, line in enumerate(lines) if " > $signed(" in line]
    assert compares
    for n in compares:
        lines[n] = lines[n].replace(" > $signed(", " >= $signed(")
    return "\n".join(lines)


def other_params(net):
    text = to_verilog(net, LANES)
    word = f"32'd{int(net.digest[:8], 16)}"
    assert word in text
    return text.replace(word, "32'd1")


@pytest.mark.parametrize(
    ("plant", "what"),
    [
        (flip_weight, {"potentials", "spikes"}),
        (raise_threshold, {"spikes"}),
        (fire_at_threshold, {"spikes", "decisions"}),
        (other_params, {"registers"}),
    ],
)
def test_planted_fault_is_found(net, inputs, tmp_path, plant, what):
    result = cosim.run(net, inputs, lanes=LANES, build_dir=tmp_path, verilog=plant(net), stall=0.2)
    assert result.n_mismatches == 1
    assert result.mismatch is not None
    assert result.mismatch.what in what
    assert result.mismatch.expected != result.mismatch.got
    assert result.mismatch.waveform.endswith(".fst")
    with pytest.raises(
        MismatchError,
        match=r"^(spikes|potentials|decisions|registers) differ: sample -?\d+, (layer \d|core), "
        r"step -?\d+, index -?\d+: expected -?\d+, got -?\d+, cycle -?\d+, waveform .*\.fst$",
    ):
        result.check()


def test_mismatch_names_the_place(net, inputs, tmp_path):
    result = cosim.run(net, inputs, lanes=LANES, build_dir=tmp_path, verilog=flip_weight(net))
    assert result.mismatch is not None
    assert (result.mismatch.layer, result.mismatch.index) == (0, 7)


def test_a_dead_core_is_no_verdict(net, inputs, tmp_path):
    text = to_verilog(net, LANES)
    dead = text.replace("assign i__ready = ", "assign i__ready = 1'b0 & ", 1)
    assert dead != text
    with pytest.raises(ToolError, match=r"deadlock|compared nothing"):
        cosim.run(net, inputs[:2], lanes=LANES, build_dir=tmp_path, verilog=dead)


def test_comparing_nothing_is_refused(net, inputs, tmp_path):
    with pytest.raises(ToolError, match=r"^cosim: no samples given"):
        cosim.run(net, inputs[:0], lanes=LANES, build_dir=tmp_path)


def test_broken_verilog_says_so(net, inputs, tmp_path):
    with pytest.raises(ToolError, match=r"^tb_core on icarus compared nothing: .*; log: .*$"):
        cosim.run(net, inputs, lanes=LANES, build_dir=tmp_path, verilog="module hwgen_core(;")


def test_missing_simulator(net, inputs, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        ToolError, match=r"^iverilog not found on PATH; `apt-get install iverilog`$"
    ):
        cosim.run(net, inputs, lanes=LANES, build_dir=tmp_path)
