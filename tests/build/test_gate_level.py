"""The design behind its pins against golden: equal as RTL; planted faults are found; other jobs and
builds are refused. Netlists and bitstreams: `test_synthesis`, `tests/hdl/test_spram.py`."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from jobs import inference, taught
from samples import learning_params, random_network, random_params, random_spike_times
from stand_ins import needs

from hwgen.boards import board
from hwgen.build.synthesis import SynthResult
from hwgen.build.utilisation import Usage
from hwgen.data.labelled import Samples
from hwgen.errors import MismatchError, ToolError
from hwgen.golden import Golden
from hwgen.hdl.top import uart_verilog
from hwgen.network.design import Design
from hwgen.network.params import Params
from hwgen.verification import cosim, gate_level, verify
from hwgen.verification.passes import Pass, stalled_then_fast

ICEBREAKER = board.load("icebreaker")
LANES = (7, 4)


@pytest.fixture(scope="module")
def params() -> Params:
    return random_params(5, (64, 48, 4), uniform=True)


@pytest.mark.cosim
def test_the_rtl_of_pictures_equals_golden(tmp_path: Path) -> None:
    needs("iverilog")
    pictures = random_network(
        3, "8x7-4C3p1-P2-6-4", psp="triangle/ramp/step", tau_steps=2, weight_bits=3
    )
    inputs = random_spike_times(5, 3, pictures)
    result = gate_level.run_rtl(inference(pictures, inputs, (2, 1, 3, 4), tmp_path))
    result.check()
    assert (result.n_samples, result.compared["decisions"]) == (3, 9)


@pytest.mark.cosim
@pytest.mark.parametrize(("early_exit", "divisor", "n_registers"), [(False, 5, 7), (True, 4, 4)])
def test_the_rtl_equals_golden(
    params: Params, tmp_path: Path, early_exit: bool, divisor: int, n_registers: int
) -> None:
    """Of four samples, the pass takes three. With early exit, counters of work are not defined."""
    needs("iverilog")
    inputs = random_spike_times(4, 4, params)
    trace = Golden(params).run(inputs[:3])
    options = Pass(n_samples=3, early_exit=early_exit)
    job = inference(params, inputs, LANES, tmp_path, passes=(options,), truths=trace.decisions)
    result = gate_level.run_rtl(job, divisor=divisor)
    result.check()
    assert (result.level, result.backend, result.lanes) == ("rtl", "icarus", LANES)
    assert (result.digest, result.options.early_exit) == (params.digest, early_exit)
    assert (result.n_samples, result.n_mismatches, result.mismatch) == (3, 0, None)
    assert result.compared == {
        "spikes": 0,
        "potentials": 0,
        "decisions": 3 * 3,
        "registers": n_registers,
        "frames dropped": 1,
    }
    assert result.decisions == tuple(trace.decisions)
    assert trace.undecided.tolist().count(True) == 1  # which is never correct
    assert (result.n_undecided, result.n_correct) == (1, 2)
    # Each of 48 neurons is a lane of 7's: 7 blocks a spike, and in each step a sweep over them.
    assert 7 * params.spec.n_steps / 2 < result.cycles_per_sample < 10_000
    told = result.to_json()
    assert (told["level"], told["simulator"], told["n_samples"]) == ("rtl", "icarus", 3)
    assert "cycles to decision" not in dict(result.rows())


@pytest.mark.cosim
def test_weights_that_wait_are_loaded(tmp_path: Path) -> None:
    needs("iverilog")
    params = random_params(3, (12, 9, 4), 4)
    job = inference(params, random_spike_times(4, 3, params), (4, 3), tmp_path)
    job = dataclasses.replace(job, design=job.design.all_loaded())
    gate_level.run_rtl(job).check()


@pytest.mark.parametrize("run", [cosim.run, verify.run])
def test_benches_of_the_core_refuse_weights_that_wait(tmp_path: Path, run) -> None:
    params = random_params(3, (12, 9, 4), 4)
    job = inference(params, random_spike_times(4, 3, params), (4, 3), tmp_path / "work")
    job = dataclasses.replace(job, design=job.design.all_loaded())
    with pytest.raises(ValueError, match=r"^\w+: layers \[0, 1\] wait for a host"):
        run(job)
    assert not (tmp_path / "work").exists()


def renamed(other: Params, params: Params) -> str:
    """A core of other params, which calls itself by the digest of these."""
    text = uart_verilog(Design(other, LANES), 4)
    for part in (slice(0, 8), slice(8, 16)):
        wrong, right = (f"32'd{int(one.digest[part], 16)}" for one in (other, params))
        assert wrong in text
        text = text.replace(wrong, right)
    return text


@pytest.mark.cosim
def test_a_wrong_weight_is_reported(params: Params, tmp_path: Path) -> None:
    needs("iverilog")
    wrong = dataclasses.replace(params, weights=(-params.weights[0], *params.weights[1:]))
    inputs = random_spike_times(3, 3, params)
    text = renamed(wrong, params)
    result = gate_level.run_rtl(inference(params, inputs, LANES, tmp_path, verilog=text))
    answers = []
    for trace in (Golden(one).run(inputs) for one in (params, wrong)):
        answers.append(np.stack([trace.decisions, trace.decision_steps], axis=1))
    differ = np.flatnonzero((answers[0] != answers[1]).any(axis=1))
    assert result.n_mismatches == len(differ[:1]) == 1
    assert result.mismatch is not None
    assert (result.mismatch.what, result.mismatch.sample) == ("decisions", differ[0])
    with pytest.raises(MismatchError, match=rf"^decisions differ: sample {differ[0]}, core, step"):
        result.check()


@pytest.mark.cosim
def test_another_core_is_reported(params: Params, tmp_path: Path) -> None:
    needs("iverilog")
    other = random_params(6, (64, 48, 4), uniform=True)
    text = uart_verilog(Design(other, LANES), 4)
    job = inference(
        params,
        random_spike_times(3, 2, params),
        LANES,
        tmp_path,
        verilog=text,
        truths=np.zeros(2, int),
    )
    result = gate_level.run_rtl(job)
    assert (result.n_compared, result.n_mismatches, result.decisions) == (1, 1, ())
    said = rf"^answers \(the core is that of params {other.digest[:16]}, expected "
    with pytest.raises(MismatchError, match=said):
        result.check()


def build_of(params: Params, folder: Path, **changes) -> SynthResult:
    none = Usage(0, 0)
    built = SynthResult(
        digest=params.digest, board="", part="", lanes=LANES, early_exit=False, divisor=4,
        bitstream=folder / "top.bin", netlist=folder / "top.json", log=folder, luts=none, ffs=none,
        brams=none, sprams=none, dsps=none, fmax_hz=0, clock_hz=0, seed=1, seconds=0.0,
    )  # fmt: skip
    return dataclasses.replace(built, **changes)


@pytest.mark.parametrize("run", [gate_level.run_netlist, gate_level.run_bitstream])
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"digest": "0123"}, "params '0123', expected '"),
        ({"lanes": (8, 4)}, r"lanes \(8, 4\), expected \(7, 4\)"),
        ({"loaded_layers": (0,)}, r"loaded layers \(0,\), expected \(\)"),
        ({"early_exit": True}, "early exit True, expected False"),
    ],
)
def test_a_build_of_another_design_is_refused(params, tmp_path, run, changes, said) -> None:
    job = inference(params, random_spike_times(3, 1, params), LANES, tmp_path)
    with pytest.raises(ToolError, match=rf"^.*/top\.bin: built with {said}.*; build it again$"):
        run(job, built=build_of(params, tmp_path, **changes), board=ICEBREAKER)


def test_a_planted_text_is_not_a_build(params: Params, tmp_path: Path) -> None:
    inputs = random_spike_times(3, 1, params)
    job = inference(params, inputs, LANES, tmp_path, verilog="module top; endmodule")
    with pytest.raises(ValueError, match="verilog given, but a build is compared as it is"):
        gate_level.run_netlist(job, built=build_of(params, tmp_path), board=ICEBREAKER)


@pytest.mark.parametrize("passes", [stalled_then_fast(0.0), (Pass(stall=0.1),)])
def test_what_the_line_does_not_do_is_refused(params: Params, tmp_path: Path, passes) -> None:
    job = inference(params, random_spike_times(4, 2, params), LANES, tmp_path, passes=passes)
    with pytest.raises(ValueError, match=r"^gatesim: expected one pass without stalls, got "):
        gate_level.run_rtl(job)


def test_labels_are_refused(tmp_path: Path) -> None:
    learns = learning_params("step", 1, "1x4-3-3")
    labels = np.zeros(2, int)
    inputs = random_spike_times(4, 2, learns)
    samples = Samples(dataset="", inputs=inputs, truths=labels, labels=labels)
    with pytest.raises(ValueError, match=r"^gatesim: labels given, but this bench trains no core"):
        gate_level.run_rtl(taught(learns, samples, (2, 3), tmp_path))


def test_no_samples_is_no_verdict(params: Params, tmp_path: Path) -> None:
    job = inference(params, random_spike_times(4, 0, params), LANES, tmp_path)
    with pytest.raises(ToolError, match=r"^gatesim: no samples given: nothing would be compared"):
        gate_level.run_rtl(job)


def test_fewer_decisions_than_samples_are_no_verdict(params, tmp_path, monkeypatch) -> None:
    told = {"n_compared": {"decisions": 6}, "n_mismatches": 0, "mismatch": None, "n_cycles": 1}
    told |= {"decisions": [0, 0], "undecided": [False] * 3}
    monkeypatch.setattr(gate_level, "run_bench", lambda *args, **how: {"passes": [told]})
    job = inference(params, random_spike_times(4, 3, params), LANES, tmp_path)
    with pytest.raises(ToolError, match=r"^the bench ended after 0 of 1 passes: not a verdict"):
        gate_level.run_rtl(job)
