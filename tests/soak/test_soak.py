"""No state leaks from one sample into the next, nor through a reset: `make soak`, but small."""

from dataclasses import replace

import numpy as np
import pytest
from formal.planted import planted
from samples import random_spike_times
from soak import Leak, Outcome, leaks, run
from soak_nets import NETS
from soak_runs import STALLS, Course, Tally, labels_of
from stand_ins import needs

from hwgen.verification.core_trace import Moment

SEED = 1
IN_SPRAM = "learns, in SPRAM"
LEAKS = [
    "one lane's potential is kept (step)",
    "the readout's step survives a reset",
]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    needs("yosys", "g++")
    return tmp_path_factory.mktemp("soak")


@pytest.mark.synth
@pytest.mark.parametrize("name", ["pictures, binary", IN_SPRAM])
def test_a_core_equals_golden_sample_after_sample_and_reset_after_reset(cache, name):
    outcome = run(name, None, n_samples=300, n_rounds=80, seed=SEED, cache=cache)
    assert outcome.why == ""
    soaked, reset = outcome.soak, outcome.resets
    assert (soaked.n_samples, reset.n_samples) == (5 * 300, 4 * 80)
    assert reset.n_resets > 120
    assert soaked.n_gapless > 100 or NETS[name].learns
    assert {"AT_ONCE", "IN_SAMPLE", "BEHIND_SAMPLE"} <= reset.moments.keys()
    if NETS[name].learns:
        assert {"BEHIND_UPDATE", "READING", "FILLING"} <= reset.moments.keys()
        assert reset.n_partial > 0


@pytest.mark.synth
@pytest.mark.parametrize("what", LEAKS)
def test_a_leak_is_found(cache, what):
    (leak,) = [leak for leak in leaks() if leak.what == what]
    outcome = run(leak.net, leak, n_samples=100, n_rounds=40, seed=SEED, cache=cache)
    assert outcome.why == ""
    assert leak.by in outcome.found_by


@pytest.mark.parametrize("leak", leaks(), ids=lambda leak: f"{leak.module}, {leak.what}")
def test_each_leak_changes_a_text_that_is_there_once(leak):
    assert leak.net in NETS
    assert leak.by in ("soak", "resets", "")
    assert leak.new != leak.old
    with planted(leak.fault):
        pass


def test_there_are_many_leaks_and_each_has_a_name():
    names = [leak.what for leak in leaks()]
    assert len(set(names)) == len(names)
    assert sum(leak.by == "soak" for leak in leaks()) >= 12
    assert sum(leak.by == "resets" for leak in leaks()) >= 12


@pytest.mark.synth
def test_weights_that_are_neither_old_nor_new_are_found(cache):
    """The weights before the reset, one of them told wrongly."""
    net = NETS[IN_SPRAM]
    core, rng = net.core(cache), np.random.default_rng(SEED)
    core.power_up()
    inputs, labels = random_spike_times(SEED, 4, net.params), labels_of(rng, net.params, 4)
    course = Course(net, labels, 4, given=True)
    assert course.run(core, inputs)[2] is None
    for bit, what in ((0, None), (1, "shadow weights neither old nor new")):
        held = {n: x.copy() for n, x in course.shadows.items()}
        held[1][3, 2] ^= bit
        course = Course(net, labels, 4, held=held, teaches=True)
        recording, _, found = course.run(core, inputs, cuts=[0, 0])
        assert (found and found.what) == what
        assert recording.moments == (Moment.AT_ONCE, Moment.AT_ONCE)
        assert recording.n_cut == 0


@pytest.mark.synth
def test_idle_cycles_are_counted(cache):
    """A host that always has a token ready leaves none; one that stalls does."""
    net = NETS["pictures, binary"]
    core, inputs = net.core(cache), random_spike_times(SEED, 20, net.params)
    assert core.run(inputs).n_idle == 0
    assert core.run(inputs, **STALLS).n_idle > 0


def test_what_is_not_as_it_must_be_is_told():
    leak = Leak(what="w", module="fifo", old="a", new="b", net="step", by="soak")
    found, nothing = Tally(mismatch="no stall: spikes differ"), Tally()
    assert Outcome("step", leak, found, nothing, 1.0).why == ""
    told = "must be found by soak, is found by resets"
    assert Outcome("step", leak, nothing, found, 1.0).why == told
    harmless = replace(leak, by="")
    assert Outcome("step", harmless, nothing, nothing, 1.0).why == ""
    assert "by nothing, is found by soak" in Outcome("step", harmless, found, nothing, 1.0).why
    assert Outcome("step", None, nothing, nothing, 1.0).why == ""
    assert Outcome("step", None, nothing, found, 1.0).why == found.mismatch
    assert "went by idly" in Outcome("step", None, Tally(n_idle=1), nothing, 1.0).why
