"""The compiled core: it agrees where it must, and a fault planted anywhere is found."""

import dataclasses
import os
import re
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from amaranth.hdl import Const, Module, Signal
from cores import build
from jobs import twice
from reporters import Heard
from samples import random_network, random_params, random_spike_times
from stand_ins import needs

from hwgen.errors import ToolError
from hwgen.golden import Golden
from hwgen.hdl.layers.dense import Dense
from hwgen.hdl.memory.bank import StateBank
from hwgen.hdl.verilog import to_verilog
from hwgen.network.design import Design
from hwgen.package_data import package_data
from hwgen.protocol.words import Register
from hwgen.toolchain import cxxrtl
from hwgen.verification import compiled_core, cosim
from hwgen.verification.compare import NEVER, compare
from hwgen.verification.cxxrtl_session import Compiled

pytestmark = pytest.mark.synth
LANES = (4, 3)


@pytest.fixture(scope="module", autouse=True)
def tools():
    needs("yosys", "g++")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cxxrtl")


def compared(net, core, inputs, **options):
    """Comparison with golden, and the recording."""
    recording = core.run(inputs, **options)
    early_exit = options.get("early_exit", False)
    trace = Golden(net).run(inputs)
    return compare(net, inputs, trace, recording, early_exit=early_exit), recording


@pytest.fixture(scope="module")
def net():
    return random_params(3, (12, 9, 4), 4)


@pytest.fixture(scope="module")
def inputs(net):
    return random_spike_times(4, 40, net)


@pytest.fixture(scope="module")
def core(net, cache):
    return build(net, LANES, cache)


@pytest.mark.parametrize(
    "options",
    [{}, {"stall": 0.5, "seed": 3}, {"early_exit": True}, {"early_exit": True, "stall": 0.3}],
)
def test_equal(net, core, inputs, options):
    found, recording = compared(net, core, inputs, **options)
    assert found.mismatch is None
    assert found.n_mismatches == 0
    n = len(inputs)
    early_exit = "early_exit" in options
    assert found.n_compared == {
        "spikes": n * (9 + 4),
        "potentials": 0 if early_exit else n * (9 + 4),
        "decisions": n * 3,
        # Those that never change are read on the way, too, if there are stalls.
        "registers": (7 if early_exit else len(Register)) + (8 if "stall" in options else 0),
    }
    assert (recording.decided > recording.started).all()
    assert (np.diff(recording.decided.astype(int)) > 0).all()


@pytest.mark.cosim
def test_same_cycles_as_a_verilog_simulator(net, core, inputs, tmp_path):
    """But of the first sample, which may meet the core still clearing its memories."""
    result = cosim.run(twice(net, inputs, LANES, tmp_path, n_stalled=1))
    recording = core.run(inputs, early_exit=True)
    latency = recording.decided - recording.started
    assert latency[1:].tolist() == list(result.latency_cycles[1:])


def test_seed_decides_everything(core, inputs):
    first, again, other = (core.run(inputs, stall=0.5, seed=seed) for seed in (1, 1, 2))
    assert first.decided.tolist() == again.decided.tolist()
    assert first.decided.tolist() != other.decided.tolist()
    assert first.n_cycles > core.run(inputs).n_cycles


def test_a_lone_sample(net, core, inputs):
    """The fewest that make sense; also, nothing comes from the sample before."""
    for sample in range(3):
        found, _ = compared(net, core, inputs[sample : sample + 1])
        assert found.mismatch is None


@pytest.mark.parametrize(
    ("shape", "lanes", "bits", "psp", "tau_steps"),
    [
        ("7x6-5C3s2p1-P2-7-4", (2, 1, 3, 4), 4, "triangle/ramp/step", 2),
        ("8x8-P2-3C2p1-P3-4", (1, 2, 1, 4), 1, "ramp/step", 0),
        ("7x6-5C3-P2-7-4", (5, 1, 1, 3), 4, "phased/phased/ramp", 0),
        ("1x5-6-300", (6, 16), 2, "ramp/step", 0),  # labels of more than a byte
    ],
)
def test_pictures(cache, shape, lanes, bits, psp, tau_steps):
    net = random_network(3, shape, psp=psp, tau_steps=tau_steps, weight_bits=bits)
    inputs = random_spike_times(7, 30, net)
    core = build(net, lanes, cache)
    for options in ({}, {"stall": 0.4}, {"early_exit": True}):
        found, _ = compared(net, core, inputs, **options)
        assert found.mismatch is None
        assert found.n_compared["spikes"] == 30 * sum(layer.n_post for layer in net.spec.layers)


def test_own_expressions_mean_what_cxxrtl_s_do(cache):
    """`expressions.h` is only faster. Words here are wide, and their lanes straddle chunks."""
    net = random_network(3, "4x4-9C3-4", psp="ramp", weight_bits=5)
    inputs, lanes = random_spike_times(7, 20, net), (9, 4)
    plain = {"expressions.h": "#include <cxxrtl/cxxrtl.h>\n"}
    ours, theirs = (build(net, lanes, cache, bench=bench).run(inputs) for bench in (None, plain))
    for name in ("spike_times", "potentials", "step_cycles"):
        for a, b in zip(getattr(ours, name), getattr(theirs, name), strict=True):
            assert (a == b).all()
    for name in ("labels", "steps", "by_spike", "started", "decided", "registers"):
        assert (getattr(ours, name) == getattr(theirs, name)).all()
    assert (ours.n_cycles, ours.n_faults) == (theirs.n_cycles, 0)


def with_tensor(net, kind, layer, tensor):
    tensors = list(getattr(net, kind))
    tensors[layer] = tensor
    return dataclasses.replace(net, **{kind: tuple(tensors)})


def same(trace, other):
    pairs = zip(trace.spike_times + trace.potentials, other.spike_times + other.potentials)  # noqa: B905
    return all((a == b).all() for a, b in pairs)


@pytest.mark.parametrize("kind", ["weights", "thresholds"])
def test_no_bit_of_the_params_can_be_wrong(net, core, inputs, kind):
    """Each weight and each threshold, by one bit: found if it changes anything at all."""
    recording, right, n_found = core.run(inputs), Golden(net).run(inputs), 0
    for layer, tensor in enumerate(getattr(net, kind)):
        for place in np.ndindex(tensor.shape):
            other = tensor.copy()
            other[place] ^= 1
            if kind == "weights" and abs(other[place]) > 7:
                continue  # not a legal weight
            wrong = with_tensor(net, kind, layer, other)
            trace = Golden(wrong).run(inputs)
            mismatch = compare(net, inputs, trace, recording).mismatch
            assert (mismatch is None) == same(right, trace)
            if mismatch:
                n_found += 1
                assert (mismatch.layer, mismatch.index) == (layer, place[-1])
    assert n_found > {"weights": 100, "thresholds": 8}[kind]


def test_mismatch_names_the_place(net, core, inputs):
    """A spike, a potential, a decision of golden changed: what the mismatch says of each."""
    recording, trace = core.run(inputs), Golden(net).run(inputs)
    times = [x.copy() for x in trace.spike_times]
    sample, index = np.argwhere(times[1] == 2)[0].tolist()
    times[1][sample, index] = net.spec.n_steps  # golden says never, the core says 2
    found = compare(net, inputs, dataclasses.replace(trace, spike_times=tuple(times)), recording)
    assert found.n_mismatches >= 1
    assert dataclasses.asdict(found.mismatch) == {
        "what": "spikes",
        "sample": sample,
        "layer": 1,
        "step": 2,
        "index": index,
        "expected": NEVER,
        "got": 2,
        "cycle": int(recording.step_cycles[1][sample, 2]),
        "waveform": "",
        "pre": -1,
    }
    potentials = [x.copy() for x in trace.potentials]
    potentials[0][5, 3] += 1
    other = dataclasses.replace(trace, potentials=tuple(potentials))
    mismatch = compare(net, inputs, other, recording).mismatch
    assert (mismatch.what, mismatch.sample, mismatch.layer) == ("potentials", 5, 0)
    assert (mismatch.index, mismatch.expected - mismatch.got) == (3, 1)
    for name, what in (("decisions", "decisions"), ("decision_steps", "steps of decisions")):
        values = getattr(trace, name).copy()
        values[7] ^= 1
        mismatch = compare(
            net, inputs, dataclasses.replace(trace, **{name: values}), recording
        ).mismatch
        assert (mismatch.what, mismatch.sample) == (what, 7)
        assert mismatch.cycle == recording.decided[7]


class WrongBank(StateBank):
    """Writes something else than it is told to."""

    def write(self):
        raise NotImplementedError

    def elaborate(self, platform):
        m = Module()
        m.submodules.bank = bank = StateBank(n_blocks=self.n_blocks, width=self.width)
        enable, data = self.write()
        m.d.comb += [
            bank.read_en.eq(self.read_en),
            bank.read_block.eq(self.read_block),
            self.read_data.eq(bank.read_data),
            bank.write_en.eq(enable),
            bank.write_block.eq(self.write_block),
            bank.write_data.eq(data),
        ]
        return m


class Stale(WrongBank):
    """Loses what clears the state."""

    def write(self):
        return self.write_en & self.write_data.any(), self.write_data


class Forgetful(WrongBank):
    """Does not keep who has fired: the highest bit of each lane."""

    def write(self):
        lane = 1 + random_params(3, (12, 9, 4), 4).spec.layers[0].potential_bits
        fired = sum(1 << low + lane - 1 for low in range(0, self.width, lane))
        return self.write_en, self.write_data & ~Const(fired, self.width)


class Flickering(Dense):
    """Withdraws every other cycle what it offers; loses nothing."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        source, on = m.submodules.serializer.o, Signal()
        m.d.sync += on.eq(~on)
        m.d.comb += [self.o.valid.eq(source.valid & on), source.ready.eq(self.o.ready & on)]
        return m


def uncounted(register):
    """Registers without this one."""
    numbers = {other.name: other.value for other in Register} | {register: 15}
    return SimpleNamespace(**numbers)


@pytest.mark.parametrize(
    ("place", "fault", "what", "layer"),
    [
        ("hwgen.hdl.layers.dense.StateBank", Stale, "potentials|spikes", 0),
        ("hwgen.hdl.layers.dense.StateBank", Forgetful, r"spikes \(the neuron fired before\)", 0),
        ("hwgen.hdl.layers.kinds.Dense", Flickering, "tokens held back by the receiver", None),
        ("hwgen.hdl.io.registers.Register", uncounted("SYNAPTIC_OPS"), "registers", -1),
        ("hwgen.hdl.io.registers.Register", uncounted("CYCLES"), "registers", -1),
        ("hwgen.hdl.io.registers.Register", uncounted("DROPPED"), "registers", -1),
    ],
)
def test_planted_fault_is_found(net, inputs, cache, monkeypatch, place, fault, what, layer):
    monkeypatch.setattr(place, fault)
    core = build(net, LANES, cache)
    found, _ = compared(net, core, inputs, stall=0.5)
    assert found.n_mismatches > 0
    assert found.mismatch is not None
    assert re.fullmatch(what, found.mismatch.what)
    assert layer in (None, found.mismatch.layer)


def bench_with(name, old, new):
    text = (package_data("sim") / "cxxrtl" / name).read_text()
    assert text.count(old) == 1
    return {name: text.replace(old, new)}


def test_a_spike_lost_on_the_way_in_is_found(net, inputs, cache):
    lost = "if (times[i] == fires && !(sample_ == 2 && i == 5))"
    bench = bench_with("source.h", "if (times[i] == fires)", lost)
    found, _ = compared(net, build(net, LANES, cache, bench=bench), inputs)
    assert found.mismatch is not None
    assert found.mismatch.sample == 2


def test_a_step_too_many_is_found(net, inputs, cache):
    bench = bench_with(
        "source.h", "++step_ == job_.n_input_steps", "++step_ == job_.n_input_steps + 1"
    )
    found, _ = compared(net, build(net, LANES, cache, bench=bench), inputs)
    assert found.mismatch.what == "counts of END_OF_STEP"
    assert (found.mismatch.expected, found.mismatch.got) == (6, 7)


def test_a_dead_core_is_a_mismatch(net, inputs, cache):
    text = to_verilog(Design(net, LANES))
    dead = text.replace("assign i__ready = ", "assign i__ready = 1'b0 & ", 1)
    assert dead != text
    found, _ = compared(net, build(net, LANES, cache, dead), inputs)
    assert found.mismatch.what == "transfers (the core hangs)"
    assert found.mismatch.sample == 0


def test_memory_contents_take_a_short_cut():
    """Only blocks as Amaranth writes them, whole and in order, become files."""
    block = "  initial begin\n    m[0] = 32'd3506289662;\n    m[1] = 32'h0000000f;\n  end\n"
    assert cxxrtl.memories(f"a\n{block}b\n") == {
        "core.v": 'a\n  initial $readmemh("memory_0.hex", m);\nb\n',
        "memory_0.hex": f"{3506289662:x}\nf\n",
    }
    for other in (block.replace("m[1]", "m[2]"), block.replace("m[1]", "n[1]"), block[:-6]):
        assert cxxrtl.memories(other) == {"core.v": other}


def test_cache(net, core, cache, tmp_path):
    text, layers, heard = to_verilog(Design(net, LANES)), net.spec.layers, Heard()
    found = compiled_core.library(text, layers, cache=cache, reporter=heard)
    assert heard.phases == []  # `core` has built it
    assert [path.name for path in found.parent.iterdir()] == [cxxrtl.LIBRARY]
    # Left by builds that were killed, one just now: neither is taken for a core.
    (old, new) = tmp_path / "building-old", tmp_path / "building-new"
    for folder in (old, new):
        folder.mkdir()
        (folder / cxxrtl.LIBRARY).write_bytes(b"half")
    os.utime(old, (time.time() - 10 * cxxrtl._LEFT_S,) * 2)
    built, errors = [], []

    def make():
        try:
            built.append(compiled_core.library(text, layers, cache=tmp_path, reporter=heard))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=make) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert built[0] == built[1]
    assert built[0].parent.name == found.parent.name
    assert sorted(heard.phases) == sorted(2 * cxxrtl.PHASES)
    assert {path.name for path in tmp_path.iterdir()} == {found.parent.name, new.name}
    Compiled(built[0], net, LANES)


def test_what_the_cache_depends_on(net, cache, monkeypatch):
    """Verilog, bench, flags: any change is another core. Nothing is built here."""

    class BuiltError(Exception):
        pass

    def no_build(*args, **kwargs):
        raise BuiltError

    monkeypatch.setattr(cxxrtl.tempfile, "mkdtemp", no_build)
    text, layers = to_verilog(Design(net, LANES)), net.spec.layers
    for different in (
        {"verilog": text + "\n"},
        {"bench": bench_with("bench.cpp", "enough to give up", "more than enough")},
    ):
        with pytest.raises(BuiltError):
            compiled_core.library(**{"verilog": text, "layers": layers, "cache": cache} | different)
    monkeypatch.setattr(cxxrtl, "_FLAGS", (*cxxrtl._FLAGS, "-g"))
    with pytest.raises(BuiltError):
        compiled_core.library(text, layers, cache=cache)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("module hwgen_core(;", r"^\S*yosys failed with status 1: .*syntax error.*; see .*yosys"),
        ("module hwgen_core; endmodule", r"^g\+\+ failed with status 1: .*; see .*compiler\.log$"),
    ],
)
def test_broken_verilog_says_so(net, tmp_path, text, message):
    with pytest.raises(ToolError, match=message) as error:
        compiled_core.library(text, net.spec.layers, cache=tmp_path)
    log = str(error.value).rsplit("; see ")[-1]
    assert Path(log).read_text()


def test_missing_compiler(net, tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", "nosuch++ -v")
    with pytest.raises(ToolError, match=r"^nosuch\+\+ not found; `apt-get install g\+\+`, or name"):
        compiled_core.library(to_verilog(Design(net, LANES)), net.spec.layers, cache=tmp_path)


def test_damaged_library(net, tmp_path):
    path = tmp_path / "core.so"
    path.write_bytes(b"half a library")
    with pytest.raises(ToolError, match=r"core\.so: not a compiled core \(.*\); remove "):
        Compiled(path, net, LANES)
