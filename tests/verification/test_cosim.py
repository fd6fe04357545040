"""Co-simulation: it agrees where it must, and a fault planted anywhere makes it fail."""

import dataclasses
import re
from types import SimpleNamespace

import pytest
from jobs import twice
from reporters import Heard
from samples import random_network, random_params, random_spike_times

from hwgen.errors import MismatchError, ToolError
from hwgen.golden import Golden
from hwgen.hdl.layers.pool import Pool
from hwgen.hdl.verilog import to_verilog
from hwgen.network.design import Design
from hwgen.network.layers.pool2d import PoolSpec
from hwgen.network.layers.shape import Shape
from hwgen.protocol.words import Register
from hwgen.verification import cosim
from hwgen.verification.mismatch import HANG, UNKNOWN

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
    heard = Heard()
    result = cosim.run(
        twice(net, inputs, LANES, tmp_path, stall=0.4, seed=1),
        simulator,
        reporter=heard,
    )
    result.check()
    assert result.n_mismatches == 0
    # every potential, and every neuron's spike or silence, at least once a sample
    assert result.n_compared > 2 * len(inputs) * (9 + 4)
    assert len(result.decisions) == len(result.latency_cycles) == len(inputs)
    assert {total for _, total in heard.advances} == {2 * len(inputs)}


@pytest.mark.parametrize(
    ("shape", "lanes", "bits", "psp", "tau_steps"),
    [
        ("7x6-5C3-P2-7-4", (2, 1, 3, 4), 4, "step", 0),
        ("7x6-5C3-P2-7-4", (5, 1, 7, 1), 1, "ramp", 0),
        ("7x6-5C3s2p1-P2-7-4", (1, 1, 1, 3), 4, "triangle", 2),
        ("7x9-2C3s2p1-4C2-4", (1, 3, 4), 1, "ramp/triangle/step", 1),
        ("8x8-P2-3C2p1-P3-4", (1, 2, 1, 4), 3, "triangle/ramp", 9),
        ("6x5-3C5p4-P2-4", (2, 1, 2), 8, "step/ramp", 0),
        ("4x4-6C4-4", (4, 4), 2, "triangle/step", 3),  # a picture becomes a vector
        ("8x8-3C3s2-4", (2, 4), 3, "triangle/step", 2),  # a last row and column nobody sees
    ],
)
def test_pictures(tmp_path, shape, lanes, bits, psp, tau_steps):
    net = random_network(3, shape, psp=psp, tau_steps=tau_steps, weight_bits=bits)
    inputs = random_spike_times(7, 6, net)
    for times in Golden(net).run(inputs).spike_times:
        assert 0.02 < (times < net.spec.n_steps).mean() < 0.98
    result = cosim.run(twice(net, inputs, lanes, tmp_path, stall=0.3, seed=2))
    result.check()
    n_potentials = sum(layer.n_post for layer in net.spec.weighted)
    n_neurons = sum(layer.n_post for layer in net.spec.layers)
    assert result.n_compared > len(inputs) * (n_potentials + n_neurons)


@pytest.fixture(scope="module")
def pictures():
    return random_network(5, "7x6-5C3-P2-7-4", weight_bits=4)


PICTURE_LANES = (2, 1, 3, 4)


def conv_weight(net, monkeypatch):
    weights = net.weights[0].copy()
    weights[2, 0, 0, 3] ^= 1
    return dataclasses.replace(net, weights=(weights, *net.weights[1:]))


def conv_threshold(net, monkeypatch):
    """By one, of the first filter for which these inputs show it."""
    inputs = random_spike_times(7, 6, net)
    times = Golden(net).run(inputs).spike_times[0]
    for number in range(5):
        thresholds = net.thresholds[0].copy()
        thresholds[number] += 1
        other = dataclasses.replace(net, thresholds=(thresholds, *net.thresholds[1:]))
        if (Golden(other).run(inputs).spike_times[0] != times).any():
            return other
    raise AssertionError("no threshold matters here: choose other inputs")


class WiderWindows(PoolSpec):
    """As many windows as before, but each a row and a column larger."""

    @property
    def post(self):
        return Shape(self.height // (self.size - 1), self.width // (self.size - 1), self.channels)


class WrongPool(Pool):
    def __init__(self, layer, *, each_step):
        wider = WiderWindows(**dataclasses.asdict(layer) | {"size": layer.size + 1})
        super().__init__(wider, each_step=each_step)


def pool_windows(net, monkeypatch):
    monkeypatch.setattr("hwgen.hdl.layers.kinds.Pool", WrongPool)
    return net


def no_count_of_additions(net, monkeypatch):
    elsewhere = {register.name: register.value for register in Register} | {"SYNAPTIC_OPS": 15}
    monkeypatch.setattr("hwgen.hdl.io.registers.Register", SimpleNamespace(**elsewhere))
    return net


@pytest.mark.parametrize(
    ("plant", "what", "layer"),
    [
        (conv_weight, {"potentials", "spikes"}, 0),
        (conv_threshold, {"spikes"}, 0),
        (pool_windows, {"spikes"}, 1),
        (no_count_of_additions, {"registers"}, -1),
    ],
)
def test_planted_fault_in_pictures_is_found(pictures, tmp_path, monkeypatch, plant, what, layer):
    wrong = plant(pictures, monkeypatch)
    text = to_verilog(Design(wrong, PICTURE_LANES)).replace(
        f"32'd{int(wrong.digest[:8], 16)}", f"32'd{int(pictures.digest[:8], 16)}"
    )
    inputs = random_spike_times(7, 6, pictures)
    result = cosim.run(twice(pictures, inputs, PICTURE_LANES, tmp_path, verilog=text, stall=0.2))
    assert result.mismatch is not None
    assert result.mismatch.what in what
    assert result.mismatch.layer == layer


def changed(net, **fields):
    return to_verilog(Design(dataclasses.replace(net, **fields), LANES))


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
            return to_verilog(Design(other, LANES))
    raise AssertionError("no threshold matters here: choose other inputs")


def fire_at_threshold(net):
    text = to_verilog(Design(net, LANES))
    assert text.count("$signed(") > 0
    lines = text.splitlines()
    compares = [n for n, line in enumerate(lines) if " > $signed(" in line]
    assert compares
    for n in compares:
        lines[n] = lines[n].replace(" > $signed(", " >= $signed(")
    return "\n".join(lines)


def other_params(net):
    text = to_verilog(Design(net, LANES))
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
    result = cosim.run(twice(net, inputs, LANES, tmp_path, verilog=plant(net), stall=0.2))
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
    result = cosim.run(twice(net, inputs, LANES, tmp_path, verilog=flip_weight(net)))
    assert result.mismatch is not None
    assert (result.mismatch.layer, result.mismatch.index) == (0, 7)


def test_a_dead_core_is_a_mismatch(net, inputs, tmp_path):
    text = to_verilog(Design(net, LANES))
    dead = text.replace("assign i__ready = ", "assign i__ready = 1'b0 & ", 1)
    assert dead != text
    result = cosim.run(twice(net, inputs[:2], LANES, tmp_path, verilog=dead))
    assert (result.mismatch.what, result.mismatch.sample) == (HANG, 0)


def test_an_unknown_signal_is_a_mismatch(net, inputs, tmp_path):
    text = to_verilog(Design(net, LANES))
    unknown, n = re.subn(r"o__valid <= (\S+ );", r"o__valid <= \1 ? 1'bx : 1'b0;", text)
    assert n > 1
    result = cosim.run(twice(net, inputs[:2], LANES, tmp_path, verilog=unknown))
    assert result.mismatch.what == UNKNOWN


def test_comparing_nothing_is_refused(net, inputs, tmp_path):
    with pytest.raises(ToolError, match=r"^cosim: no samples given"):
        cosim.run(twice(net, inputs[:0], LANES, tmp_path))


def test_broken_verilog_says_so(net, inputs, tmp_path):
    with pytest.raises(ToolError, match=r"^tb_core on icarus compared nothing: .*; log: .*$"):
        cosim.run(twice(net, inputs, LANES, tmp_path, verilog="module hwgen_core(;"))


def test_missing_simulator(net, inputs, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        ToolError, match=r"^iverilog not found on PATH; `apt-get install iverilog`$"
    ):
        cosim.run(twice(net, inputs, LANES, tmp_path))
