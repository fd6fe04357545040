"""`hwgen conformance`: what a file of results may say, what is compared, what is refused."""

import json
import re
import sys

import numpy as np
import pytest
from commands import hwgen_command
from safetensors import safe_open
from safetensors.numpy import save as to_safetensors
from shipped import check_vectors
from typer.testing import CliRunner

from hwgen import cli as command_line
from hwgen.conformance import check, json_export, make_vectors, networks
from hwgen.errors import MismatchError, ParamsError, ResultsError
from hwgen.network.layers.conv2d import ConvSpec
from hwgen.network.layers.pool2d import PoolSpec

LEARNING = [
    folder.path.name for folder in networks.folders() if folder.learning_vectors_path.is_file()
]


def written(path, lines):
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


def expected(name, tmp_path, learning=False):
    """The lines of a complete file of results."""
    json_export.export(networks.find(name), tmp_path / "plain")
    file = tmp_path / "plain" / f"{'lessons-' if learning else ''}expected.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.fixture
def lines(tmp_path):
    """Of conv-pool: 24 samples, 6 layers; layer 0 is 11 x 9 x 3."""
    return expected("conv-pool", tmp_path)


# The kit


@pytest.mark.parametrize("name", networks.names())
def test_kit_is_what_golden_answers(name):
    folder = networks.find(name)
    params = folder.params()
    check_vectors(params, folder.vectors(params))


@pytest.mark.parametrize("name", LEARNING)
def test_training_samples_are_what_golden_learns(name):
    folder = networks.find(name)
    params = folder.params()
    training_samples = folder.learning_vectors(params)
    after = make_vectors.shadows_by_sample(params, training_samples)
    for index in params.spec.learning_layers:
        assert (after[-1][index] == training_samples.shadows[index]).all()
        assert (params.shadows[index] != training_samples.shadows[index]).any()
    untaught = [n for n, label in enumerate(training_samples.labels) if label == 255]
    assert untaught
    for n in untaught:
        for index in params.spec.learning_layers:
            assert (after[n][index] == after[n - 1][index]).all()


def test_kit_has_all_that_the_contract_knows():
    specs = [networks.find(name).params().spec for name in networks.names()]
    layers = [layer for spec in specs for layer in spec.layers]
    weighted = [layer for layer in layers if not isinstance(layer, PoolSpec)]
    convs = [layer for layer in weighted if isinstance(layer, ConvSpec)]
    pools = [layer for layer in layers if isinstance(layer, PoolSpec)]
    rules = [spec.learning for spec in specs if spec.learning]
    for kind in ("dense", "conv2d"):
        of_kind = [layer for layer in weighted if layer.kind == kind]
        assert {layer.psp for layer in of_kind} == {"step", "ramp", "triangle"}
        assert {layer.phased for layer in of_kind} == {True, False}
        assert {layer.reset for layer in of_kind} == {"never", "zero", "subtract"}
    assert {layer.stride for layer in convs} >= {1, 2, 3}
    assert {layer.padding for layer in convs} >= {0, 1, 2, 4}
    assert all(layer.height != layer.width for layer in convs if layer.channels == 1)
    assert any(layer.height % layer.size and layer.width % layer.size for layer in pools)
    assert {layer.leak_shift for layer in weighted} == {0, 1, 2, 3, 5, 10}
    assert {layer.leak_times for layer in weighted} == {1, 3, 102}
    assert {layer.fraction_bits for layer in weighted} == {0, 2, 3, 4}
    assert {layer.bias_bits for layer in weighted} == {0, 3, 4, 6, 10}
    assert {layer.input_bits for layer in weighted} == {0, 7, 8}
    assert {spec.input.encoding for spec in specs} >= {"latency", "rate", "events", "direct"}
    assert {spec.input.channels for spec in specs} == {1, 2, 3}
    assert {layer.order for layer in weighted} == {"reset, leak", "leak, reset"}
    assert {layer.fires for layer in weighted} == {"above", "at"}
    assert {layer.weight_bits for layer in weighted} >= {1, 2, 3, 4, 5, 8}
    assert {spec.n_steps for spec in specs} >= {1, 2, 6, 255}
    assert {spec.readout for spec in specs} == {"first_spike", "spike_count", "potential"}
    assert {rule.window for rule in rules} == {"psp", "box", "exponential"}
    assert {rule.layers for rule in rules} == {"all", "last"}
    assert any(rule.anticausal_shift is not None for rule in rules)
    assert all(rule.n_halvings for rule in rules)
    assert min(rule.hidden_shift for rule in rules) < 0


# Verdicts


def test_equal(lines, tmp_path):
    found = check.check(written(tmp_path / "r", lines), complete=True)
    found.check()
    values = [v for line in lines[1:] for k, v in line.items() if k != "sample"]
    assert found.n_compared == sum(len(v) if isinstance(v, list) else 1 for v in values)
    assert found.verdict == f"0 mismatches of {found.n_compared} compared"
    assert (found.n_samples, found.left_out) == (24, [])
    assert found.implementation == "hwgen.golden"


def test_decisions_alone_are_enough(lines, tmp_path):
    keep = ("sample", "decision", "decision_step")
    some = [{key: line[key] for key in keep} for line in (lines[9], lines[3])]
    path = written(
        tmp_path / "r", [{"format": "hwgen-results-1", "digest": lines[0]["digest"]}, *some]
    )
    found = check.check(path)
    assert (found.n_samples, found.n_compared, found.n_mismatches) == (2, 4, 0)
    assert found.left_out[:2] == ["22 of 24 samples, the first is 0", "0.spike_times of 2 samples"]
    with pytest.raises(ResultsError, match=r": lacks 22 of 24 samples, the first is 0; 0\.spike"):
        check.check(path, complete=True)
    some[0]["decision"] += 1  # which weighs more than what is not there
    written(path, [{"format": "hwgen-results-1", "digest": lines[0]["digest"]}, *some])
    assert check.check(path, complete=True).n_mismatches == 1


@pytest.mark.parametrize(
    ("sample", "field", "index", "where"),
    [
        (5, "decision", None, ""),
        (5, "decision_step", None, ""),
        (0, "0.potentials", 100, r", neuron 100 \(row 3, column 6, channel 1\)"),
        (23, "1.spike_times", 59, r", neuron 59 \(row 4, column 3, channel 2\)"),
        (7, "5.potentials", 2, ", neuron 2"),
    ],
)
def test_any_value_that_differs_is_found(lines, tmp_path, sample, field, index, where):
    line = lines[sample + 1]
    if index is None:
        line[field] += 1
        right, wrong = line[field] - 1, line[field]
    else:
        right, wrong = line[field][index], line[field][index] - 1
        line[field][index] = wrong
    found = check.check(written(tmp_path / "r", lines))
    assert found.n_mismatches == 1
    differ = "differs" if index is None else "differ"
    message = f"{field} {differ}: sample {sample}{where}: expected {right}, got {wrong}"
    with pytest.raises(MismatchError, match=f"^{message}$"):
        found.check()


def test_the_first_is_of_the_first_sample_then_of_the_first_layer_then_of_time(lines, tmp_path):
    lines[6]["0.spike_times"][0] += 1
    lines[1]["3.spike_times"][1] = 77
    lines[1]["2.potentials"][1] += 1
    times = lines[1]["2.spike_times"]
    late, early = times.index(6), len(times) - 1 - times[::-1].index(4)
    assert late < early
    times[late], times[early] = 5, 6
    found = check.check(written(tmp_path / "r", [lines[0], *reversed(lines[1:])]))
    assert found.n_mismatches == 5
    message = rf"2\.spike_times differ: sample 0, neuron {early} .*: expected 4, got 6"
    assert re.fullmatch(message, str(found.difference))


def test_a_weight_after_a_training_sample(tmp_path):
    lines = expected("learn-box", tmp_path, learning=True)
    lines[12]["1.shadows"][9 * 4 - 2] += 1
    found = check.check(written(tmp_path / "r", lines))
    assert found.learning
    assert found.n_mismatches == 1
    assert str(found.difference).startswith("1.shadows differ: sample 11, input 8, neuron 2: exp")


def test_a_model_of_ones_own(tmp_path):
    """Its digest is in no list; the folder says what to compare with."""
    folder = networks.find("dense-ramp")
    own = tmp_path / "own"
    own.mkdir()
    params = folder.params()
    limits = (params.thresholds[0] + 1, *params.thresholds[1:])
    own_params = type(params)(**{**vars(params), "thresholds": limits, "name": "own"})
    from hwgen.model import vectors as vectors_file
    from hwgen.network import params_file

    params_file.save(own_params, own / "params.safetensors")
    old = folder.vectors(params)
    vectors_file.save(
        make_vectors.vectors(own_params, old.inputs, old.labels), own / "vectors.safetensors"
    )
    path = written(tmp_path / "r", expected(str(own), tmp_path))
    found = check.check(path, networks.find(str(own)), complete=True)
    assert (found.name, found.n_mismatches) == ("own", 0)
    with pytest.raises(ResultsError, match=r"which no shipped model has .* say --model FOLDER"):
        check.check(path)
    with pytest.raises(ResultsError, match=r":1: digest is '.*', but dense-ramp has '.*': run the"):
        check.check(path, folder)


# Bad files


def change(lines, what):
    what(lines)
    return lines


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (lambda x: x.clear(), 'r: is empty, expected a line {"format": "hwgen-results-1", ...} f'),
        (lambda x: x[0].pop("digest"), "r:1 lacks the field 'digest' (a string)"),
        (lambda x: x[0].update(format="csv"), "r:1: format must be one of 'hwgen-results-1', not"),
        (lambda x: x[0].update(digset="1"), "r:1 has an unknown field 'digset'; did you mean 'dig"),
        (lambda x: x[0].update(digest="12"), "r:1: digest is '12', which no shipped model has"),
        (lambda x: x[0].update(learning=True), "r:1: learning is true, but conv-pool has no learn"),
        (lambda x: x.pop(0), "r:1 has an unknown field 'sample'"),
        (lambda x: x.__delitem__(slice(1, None)), "r: has no sample: nothing would be compared"),
        (lambda x: x.__setitem__(2, [1]), "r:3: must be a JSON object, not [1]"),
        (lambda x: x[2].pop("sample"), "r:3: lacks the field 'sample' (an integer)"),
        (lambda x: x[2].pop("decision"), "r:3: lacks the field 'decision' (an integer)"),
        (lambda x: x[2].update(decision=1.0), "r:3: decision must be an integer, not 1.0"),
        (lambda x: x[2].update(decision=True), "r:3: decision must be an integer, not true"),
        (lambda x: x[2].update(decision=2**31), "r:3: decision must be an integer, not 2147483648"),
        (lambda x: x[2].update(sample=24), "r:3: sample is 24, expected 0..23: there are 24"),
        (lambda x: x[2].update(sample=-1), "r:3: sample is -1, expected 0..23: there are 24"),
        (lambda x: x[2].update(sample=0), "r:3: sample 0 was in line 2 already"),
        (lambda x: x[2]["0.spike_times"].pop(), "r:3: 0.spike_times has 296 values, expected 297"),
        (lambda x: x[2].update({"0.potentials": 3}), "r:3: 0.potentials must be a list of 297 int"),
        (
            lambda x: x[2]["0.potentials"].__setitem__(4, None),
            "r:3: 0.potentials[4] must be an integer, not null",
        ),
        (
            lambda x: x[2].update({"0.potential": []}),
            "r:3: has an unknown field '0.potential'; did you mean '0.potentials'?",
        ),
        (lambda x: x[2].update({"1.potentials": [1]}), "r:3: has an unknown field '1.potentials'"),
        (lambda x: x[2].update({"0.shadows": [1]}), "r:3: has an unknown field '0.shadows'; "),
    ],
)  # fmt: skip
def test_refused(lines, tmp_path, what, message):
    path = written(tmp_path / "r", change(lines, what))
    with pytest.raises(ResultsError, match=f"^{re.escape(f'{tmp_path}/{message}')}"):
        check.check(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file; docs/conformance.md says how to write one"),
        (b"sample,decision\n0,3\n", "1: is not JSON (Expecting value"),
        (b'{"format": "hwgen-results-1"', "1: is not JSON ("),
        (b"[" * 100_000, "1: is not JSON ("),
        (b"9" * 5000, "1: is not JSON ("),
        (b"3", "1 must be a table, not 3"),
        (b"\x80abc", "is not text in UTF-8: "),
    ],
)
def test_what_is_no_file_of_results(tmp_path, content, message):
    if content is not None:
        (tmp_path / "r").write_bytes(content)
    with pytest.raises(ResultsError, match=f"^{re.escape(str(tmp_path))}/r: ?{re.escape(message)}"):
        check.check(tmp_path / "r")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(ResultsError, match="cannot be read: Is a directory"):
        check.check(tmp_path)


def changed_training_samples(tmp_path, change):
    """The folder of learn-box, with another lessons.safetensors."""
    folder = networks.find("learn-box")
    for path in (folder.params_path, folder.vectors_path, folder.learning_vectors_path):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    path = tmp_path / "lessons.safetensors"
    with safe_open(path, framework="np") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(tensors)
    path.write_bytes(to_safetensors(tensors, metadata))
    return networks.find(str(tmp_path))


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (lambda t: t.pop("1.shadows"), "not a whole vector file"),
        (lambda t: t.update({"2.shadows": t["1.shadows"]}), "unexpected tensor '2.shadows'"),
        (
            lambda t: t.update({"0.shadows": t["0.shadows"].astype(np.int64)}),
            r"0.shadows is int64 \[12, 9\], expected int32 \[12, 9\]",
        ),
        (
            lambda t: t["labels"].__setitem__(0, 4),
            "labels hold 4, expected less than 4, or 255 for none",
        ),
    ],
)
def test_training_samples_refused(tmp_path, what, message):
    folder = changed_training_samples(tmp_path, what)
    with pytest.raises(ParamsError, match=f"lessons.safetensors: {message}"):
        folder.learning_vectors(folder.params())


def test_training_samples_of_another_golden(tmp_path):
    lines = expected("learn-box", tmp_path, learning=True)
    folder = changed_training_samples(tmp_path, lambda t: t["0.shadows"].__iadd__(1))
    with pytest.raises(
        ParamsError, match=r"lessons\.safetensors: 0\.shadows\[0, 0\] is -?\d+, but golden says"
    ):
        check.check(written(tmp_path / "r", lines), folder)


# Plain files


def test_plain_files(tmp_path):
    folder = networks.find("learn-last")
    params = folder.params()
    paths = json_export.export(folder, tmp_path / "out")
    names = ["params.json", "inputs.jsonl", "expected.jsonl"]
    assert [p.name for p in paths] == [*names, "lessons-inputs.jsonl", "lessons-expected.jsonl"]
    table = json.loads(paths[0].read_text())
    assert table["digest"] == params.digest
    assert table["spec"] == json.loads(json.dumps(params.spec.to_json()))
    assert set(table["tensors"]) == {
        *("0.weights", "0.thresholds", "2.weights", "2.thresholds", "2.drives"),
        *("3.weights", "3.thresholds", "3.shadows"),
    }
    for kind in ("weights", "thresholds", "drives", "shadows"):
        for index, tensor in enumerate(getattr(params, kind)):
            if tensor.size:
                entry = table["tensors"][f"{index}.{kind}"]
                assert np.array(entry["values"]).reshape(entry["shape"]).tolist() == tensor.tolist()
    for path, vectors in (
        (paths[1], folder.vectors(params)),
        (paths[3], folder.learning_vectors(params)),
    ):
        samples = [json.loads(line) for line in path.read_text().splitlines()]
        assert [sample["inputs"] for sample in samples] == vectors.inputs.tolist()
        assert [sample["sample"] for sample in samples] == list(range(24))
        labels = [255 if sample["label"] is None else sample["label"] for sample in samples]
        assert labels == vectors.labels.tolist()
    for path in (paths[2], paths[4]):
        check.check(path, complete=True).check()


# The command


def test_command(lines, tmp_path):
    written(tmp_path / "r.jsonl", lines)
    done = hwgen_command("vectors", "check", "r.jsonl", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    verdict = json.loads(done.stdout)
    assert (verdict["name"], verdict["n_mismatches"], verdict["n_samples"]) == ("conv-pool", 0, 24)
    assert verdict["n_compared"] == sum(verdict["compared"].values()) > 10_000

    lines[4]["decision_step"] = 9
    written(tmp_path / "r.jsonl", lines)
    done = hwgen_command("vectors", "check", "r.jsonl", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("1 mismatches of ")
    assert "hwgen: mismatch: decision_step differs: sample 3: expected " in done.stderr
    done = hwgen_command("vectors", "check", "r.jsonl", "--json", cwd=tmp_path)
    assert done.returncode == 1
    assert json.loads(done.stdout)["difference"]["sample"] == 3

    (tmp_path / "r.jsonl").write_text("nonsense\n")
    done = hwgen_command("vectors", "check", "r.jsonl", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("hwgen: error: r.jsonl:1: is not JSON")


def test_list_and_export(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for arguments in (["list"], ["export", "ties"]):
        monkeypatch.setattr(sys, "argv", ["hwgen", "vectors", *arguments, "--json"])
        with pytest.raises(SystemExit) as left:
            command_line.main()
        assert left.value.code == 0
        answer = json.loads(capsys.readouterr().out)
        if arguments == ["list"]:
            rows = {row["name"]: row for row in answer}
            assert {*networks.names(), "mnist-binary", "mnist-learn"} <= set(rows)
            assert rows["conv-phased"]["psp"] == "phased/ramp/triangle"
            assert (rows["learn-box"]["n_lessons"], rows["ties"]["n_lessons"]) == (24, 0)
        else:
            folder = "build/ties-vectors"
            names = ("params.json", "inputs.jsonl", "expected.jsonl")
            assert answer["files"] == [f"{folder}/{name}" for name in names]
            assert all((tmp_path / name).is_file() for name in answer["files"])


@pytest.mark.parametrize("verb", ["check", "export", "list"])
def test_help_has_an_example(verb):
    environment = {"COLUMNS": "200", "TERM": "dumb"}
    result = CliRunner().invoke(command_line.app, ["vectors", verb, "--help"], env=environment)
    assert result.exit_code == 0
    assert f"Example: hwgen conformance {verb}" in result.output.replace("`", "")
    assert "--json" in result.output
