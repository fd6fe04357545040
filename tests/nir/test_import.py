"""`hwgen import`: files of real frameworks against their own spikes, and the verb's folder."""

import json
from dataclasses import replace

import nir_files
import numpy as np
import pytest
from commands import hwgen_command
from nir_files import affine, chain, conv, fires, flatten, linear, pool
from typer.testing import CliRunner

from hwgen.cli import app
from hwgen.errors import DataError, HwgenError, NirError
from hwgen.flows import import_nir as flow
from hwgen.flows.import_nir import Asked, Compared
from hwgen.golden import Golden
from hwgen.model.folder import ModelFolder
from hwgen.network import params_file

# Those that the contract can say, and how many of 60 x 6 cells are spikes of the framework.
EXACT = {
    "norse-iaf": ("norse-1.1", "zero", 177),
    "snntorch-if-subtract": ("snntorch", "subtract", 311),
    "snntorch-if-zero": ("snntorch", "zero", 177),
    "snntorch-lif-subtract": ("snntorch", "subtract", 269),
    "snntorch-lif-zero": ("snntorch", "zero", 182),
    "spikingjelly-if-zero": ("spikingjelly", "zero", 207),
    "spikingjelly-lif-tau8": ("spikingjelly", "zero", 202),
    "spikingjelly-lif-tau8-decay-input": ("spikingjelly", "zero", 202),
}
# Of real weights, which 8 bits round: the rule is the framework's, golden nearly.
ROUNDED = {
    "snntorch-lif-0.9-bias-subtract": ("snntorch", "subtract", 60, 0.99),
    "snntorch-conv-avgpool-dense": ("snntorch", "zero", 30, 0.97),
    "spikingjelly-conv-avgpool-dense": ("spikingjelly", "zero", 30, 0.97),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("frameworks")
    nir_files.of_frameworks(folder)
    return folder


def run(*arguments):
    """In this process, as quick as can be; what it raises is raised."""
    done = CliRunner().invoke(app, [*map(str, arguments)])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0
    return done.stdout


def run_json(*arguments):
    return json.loads(run(*arguments, "--json"))


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def imported(files, out, name, source, reset, n_steps, **asked):
    given = Asked(source=source, reset=reset, n_steps=n_steps, encoding="rate", **asked)
    inputs = files / f"{name}.npz"
    compared = Compared(inputs=inputs if inputs.exists() else None)
    return flow.import_nir(files / f"{name}.nir", out, given, compared)


@pytest.mark.parametrize("name", EXACT)
def test_integer_networks_have_every_spike_of_their_framework(files, tmp_path, name):
    source, reset, n_spikes = EXACT[name]
    result = imported(files, tmp_path / "m", name, source, reset, 60)
    verdict = result.verdict
    assert verdict.is_exact
    assert verdict.first == ""
    assert [c.n_compared for c in verdict.layers] == [720, 360]
    for count in (verdict.golden, verdict.rule):
        assert (count.n_compared, count.n_equal, count.n_spikes) == (360, 360, n_spikes)
    # By the file alone, as anybody would look at it.
    params = ModelFolder(tmp_path / "m").params()
    with np.load(files / f"{name}.npz") as arrays:
        spikes = Golden(params).run(arrays["inputs"][None]).spike_times[-1][0]
        assert (spikes == arrays["spikes"]).all()


@pytest.mark.parametrize("name", ROUNDED)
def test_real_networks_are_told_how_far_they_are_the_same(files, tmp_path, name):
    source, reset, n_steps, share = ROUNDED[name]
    verdict = imported(files, tmp_path / "m", name, source, reset, n_steps).verdict
    assert verdict.rule.is_exact  # what the file means is what the framework did
    assert verdict.golden.n_equal > share * verdict.golden.n_compared
    assert bool(verdict.first) != verdict.is_exact
    made = ModelFolder(tmp_path / "m").params()
    texts = [change["text"] for change in made.provenance["nir"]["changes"]]
    assert any("8-bit weights, root mean square: requested" in text for text in texts)


def test_older_files_have_scalars(files, tmp_path):
    """Of nir 1.0.4: tau 20 of sinabs in steps, exp(-1 / 20)."""
    name = "sinabs_lif.n104"
    result = imported(files, tmp_path / "m", name, "sinabs-single", None, 20)
    (layer,) = ModelFolder(tmp_path / "m").params().spec.layers
    assert layer.leak_times / 2**layer.leak_shift == pytest.approx(1 - np.exp(-1 / 20), rel=2e-3)
    assert (layer.reset, layer.fires) == ("subtract", "at")
    assert result.verdict.layers[0].n_equal > 0.99 * result.verdict.layers[0].n_compared


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("snn_synaptic.n108", "snntorch", r"node 1 \(CubaLIF\) is not supported: a synaptic"),
        ("sinabs-iaf-multispike", "sinabs", "several times in a step"),
    ],
)
def test_what_the_contract_cannot_say_is_refused(files, tmp_path, name, source, expected):
    with pytest.raises(NirError, match=expected):
        imported(files, tmp_path / "m", name, source, "subtract", 60)
    assert not (tmp_path / "m").exists()


def test_several_spikes_a_step_are_no_spikes_of_a_core(files, tmp_path):
    with pytest.raises(NirError, match=r"spikes hold 7: several in a step, expected 0 and 1"):
        imported(files, tmp_path / "m", "sinabs-iaf-multispike", "sinabs-single", None, 60)


def test_currents_go_in_as_values(files, tmp_path):
    """Direct: real currents 0..1 are so many 255ths. The framework had them unrounded."""
    name = "snntorch-lif-0.9-bias-direct"
    given = Asked(source="snntorch", reset="subtract", n_steps=60, encoding="direct")
    compared = Compared(inputs=files / f"{name}.npz")
    result = flow.import_nir(files / f"{name}.nir", tmp_path / "m", given, compared)
    assert result.verdict.rule.n_equal > 0.98 * 360
    assert result.verdict.golden.n_equal > 0.94 * 360
    with pytest.raises(NirError, match="other numbers than 0 and 1, which are no spikes"):
        imported(files, tmp_path / "n", name, "snntorch", "subtract", 1)


@pytest.fixture
def small(tmp_path):
    """A network of 2x3 inputs whose numbers are nobody's."""
    nodes = chain(affine([[1, -2, 3, 0, 2, 1]] * 2, [1, 0]), fires([2.0, 3.0]), shape=[6])
    return nir_files.write(tmp_path / "small.nir", nodes)


COMMON = ("--from", "spikingjelly", "--steps", 5, "--encoding", "rate")


def test_the_verb_asks_for_all_that_no_file_says(small, tmp_path):
    done = hwgen_command("import", small, "-o", "m", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.endswith(
        "small.nir: please give --from, --steps, --encoding: NIR does not say it, and hwgen does "
        "not guess; --from is one of snntorch, spikingjelly, norse, norse-1.1, sinabs, "
        "sinabs-single, euler; the numbers look like spikingjelly (r = 1 / dt)\n"
    )
    assert not (tmp_path / "m").exists()


def test_the_verdict_is_in_the_folder_and_told_by_all(small, here):
    told = run_json("import", small, "-o", "m", *COMMON, "--input-shape", "2,3")
    assert told["verdict"]["is_exact"]
    assert told["verdict"]["n_samples"] == 64
    assert told["verdict"]["layers"][0]["n_compared"] == 64 * 5 * 2
    info = run_json("info", "m")
    assert info["digest"] == told["digest"]
    assert info["provenance"]["nir"]["verdict"] == told["verdict"]
    assert info["spec"]["input"]["height"] == 2
    shown = run("info", "m")
    assert "spikes equal, n1" in shown
    assert "small.nir, spikingjelly" in shown
    card = (here / "m/card.md").read_text()
    assert "| spikes equal, n1 | 100.00 % of 640 (" in card
    assert "imported from `small.nir`, NIR of spikingjelly" in card
    run("report", "m", "-o", "m.html")
    assert "spikes equal, n1" in (here / "m.html").read_text()
    # The seed says which random samples: the same make the same file.
    again = ModelFolder(here / "m").params_path.read_bytes()
    run_json("import", small, "-o", "m", *COMMON, "--input-shape", "2,3")
    assert ModelFolder(here / "m").params_path.read_bytes() == again


@pytest.mark.synth
def test_a_network_without_a_data_set_is_verified_on_its_vectors(small, here):
    run_json("import", small, "-o", "m", *COMMON)
    told = run_json("verify", "m", "--samples", 8, "--jobs", 1)
    assert (told["n_samples"], told["n_mismatches"], told["n_correct"]) == (8, 0, None)
    with pytest.raises(DataError, match="names no data set, and its vectors are 32 samples"):
        run("verify", "m", "--samples", 33)


def test_another_model_is_not_lost(small, tmp_path):
    runner = CliRunner()
    first = ["import", str(small), "-o", str(tmp_path / "m"), *map(str, COMMON)]
    assert runner.invoke(app, first).exit_code == 0
    other = nir_files.write(tmp_path / "other.nir", chain(linear([[1, 1]]), fires(1.0), shape=[2]))
    second = ["import", str(other), *first[2:]]
    refused = runner.invoke(app, second)
    assert "holds another model" in str(refused.exception)
    assert runner.invoke(app, [*second, "--overwrite"]).exit_code == 0
    assert len(ModelFolder(tmp_path / "m").params().weights[0]) == 2


def test_a_data_set_gives_the_sizes_and_is_measured_on(here):
    """Digits, 8x8 up to 16, by a network that sums the ink of each column."""
    weights = np.zeros((10, 64))
    for column in range(8):
        weights[column].reshape(8, 8)[:, column] = 1
    path = nir_files.write(here / "x.nir", chain(linear(weights), fires(2.0), shape=[64]))
    rest = ("--from", "euler", "--steps", 8, "--encoding", "direct", "--data", "digits")
    told = run_json("import", path, "-o", "m", *rest, "--samples", 100)
    assert told["verdict"]["source"] == "the first 100 test samples of digits"
    assert told["verdict"]["is_exact"]
    assert told["evaluation"]["n_images"] == 359
    # Nobody knows which of them it was trained on: no card tells of it.
    assert told["doubt"].startswith("digits has no test set of its own")
    assert "Golden on the whole test set" not in (here / "m/card.md").read_text()
    params = ModelFolder(here / "m").params()
    given = params.spec.input
    assert (given.height, given.width, given.x_max, given.encoding) == (8, 8, 16, "direct")
    assert params.thresholds[0].max() == 32  # 2, of pixels that are 0..1 in the framework
    right = told["verdict"]["right"]
    assert right["rule"] == right["golden"]
    assert run_json("evaluate", "m")["n_images"] == 359


def test_data_of_ones_own_are_scaled_and_their_classes_have_names(here):
    """A .npz of dark and bright images, told apart by their sum: two outputs, of 0 and of many."""
    images = np.zeros((40, 2, 3), np.uint8)
    images[1::2] = 200
    np.savez(here / "own.npz", x=images, y=np.arange(40) % 2)
    nodes = chain(affine([[0] * 6, [1] * 6], [0.5, 0]), fires([1.0, 1.0]), shape=[6])
    path = nir_files.write(here / "x.nir", nodes)
    rest = ("--from", "euler", "--steps", 8, "--encoding", "direct", "--data", "./own.npz")
    told = run_json("import", path, "-o", "m", *rest)
    # A fifth of each class is drawn as test; 0.5 fires every third step, 6 x 0.78 every one.
    assert told["evaluation"]["n_images"] == told["evaluation"]["n_correct"] == 8
    params = ModelFolder(here / "m").params()
    assert params.origin["data"]["classes"] == ["0", "1"]
    assert (params.spec.input.height, params.spec.input.width) == (2, 3)
    assert run_json("evaluate", "m")["n_correct"] == 8


def test_outputs_that_only_integrate_are_read_out_by_their_potential(tmp_path):
    """tau = 2 dt: a step keeps half of what is there. By hand: 3, then half of it, and 1."""
    last = ("LI", {"tau": np.full(2, 2e-4), "r": np.full(2, 2.0), "v_leak": np.zeros(2)})
    path = nir_files.write(tmp_path / "x.nir", chain(affine([[3, 1]] * 2, [0, 1]), last, shape=[2]))
    given = Asked(source="euler", n_steps=2, encoding="rate")
    result = flow.import_nir(path, tmp_path / "m", given, Compared())
    assert result.verdict.n_decisions_equal == 64
    params = ModelFolder(tmp_path / "m").params()
    assert params.spec.readout == "potential"
    trace = Golden(params).run(np.array([[[1, 0], [0, 1]]], np.uint8))
    unit = 2 ** params.spec.layers[0].fraction_bits
    # (3 / 2 + 1) / 2, and with a bias ((3 + 1) / 2 + 1 + 1) / 2.
    assert (trace.potentials[0][0] / unit).tolist() == [1.25, 2.0]
    with pytest.raises(NirError, match=r"--readout is 'spike_count', but .* make 'potential'"):
        flow.import_nir(path, tmp_path / "n", replace(given, readout="spike_count"), Compared())


def test_colours_and_maps_keep_their_axes(tmp_path):
    """Rule and golden lay them out differently: any slip is a difference."""
    rng = np.random.default_rng(3)
    nodes = chain(
        conv(rng.integers(-3, 4, (4, 3, 3, 3)), padding=1),
        fires(3.0),
        pool("AvgPool2d", 2),
        flatten(),
        linear(rng.integers(-3, 4, (5, 24))),
        fires(2.0),
        shape=[3, 6, 4],
    )
    path = nir_files.write(tmp_path / "x.nir", nodes)
    for encoding in ("rate", "direct"):
        given = Asked(source="spikingjelly", n_steps=6, encoding=encoding)
        result = flow.import_nir(path, tmp_path / encoding, given, Compared(n=20))
        assert result.verdict.is_exact
        assert all(count.n_spikes for count in result.verdict.layers)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (("--from", "x"), "--from is 'x'; known: snntorch, "),
        (("--input-shape", "2x3"), "--input-shape is '2x3', expected H,W or H,W,C"),
        (("--input-shape", "2,2"), "6 inputs, but 2x2x1 was given"),
        (("--readout", "potential"), "--readout is 'potential', but the last neurons"),
        (("--encoding", "events"), "--step-us goes with --encoding events"),
        (("--steps", "0"), "--steps is 0, expected 1..255"),
        (("--inputs", "none.npz"), "none.npz: no such file"),
        (("--data", "mnist", "--data-dir", "."), "mnist"),
    ],
)
def test_bad_options_are_one_line(small, tmp_path, more, expected):
    options = ["import", str(small), "-o", str(tmp_path / "m"), *map(str, COMMON), *more]
    refused = CliRunner().invoke(app, options).exception
    assert isinstance(refused, HwgenError)
    assert expected in str(refused)
    assert "\n" not in str(refused)
    assert not (tmp_path / "m").exists()


def test_a_damaged_verdict_is_no_verdict(small, here):
    """Provenance is free JSON: what is no verdict is somebody else's field."""
    run_json("import", small, "-o", "m", *COMMON)
    params = ModelFolder(here / "m").params()
    for slip in ({"layers": 3}, {"n_samples": 0}, {"first": None}, {"golden": {"name": "x"}}):
        told = json.loads(json.dumps(dict(params.provenance)))
        told["nir"]["verdict"] |= slip
        damaged = replace(params, provenance=told)
        assert "nir" not in damaged.origin
        params_file.save(damaged, here / "m/params.safetensors")
        run("info", "m")
