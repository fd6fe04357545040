"""Learning in a Verilog simulator: it agrees where it must, and a planted fault makes it fail."""

import json
from dataclasses import replace

import numpy as np
import pytest
from amaranth.hdl import Cat
from commands import model_folder, run_json
from cores import SHADOWS, EndsEarly, Flickers, wrong_core
from jobs import taught
from samples import learning_params, random_spike_times

from hwgen.data.labelled import Samples
from hwgen.errors import MismatchError, ToolError
from hwgen.hdl.io.gate import Gate
from hwgen.hdl.verilog import to_verilog
from hwgen.network.design import Design
from hwgen.network.learning import NO_LABEL
from hwgen.verification import cosim
from hwgen.verification.mismatch import HELD

pytestmark = pytest.mark.cosim
LANES = (2, 4)


@pytest.fixture(scope="module")
def net():
    return learning_params(
        "phased/ramp", 4, "1x9-7-4", shadow_bits=10, hidden_shift=2, output_shift=1
    )


def samples_of(net, n=12, seed=4):
    labels = np.random.default_rng(seed).integers(0, net.spec.n_classes, n)
    labels[5] = NO_LABEL
    inputs = random_spike_times(seed, n, net)
    return Samples(dataset="random", inputs=inputs, truths=labels, labels=labels)


@pytest.mark.parametrize(
    ("shape", "lanes", "psp", "bits", "how"),
    [
        ("1x9-7-4", LANES, "phased/ramp", 4, {"n_halvings": 2, "halve_log2": 1}),
        ("1x9-7-4", (7, 1), "step", 1, {"window": "box", "anticausal_shift": 1}),
        ("6x6-2C3-P2-5-4", (2, 1, 2, 4), "phased/phased/ramp", 3, {"layers": "last"}),
    ],
)
def test_equal(tmp_path, shape, lanes, psp, bits, how):
    net = learning_params(psp, bits, shape, shadow_bits=10, **how)
    result = cosim.run(taught(net, samples_of(net), lanes, tmp_path, stall=0.3))
    result.check()
    assert (result.n_mismatches, result.n_samples, result.learning.n_lessons) == (0, 12, 11)
    # After every sample of one pass, in the end of the other; two or three counts each time.
    n_layers = len(net.spec.learning_layers)
    expected = 13 * (result.learning.n_shadows + 2 * n_layers) + 2
    assert result.compared[SHADOWS] == expected
    figures = result.learning
    assert figures.n_updates > 5
    assert 0 < figures.update_cycles_mean <= figures.update_cycles_worst


def test_a_core_that_has_to_be_filled(net, tmp_path, monkeypatch):
    samples = samples_of(net)
    job = taught(net, samples, LANES, tmp_path, stall=0.3, filled=True)
    assert cosim.run(job).mismatch is None
    monkeypatch.setattr("hwgen.hdl.weights.fill.Cat", lambda others, last: Cat(others, last ^ 1))
    found = cosim.run(job).mismatch
    assert (found.what, found.sample, found.layer) == (SHADOWS, 0, 0)


def flipped(net, monkeypatch):
    shadows = net.shadows[0].copy()
    shadows[3, 5] ^= 1
    return to_verilog(Design(replace(net, shadows=(shadows, net.shadows[1])), LANES))


def margin(net, monkeypatch):
    return wrong_core(net, LANES, margin_steps=2)


def shift(net, monkeypatch):
    return wrong_core(net, LANES, hidden_shift=1)


def deaf(net, monkeypatch):
    """Does not know the last of the labels."""
    init = Gate.__init__
    monkeypatch.setattr(
        Gate,
        "__init__",
        lambda self, *, n_labels, **others: init(self, n_labels=n_labels - 1, **others),
    )
    return to_verilog(Design(net, LANES))


def threshold(net, monkeypatch):
    wrong = replace(net, thresholds=(net.thresholds[0] + 9, net.thresholds[1]))
    return to_verilog(Design(wrong, LANES))


def port(net, monkeypatch):
    monkeypatch.setattr("hwgen.hdl.learning.unit.Readback", EndsEarly)
    return to_verilog(Design(net, LANES))


@pytest.mark.parametrize(
    ("plant", "what"),
    [
        (flipped, SHADOWS),
        (margin, SHADOWS),
        (shift, SHADOWS),
        (deaf, SHADOWS),
        (port, SHADOWS),
        (threshold, "spikes|potentials"),
    ],
)
def test_planted_fault_is_found(net, tmp_path, monkeypatch, plant, what):
    text = plant(net, monkeypatch)
    result = cosim.run(taught(net, samples_of(net), LANES, tmp_path, verilog=text, stall=0.1))
    assert result.mismatch.what in what
    assert result.mismatch.waveform.endswith(".fst")
    if plant is flipped:
        assert (result.mismatch.sample, result.mismatch.layer) == (0, 0)
        assert (result.mismatch.pre, result.mismatch.index) == (3, 5)
    if plant is deaf:
        assert samples_of(net).labels[result.mismatch.sample] == 3
    with pytest.raises(MismatchError, match=f"^({what}) differ: sample "):
        result.check()


def test_a_word_withdrawn_is_a_mismatch(net, tmp_path, monkeypatch):
    monkeypatch.setattr("hwgen.hdl.learning.unit.Readback", Flickers)
    result = cosim.run(taught(net, samples_of(net), LANES, tmp_path, stall=0.4))
    assert (result.mismatch.what, result.mismatch.got) == (HELD, -1)


def test_half_a_run_is_no_verdict(net, tmp_path, monkeypatch):
    """The first pass is equal, the second never comes."""
    run_bench = cosim.run_bench

    def halved(*arguments, **options):
        return {"passes": run_bench(*arguments, **options)["passes"][:1]}

    monkeypatch.setattr(cosim, "run_bench", halved)
    with pytest.raises(ToolError, match="ended after 1 of 2 passes: not a verdict"):
        cosim.run(taught(net, samples_of(net), LANES, tmp_path))
    none = replace(samples_of(net), inputs=np.zeros((0, 9), np.uint8))
    with pytest.raises(ToolError, match=r"^cosim: no samples given"):
        cosim.run(taught(net, none, LANES, tmp_path))


def test_command(tmp_path):
    net = learning_params("phased/ramp", 4, "1x64-6-10", hidden_shift=2, output_shift=2)
    folder = model_folder(tmp_path / "m", net)
    given = ["cosim", "m", "--learning", "--samples", "3", "--lanes", "6,2", "--record"]
    result = run_json(*given, cwd=tmp_path)
    assert (result["n_samples"], result["n_mismatches"], result["bench"]) == (3, 0, "icarus")
    kept = json.loads((folder / "results.json").read_text())
    assert kept["learning icarus 6,2, stall 0.2"]["n_compared"] == result["n_compared"]
    assert "| icarus 6,2, stall 0.2 | 3 | 3 |" in (folder / "card.md").read_text()
