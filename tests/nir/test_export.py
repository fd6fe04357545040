"""`hwgen export`: what is written is the same network, by the reader's own rule, or is refused."""

from dataclasses import replace

import nir
import numpy as np
import pytest
from multi_spike_nets import multi_spike, random_spikes
from samples import random_network
from typer.testing import CliRunner

from hwgen.cli import app
from hwgen.errors import HwgenError, NirError
from hwgen.flows import export_nir as flow
from hwgen.flows.import_nir import Asked, import_nir
from hwgen.flows.import_nir import Compared as By
from hwgen.golden import Golden
from hwgen.model.folder import ModelFolder
from hwgen.network import params_file
from hwgen.nir.export import RULES

TARGETS = ("snntorch", "spikingjelly", "norse", "nir")
# Without a leak, which is rounded down here alone.
NETWORKS = {
    "dense": multi_spike(3, "3x4-9-4", leak_shift=0, weight_bits=4),
    "maps": multi_spike(4, "6x5x2-4C3p1-7-3", leak_shift=0, weight_bits=2),
    "bias, fraction, at": multi_spike(
        5,
        "3x4-9-4",
        leak_shift=0,
        weight_bits=3,
        neuron={"bias_bits": 5, "fraction_bits": 3, "fires": "at"},
    ),
}


def folder(place, params):
    """Thresholds of 0 are none for neurons that fire at them."""
    limits = [np.maximum(x, 1) if x.size else x for x in params.thresholds]
    params_file.save(replace(params, thresholds=tuple(limits)), place / "params.safetensors")
    return ModelFolder(place)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", NETWORKS)
def test_export_and_import_again_is_the_same_network(tmp_path, name, target):
    model = folder(tmp_path / "m", NETWORKS[name])
    params, path = model.params(), tmp_path / "x.nir"
    result = flow.export_nir(model, path, target)
    assert result.verdict.is_exact
    assert all(count.n_spikes for count in result.verdict.layers)
    assert result.warnings == ()
    spec = params.spec
    asked = Asked(
        source=RULES[target],
        reset="zero",
        n_steps=spec.n_steps,
        encoding="rate",
        # A flat input has lost its shape; events are rates for a test.
        shape=spec.input.post if spec.layers[0].takes_vector else None,
    )
    import_nir(path, tmp_path / "again", asked, By())
    again = ModelFolder(tmp_path / "again").params()
    inputs = random_spikes(7, 30, params)
    expected, found = Golden(params).run(inputs), Golden(again).run(inputs)
    for layer, other in zip(expected.spike_times, found.spike_times, strict=True):
        assert (layer == other).all()


def test_thresholds_stand_between_two_integers(tmp_path):
    """Above 5 is at or above 6: 5.5 is neither, with > and with >=."""
    params = multi_spike(3, "1x3-2-2", leak_shift=0, weight_bits=4)
    params = replace(params, thresholds=tuple(np.full(2, 5, np.int32) for _ in range(2)))
    flow.export_nir(folder(tmp_path / "m", params), tmp_path / "x.nir", "nir")
    graph = nir.read(tmp_path / "x.nir")
    assert list(graph.nodes) == ["0", "1", "2", "3", "input", "output"]
    assert graph.nodes["1"].v_threshold.tolist() == [5.5, 5.5]
    assert graph.nodes["1"].r.tolist() == [1e4, 1e4]
    assert graph.nodes["0"].weight.dtype == np.float32
    assert graph.nodes["0"].weight.tolist() == params.weights[0].T.tolist()
    assert graph.metadata["hwgen"].endswith(params.digest)


def test_goldens_spikes_are_beside_it_by_node(tmp_path):
    """As NIR numbers them, channel after channel, with the file of events of the package."""
    model = folder(tmp_path / "m", NETWORKS["maps"])
    flow.export_nir(model, tmp_path / "x.nir", "spikingjelly", seed=4)
    data = nir.read_data(str(tmp_path / "x.spikes.nir"))
    assert sorted(data.nodes) == ["1", "4", "6", "input"]  # 2 flattens
    spikes = {
        name: node.observables["spikes"].to_time_gridded(1e-4).data
        for name, node in data.nodes.items()
    }
    params = model.params()
    n, n_steps = 16, params.spec.n_steps
    cells = spikes["input"].reshape(n, n_steps, 2, 6, 5).transpose(0, 1, 3, 4, 2)
    trace = Golden(params).run(cells.reshape(n, n_steps, -1).astype(np.uint8))
    post = params.spec.layers[0].post
    maps = trace.spike_times[0].reshape(n, n_steps, *post).transpose(0, 1, 4, 2, 3)
    assert (spikes["1"] == maps.reshape(n, n_steps, -1)).all()
    assert (spikes["6"] == trace.spike_times[-1]).all()


def test_one_threshold_a_layer_is_made_by_scaling(tmp_path):
    """snnTorch has no others; 0.5 of a unit is more than float32 loses."""
    model = folder(tmp_path / "m", NETWORKS["dense"])
    assert len(set(model.params().thresholds[0])) > 1
    flow.export_nir(model, tmp_path / "x.nir", "snntorch")
    node = nir.read(tmp_path / "x.nir").nodes["1"]
    assert type(node).__name__ == "LIF"  # its IF leaks in 1.0.0
    assert set(node.v_threshold) == {1.0}


@pytest.mark.parametrize(
    ("params", "target", "expected"),
    [
        (
            multi_spike(3, "3x4-9-4", reset="subtract"),
            "snntorch",
            "snntorch cannot be this network: layer 0, 1: resets by subtraction: readers of NIR "
            "set potentials to v_reset; --lossy writes it nevertheless",
        ),
        (
            random_network(3, "3x4-9-4"),
            "norse",
            "layer 0, 1: fires once a sample, which no framework reads of NIR; --lossy",
        ),
        (
            multi_spike(3, "6x5-4C3p1-P2-7-3"),
            "spikingjelly",
            "layer 1: pools by OR, which spikingjelly does not read of NIR; nothing is written",
        ),
        (multi_spike(3, "3x4-9-4"), "norse", "layer 0, 1: leaks: Norse 1.1 reads tau in a unit"),
    ],
)
def test_what_a_framework_cannot_be_is_refused(tmp_path, params, target, expected):
    model = folder(tmp_path / "m", params)
    with pytest.raises(NirError) as caught:
        flow.export_nir(model, tmp_path / "x.nir", target)
    assert expected in str(caught.value)
    assert not (tmp_path / "x.nir").exists()


def test_two_phases_and_slopes_are_refused_whatever_is_asked(tmp_path):
    model = folder(tmp_path / "m", random_network(3, "3x4-9-4", psp="ramp"))
    with pytest.raises(NirError, match="layer 0, 1: has the postsynaptic potential 'ramp'"):
        flow.export_nir(model, tmp_path / "x.nir", "nir", lossy=True)


def test_lossy_subtraction_comes_back_by_the_right_rule(tmp_path):
    """v_threshold is what is subtracted: the reader who is told so has the same network."""
    params = multi_spike(
        3, "3x4-9-4", reset="subtract", leak_shift=0, neuron={"order": "leak, reset"}
    )
    model = folder(tmp_path / "m", params)
    result = flow.export_nir(model, tmp_path / "x.nir", "snntorch", lossy=True)
    assert "resets by subtraction" in result.warnings[0]
    given = model.params()
    asked = Asked(
        source="snntorch",
        reset="subtract",
        n_steps=given.spec.n_steps,
        encoding="rate",
        shape=given.spec.input.post,
    )
    import_nir(tmp_path / "x.nir", tmp_path / "again", asked, By())
    inputs = random_spikes(7, 30, given)
    again = Golden(ModelFolder(tmp_path / "again").params()).run(inputs)
    assert (again.spike_times[-1] == Golden(given).run(inputs).spike_times[-1]).all()


@pytest.mark.parametrize("target", ["snntorch", "spikingjelly", "nir"])
def test_leaks_are_measured_and_warned_of(tmp_path, target):
    params = multi_spike(
        3, "3x4-9-4", leak_shift=3, weight_bits=4, neuron={"fraction_bits": 12}, n_steps=20
    )
    result = flow.export_nir(folder(tmp_path / "m", params), tmp_path / "x.nir", target)
    assert result.warnings == (
        "layer 0, 1: leaks, which a core rounds down and a framework does not",
    )
    for count in result.verdict.layers:
        assert count.n_equal > 0.99 * count.n_compared


def test_the_verb_writes_and_tells(tmp_path):
    folder(tmp_path / "m", NETWORKS["dense"])
    options = ["export", str(tmp_path / "m"), "--nir", str(tmp_path / "x.nir"), "--for"]
    done = CliRunner().invoke(app, [*options, "spikingjelly"])
    assert done.exit_code == 0, done.output
    assert "spikes equal, 1" in done.stdout
    assert (tmp_path / "x.nir").exists()
    assert (tmp_path / "x.spikes.nir").exists()
    assert CliRunner().invoke(app, [*options, "brian"]).exit_code == 2
    options[3] = str(tmp_path)
    assert isinstance(CliRunner().invoke(app, [*options, "nir"]).exception, HwgenError)
