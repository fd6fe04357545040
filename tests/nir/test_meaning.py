"""One neuron of each framework: trains that were measured on the frameworks, and by hand."""

import math

import nir_files
import numpy as np
import pytest
from nir_files import chain, fires, leaks, linear

from hwgen.errors import NirError
from hwgen.golden import Golden
from hwgen.network.spec import InputSpec
from hwgen.nir import dialects, float_rule, reading
from hwgen.nir.quantise import Wanted
from hwgen.nir.to_params import missing, to_params

CURRENTS = [2, 2, 0, 5, 0, 3, 1, 0, 9, 0, 0, -3, 7]  # threshold 4, no leak
MEASURED = {  # docs/nir.md: the frameworks' own trains
    ("snntorch", "subtract"): "0001101011001",
    ("snntorch", "zero"): "0001000010000",
    ("norse", "zero"): "0001000010000",
    ("spikingjelly", "zero"): "0101001010001",
    ("spikingjelly", "subtract"): "0101010011001",
    ("sinabs-single", "subtract"): "0101010011001",
    ("euler", "zero"): "0001000010000",
}
NEVER = math.inf


def trains(tmp_path, neuron, currents, source, reset):
    """The train of a neuron whose input i brings current i, in step i: by the rule of the file, and
    by golden."""
    nodes = chain(linear([currents]), neuron, shape=[len(currents)])
    found, _ = reading.read(nir_files.write(tmp_path / "x.nir", nodes))
    rule, n = dialects.rule(source, reset=reset), len(currents)
    spikes = np.eye(n, dtype=np.uint8)[None]
    (fired,) = float_rule.run(found, rule, spikes.astype(float))
    spec = InputSpec(height=1, width=n, x_max=255, encoding="rate")
    params = to_params(found, rule, spec, n, "one", Wanted()).params
    params.check()
    golden = Golden(params).run(spikes).spike_times[0]
    return tuple("".join(map(str, train[0, :, 0])) for train in (fired.spikes, golden))


@pytest.mark.parametrize(("source", "reset"), MEASURED)
def test_each_framework_has_the_train_that_was_measured(tmp_path, source, reset):
    if source == "snntorch":
        neuron = leaks(4.0, tau=NEVER, r=NEVER)
    else:
        neuron = fires(4.0, r=1e4 if source in ("spikingjelly", "euler") else 1.0)
    rule, golden = trains(tmp_path, neuron, CURRENTS, source, reset)
    assert rule == golden == MEASURED[source, reset]


HALF = 1 / math.log(2)  # exp(-1 / tau) = 0.5


# Threshold 4; a step keeps half. By hand: after the leak, 5 -> 2.5 - 4 = -1.5; 6 - 0.75 = 5.25;
# 2.625 - 4 = -1.375; 3 - 1.375 = 1.625. Before it: (5 - 4) / 2 = 0.5; 0.25 + 6; 2.25 / 2 + 3 > 4.
@pytest.mark.parametrize(
    ("source", "neuron", "expected"),
    [
        ("snntorch", leaks(4.0, tau=2e-4, r=2.0), "1010"),
        ("sinabs-single", leaks(4.0, tau=HALF, r=1.0), "1011"),
        ("euler", leaks(4.0, tau=2e-4, r=2.0), "1011"),
        # A gain of dt / tau, half, against half of the threshold.
        ("norse", leaks(2.0, tau=2e-3, r=1.0), "1011"),
        ("norse-1.1", leaks(2.0, tau=2e-6, r=1.0), "1011"),
        ("spikingjelly", leaks(2.0, tau=2e-4, r=1.0), "1011"),
    ],
)
def test_leak_and_reset_have_an_order(tmp_path, source, neuron, expected):
    rule, golden = trains(tmp_path, neuron, [5, 0, 6, 3], source, "subtract")
    assert rule == golden == expected


def test_a_potential_may_rest_elsewhere(tmp_path):
    """From 1 to a threshold of 5: as from 0 to 4."""
    neuron = leaks(5.0, tau=2e-4, r=2.0, v_leak=1.0, v_reset=1.0)
    rule, golden = trains(tmp_path, neuron, [4, 2.5, 2, 0, 5], "euler", "zero")
    # 4 is not above 4; 2 + 2.5 = 4.5 is; 0 + 2; 1; 0.5 + 5.
    assert rule == golden == "01001"


def node(kind, **fields):
    return reading.Node("n", kind, {name: np.array(value) for name, value in fields.items()})


@pytest.mark.parametrize(
    ("given", "source", "expected"),
    [
        (node("LIF", tau=1e-5, r=1.0, v_threshold=1.0), "euler", "a step keeps -9 of a potential"),
        (node("LIF", tau=0.0, r=1.0, v_threshold=1.0), "euler", "tau is 0, expected more than 0"),
        (node("IF", r=-1.0, v_threshold=1.0), "spikingjelly", "the gain of its input is -0.0001"),
        (
            node("LIF", tau=1.0, r=1.0, v_threshold=1.0, v_leak=0.0, v_reset=0.5),
            "norse",
            "v_reset is 0.5 and v_leak 0; hwgen resets a potential to where it rests",
        ),
    ],
)
def test_what_no_neuron_of_a_core_does_is_refused(given, source, expected):
    with pytest.raises(NirError) as caught:
        dialects.meaning(given, dialects.rule(source))
    assert str(caught.value).startswith(f"node n ({given.kind}): {expected}")


def test_several_spikes_a_step_are_refused_with_the_way_out():
    with pytest.raises(NirError, match=r"several times in a step .* --from sinabs-single"):
        dialects.rule("sinabs")
    with pytest.raises(NirError, match=r"--from is 'snntorhc'; did you mean 'snntorch'\?"):
        dialects.rule("snntorhc")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.1), 0.1),
        (np.float32(1) - np.float32(0.9), 0.1),
        (0.12499999999999999, 0.125),
        (1 - math.exp(-1 / 20), 1 - math.exp(-1 / 20)),
        (0.3333, 0.3333),
    ],
)
def test_short_numbers_are_those_that_float32_was_made_of(value, expected):
    assert float(dialects.rounded(np.array(value, float))) == expected


def test_what_no_file_says_is_asked_for_and_what_it_looks_like_offered():
    nodes = [node("LIF", tau=np.float32(0.001), r=np.float32(10), v_threshold=np.float32(1))]
    told = missing(nodes, {"--from": None, "--steps": None, "--encoding": "rate", "--reset": None})
    assert told.startswith("--from, --steps: NIR does not say it")
    assert told.endswith("the numbers look like snntorch (r = tau / 1e-4)")
    asked = {"--from": "snntorch", "--steps": 3, "--encoding": "rate", "--reset": None}
    assert missing(nodes, asked).startswith("--reset: NIR does not say it")
    assert missing(nodes, asked | {"--from": "norse"}) == ""
    for r, kind, looks in ((1e4, "IF", "spikingjelly"), (1.0, "IF", "norse or sinabs")):
        assert dialects.guess([node(kind, r=r, v_threshold=1.0)]).startswith(looks)
    assert dialects.guess([node("LIF", tau=20.0, r=1.0)]).startswith("sinabs")
    assert dialects.guess([node("LIF", tau=0.5, r=7.0)]) == ""
