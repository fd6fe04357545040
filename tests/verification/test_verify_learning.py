"""Learning in the compiled core: it agrees where it must, and a fault planted anywhere is found."""

import json
import re
import sys
from dataclasses import replace

import jobs
import numpy as np
import pytest
from commands import model_folder
from cores import SHADOWS, EndsEarly, Flickers, build, taught, wrong_core
from reporters import Heard
from samples import learning_params, random_spike_times
from typer.testing import CliRunner

from hwgen.cli import app, main
from hwgen.data.labelled import Samples, choose
from hwgen.errors import ToolError
from hwgen.hdl.verilog import to_verilog
from hwgen.network import params_file
from hwgen.network.design import Design
from hwgen.network.learning import NO_LABEL, forward_weights, shadow_limits
from hwgen.progress import SILENT
from hwgen.verification import compiled_core, job, learning_worker, verify
from hwgen.verification.cxxrtl_session import Compiled, TrainingSamples
from hwgen.verification.passes import Pass

pytestmark = [pytest.mark.synth, pytest.mark.usefixtures("own_cache")]
LANES = (2, 4)


@pytest.fixture(scope="module")
def net():
    return learning_params(
        *("phased/ramp", 4, "1x9-7-4"),
        shadow_bits=10,
        hidden_shift=2,
        output_shift=1,
        halve_log2=4,
        n_halvings=2,
    )


def training_samples_of(net, n, seed=4):
    """Inputs and labels; each tenth sample is not to be learnt."""
    labels = np.random.default_rng(seed).integers(0, net.spec.n_classes, n)
    labels[9::10] = NO_LABEL
    return random_spike_times(seed, n, net), labels


@pytest.fixture(scope="module")
def training_samples(net):
    return training_samples_of(net, 60)


@pytest.fixture(scope="module")
def core(net, cache):
    return build(net, LANES, cache)


@pytest.mark.parametrize(
    "options", [{}, {"stall": 0.5}, {"read_every": 7}, {"read_every": None, "stall": 0.2}]
)
def test_equal(net, core, training_samples, options):
    heard = Heard()
    found = learning_worker.run(
        net, core, *training_samples, Pass(**options), seed=3, reporter=heard
    )
    assert (found["mismatch"], found["n_mismatches"]) == (None, 0)
    every, n_shadows = options.get("read_every", 1) or 60, sum(x.size for x in net.shadows)
    n_read = len(heard.advances)
    assert heard.advances == [(n, 60) for n in sorted({*range(every, 61, every), 60})]
    assert found["n_compared"] == {
        "spikes": 60 * 11,
        "potentials": 60 * 11,
        "decisions": 60 * 3,
        "registers": 10 + (8 if "stall" in options else 0),
        SHADOWS: n_read * n_shadows,
    }
    # Of a training sample that writes: not faster than the lanes allow.
    waits, written = np.array(found["waits"]), np.array(found["n_written"])
    assert (waits[written > 0] > written[written > 0] / max(LANES)).all()
    assert (written > 0).sum() > 30


@pytest.mark.parametrize(
    ("shape", "lanes", "psp", "bits", "how"),
    [
        ("1x9-7-6-4", (7, 2, 2), "phased/ramp/step", 8, {"window": "exponential"}),
        ("1x9-7-4", (7, 1), "step", 1, {"window": "box", "anticausal_shift": 1}),
        ("6x6-2C3-P2-5-4", (2, 1, 3, 2), "phased/phased/ramp", 4, {"layers": "last"}),
    ],
)
def test_other_cores(cache, shape, lanes, psp, bits, how):
    net = learning_params(psp, bits, shape, shadow_bits=12, **how)
    inputs, labels = training_samples_of(net, 60)
    core = build(net, lanes, cache)
    for options in ({}, {"stall": 0.4}):
        found = learning_worker.run(net, core, inputs, labels, Pass(**options))
        assert found["mismatch"] is None
        layers = net.spec.learning_layers
        assert found["n_compared"][SHADOWS] == 60 * sum(net.shadows[n].size for n in layers)
        assert np.count_nonzero(found["n_written"]) > 20


def with_shadow(net, layer, place, value):
    """The same but for a shadow weight, or None if that is not a legal one."""
    bits, how = net.spec.layers[layer].weight_bits, net.spec.learning
    least, greatest = shadow_limits(bits, how.shadow_bits)
    if not least <= value <= greatest:
        return None
    shadows, weights = list(net.shadows), list(net.weights)
    shadows[layer] = shadows[layer].copy()
    shadows[layer][place] = value
    weights[layer] = forward_weights(shadows[layer], bits, how.shadow_bits)
    return replace(net, shadows=tuple(shadows), weights=tuple(weights))


def test_no_bit_of_a_shadow_can_be_wrong(net, core):
    """Each, by one bit; the sample is empty and not learnt, so only the port can show it."""
    empty, none = np.full((1, 9), net.spec.n_steps, np.uint8), np.array([NO_LABEL])
    rng, n_found = np.random.default_rng(1), 0
    for layer, shadows in enumerate(net.shadows):
        for place in np.ndindex(shadows.shape):
            bit = int(rng.integers(6))  # below those of the forward weight
            wrong = with_shadow(net, layer, place, int(shadows[place]) ^ 1 << bit)
            if wrong is None:
                continue
            found = learning_worker.run(wrong, core, empty, none, Pass())["mismatch"]
            assert (found["what"], found["sample"], found["layer"]) == (SHADOWS, 0, layer)
            assert (found["pre"], found["index"]) == place
            assert abs(found["expected"] - found["got"]) == 1 << bit
            n_found += 1
    assert n_found > 80


@pytest.mark.parametrize(
    ("field", "value", "from_sample"),
    [
        ("margin_steps", 2, 0),
        ("hidden_shift", 1, 0),
        ("output_shift", 2, 0),
        ("error_bits", 3, 0),
        ("seed", 2, 0),
        ("window", "box", 0),
        ("halve_log2", 5, 14),  # shows only after a while
        ("n_halvings", 1, 28),
    ],
)
def test_no_part_of_the_rule_can_be_wrong(net, core, training_samples, field, value, from_sample):
    wrong = taught(net, **{field: value})
    found = learning_worker.run(wrong, core, *training_samples, Pass())["mismatch"]
    assert found["what"] == SHADOWS
    assert found["sample"] >= from_sample
    assert found["cycle"] > 0


@pytest.mark.parametrize("sample", [9, 12])
@pytest.mark.parametrize("every", [1, 15])
def test_a_label_too_many_or_too_few_is_found(net, core, training_samples, sample, every):
    inputs, labels = training_samples
    other = labels.copy()
    other[sample] = 1 if labels[sample] == NO_LABEL else NO_LABEL
    for of_core, of_golden in ((labels, other), (other, labels)):
        online = learning_worker.LockstepReference(net, inputs, of_golden)
        core.run(
            inputs,
            training=TrainingSamples(
                labels=of_core, on_shadows=online.check_weights, read_every=every
            ),
        )
        assert online.mismatch.sample == (sample if every == 1 else 14)


def test_the_run_ends_at_a_mismatch(net, core, training_samples):
    """And what was done until then is whole."""
    wrong = taught(net, seed=2)
    heard = Heard()
    found = learning_worker.run(wrong, core, *training_samples, Pass(), reporter=heard)
    n = found["mismatch"]["sample"] + 1
    assert heard.advances == [(done, 60) for done in range(1, n + 1)]
    assert len(found["decisions"]) == len(found["waits"]) == n
    assert found["n_compared"]["spikes"] == 11 * n
    assert found["n_mismatches"] >= 3  # ID0 and ID1, too, but no other register
    assert found["n_mismatches"] - 2 <= sum(x.size for x in net.shadows)


def test_an_error_while_comparing_is_raised(core, training_samples):
    inputs, labels = training_samples

    def fails(sample, shadows):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        core.run(inputs, training=TrainingSamples(labels=labels, on_shadows=fails))


@pytest.mark.parametrize(("lanes", "layers"), [((2, 4), "all"), ((3, 2), "last")])
def test_a_core_that_has_to_be_filled(cache, lanes, layers):
    net = learning_params("phased/ramp", 4, "1x9-7-4", shadow_bits=10, layers=layers)
    inputs, labels = training_samples_of(net, 60)
    library = compiled_core.library(
        to_verilog(Design(net, lanes).all_loaded()), net.spec.layers, cache=cache
    )
    core = Compiled(library, net, lanes)
    for options in ({}, {"stall": 0.4}):
        found = learning_worker.run(net, core, inputs, labels, Pass(**options), filled=True)
        assert found["mismatch"] is None
        assert found["n_compared"]["registers"] == 10 + (8 if "stall" in options else 0)
    # If it is not, it has other weights.
    assert learning_worker.run(net, core, inputs, labels, Pass())["mismatch"] is not None


@pytest.mark.parametrize(
    ("fault", "what"),
    [(EndsEarly, "counts of shadow weights"), (Flickers, "tokens held back by the receiver")],
)
def test_a_faulty_port_is_found(net, training_samples, cache, monkeypatch, fault, what):
    monkeypatch.setattr("hwgen.hdl.learning.unit.Readback", fault)
    found = learning_worker.run(net, build(net, LANES, cache), *training_samples, Pass(stall=0.5))
    assert found["mismatch"]["what"] == what


def test_flow(net, core, training_samples, tmp_path):
    inputs, labels = training_samples
    samples = Samples(dataset="random", inputs=inputs, truths=labels.clip(0), labels=labels)
    heard = Heard()
    result = verify.run(
        jobs.taught(net, samples, LANES, tmp_path, stall=0.3),
        reporter=heard,
    )
    result.check()
    assert (result.n_samples, result.backend) == (60, "cxxrtl")
    figures = result.learning
    assert figures.n_lessons == 54
    assert 30 < figures.n_updates <= 54
    assert result.compared[SHADOWS] == 61 * figures.n_shadows == 61 * 91
    assert result.verdict == f"0 mismatches of {result.n_compared} compared"
    assert heard.advances[0] == (1, 60)
    assert heard.advances[-1] == (60, 60)
    assert 0 < figures.update_cycles_mean <= figures.update_cycles_worst
    assert 0 < figures.weights_per_cycle <= sum(LANES)
    with pytest.raises(ToolError, match=r"^verify: no samples given"):
        verify.run(jobs.taught(net, replace(samples, inputs=inputs[:0]), LANES, tmp_path))


def test_a_process_that_dies_is_an_error(tmp_path):
    with pytest.raises(ToolError, match=r"^the process of verify died \(status 1\); see .*log$"):
        verify._learning(tmp_path, SILENT)


@pytest.fixture(scope="module")
def pupil():
    return learning_params("phased/ramp", 4, "1x64-6-10", hidden_shift=2, output_shift=2)


@pytest.fixture
def folder(tmp_path, monkeypatch, pupil):
    monkeypatch.chdir(tmp_path)
    return model_folder(tmp_path / "m", pupil)


def test_command(folder):
    given = ["verify", "m", "--learning", "--samples", "40", "--record", "--lanes", "6,2"]
    done = CliRunner().invoke(app, [*given, "--json"], catch_exceptions=False)
    result = json.loads(done.stdout)
    assert (result["n_samples"], result["n_lessons"], result["n_mismatches"]) == (40, 36, 0)
    params = params_file.load(folder / "params.safetensors")
    samples = choose(params, 40)
    assert result["n_correct"] <= 40
    assert (samples.labels != NO_LABEL).sum() == 36
    assert (samples.labels == samples.truths).sum() == 36
    row = f"| cxxrtl 6,2 | 40 | 36 | {result['n_updates']} | 444 | {result['n_compared']:,} | 0 |"
    assert row in (folder / "card.md").read_text()
    done = CliRunner().invoke(app, [*given, "--every", "9"], catch_exceptions=False)
    assert done.stdout.splitlines()[-1].startswith("0 mismatches of ")


def test_command_with_a_fault(folder, monkeypatch, capsys):
    monkeypatch.setattr(
        job, "to_verilog", lambda design: wrong_core(design.params, design.lanes, hidden_shift=1)
    )
    arguments = ["verify", "m", "--learning", "--samples", "20", "--lanes", "6,2"]
    monkeypatch.setattr(sys, "argv", ["hwgen", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    told = capsys.readouterr()
    assert " mismatches of " in told.out.splitlines()[-1]
    (line,) = [line for line in told.err.splitlines() if line.startswith("hwgen: mismatch: ")]
    assert re.search(
        r": shadow weights differ: sample \d+, layer 0, pre \d+, post \d: expected -?\d+, "
        r"got -?\d+, cycle \d+, waveform not recorded$",
        line,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--every", "3"), "--every goes with --learning only"),
        (("--learning", "--every", "0"), "--every is 0, expected at least 1"),
        (("--learning", "--resume"), "--resume and --jobs do not go with --learning"),
        (("--learning", "--samples", "9999"), "but the training set of digits has 1"),
    ],
)
def test_what_is_refused(folder, monkeypatch, capsys, arguments, message):
    monkeypatch.setattr(sys, "argv", ["hwgen", "verify", "m", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    line = capsys.readouterr().err.splitlines()[-1]  # others say which data were read
    assert line.startswith("hwgen: error: ")
    assert message in line


def test_a_core_that_cannot_learn_is_refused(pupil):
    with pytest.raises(Exception, match=r"^random: has no learning unit; `hwgen learn` makes"):
        choose(replace(pupil, spec=replace(pupil.spec, learning=None), shadows=()), 5)
