"""Bad files: a reader gives something that holds, or one line that names the file.

A few hundred damaged files of each kind, the same each time; `make fuzz` takes more,
at random.
"""

import gzip
import io
import json
import os
import tomllib
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as some
from mutations import changed, damaged, toml, values
from safetensors.numpy import save as to_safetensors
from samples import learning_params, random_network, random_params, random_spike_times
from text_files import GOOD, RECIPE
from typer.testing import CliRunner

from hwgen import recipe
from hwgen.boards import board
from hwgen.cli import app, main
from hwgen.conformance import check, json_export, make_vectors, results
from hwgen.data import datasets
from hwgen.errors import HwgenError
from hwgen.model import vectors as vectors_file
from hwgen.model.folder import ModelFolder
from hwgen.network import params_file
from hwgen.network.params import KINDS
from hwgen.onchip import checkpoint
from hwgen.onchip.checkpoint import CurvePoint, RunState

LONG = int(os.environ.get("HWGEN_FUZZ", "0"))  # examples of each test; 0: the quick run
settings.register_profile(
    "fuzz",
    deadline=None,  # a full machine is no bug
    derandomize=not LONG,
    database=None,
    max_examples=LONG or 100,
    suppress_health_check=list(HealthCheck),
)
FUZZ = settings.get_profile("fuzz")


def outcome(load, path, names=()):
    """What `load(path)` gives, or None if it refuses; anything but one clear line is a failure."""
    try:
        return load(path)
    except HwgenError as error:
        text = str(error)
    assert text.isprintable(), text
    assert any(name in text for name in (path.name, *names)), text
    assert len(text) < 1500 + len(str(path)), text
    return None


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


# Parameter files.

SMALL = random_params(1, (12, 9, 4), 4)
PICTURES = random_network(1, "6x6-2C2-P2-3C1-3", psp="triangle", tau_steps=1, n_steps=5)
PHASED = random_network(1, "1x9-7-4", psp="phased/ramp")
LEARNS = learning_params("phased/ramp", 4, "1x9-7-4", hidden_shift=2)
NETS = [SMALL, PICTURES, PHASED, LEARNS]
FILES = [params_file.to_bytes(net) for net in NETS]


def params_hold(path):
    """What was read is legal, and can be written and read again."""
    params = outcome(params_file.load, path)
    if params is None:
        return False
    params.check()
    again = path.with_name("again.safetensors")
    params_file.save(params, again)
    assert params_file.load(again).digest == params.digest
    return params


@given(content=some.sampled_from(FILES).flatmap(damaged))
@settings(FUZZ)
@example(content=b"")
@example(content=b"\xff" * 8)
@example(content=b"\x02" + b"\0" * 7 + b"{}")
def test_damaged_params(folder, content):
    path = folder / "params.safetensors"
    path.write_bytes(content)
    params = params_hold(path)
    if params:  # name and provenance decide nothing, all else is covered by the digest
        assert params.digest in {net.digest for net in NETS}


def header_of(content):
    return json.loads(
        json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]["hwgen"]
    )


def tensors_of(net):
    return {
        f"{index}.{kind}": tensor
        for kind in KINDS
        for index, tensor in enumerate(getattr(net, kind))
        if tensor.size
    }


HEADERS = [header_of(content) for content in FILES]


@given(number=some.integers(0, len(NETS) - 1), draws=some.data())
@settings(FUZZ)
def test_params_with_another_header(folder, number, draws):
    header = draws.draw(changed(HEADERS[number]))
    write_header(folder / "params.safetensors", number, json.dumps(header))


def write_header(path, number, text):
    path.write_bytes(to_safetensors(tensors_of(NETS[number]), {"hwgen": text}))
    params = params_hold(path)
    if params:
        result = CliRunner().invoke(app, ["info", str(path)])
        assert result.exit_code == 0, result.exception
    return params


DEEP = "[" * 900 + "]" * 900


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(HEADERS[0]).replace('"random"', r'"\ud800"'),
        json.dumps(HEADERS[0]).replace('"random"', r'"a\nb"'),
        json.dumps(HEADERS[0]).replace('"random"', '"../../etc"'),
        json.dumps(HEADERS[0]).replace('"random"', '""'),
        json.dumps(HEADERS[0]).replace('"random"', DEEP),
        json.dumps(HEADERS[0]).replace('"provenance": {}', f'"provenance": {{"x": {DEEP}}}'),
        json.dumps(HEADERS[0]).replace('"format": 1', '"format": ' + "9" * 4000),
        json.dumps(HEADERS[0]).replace('"format": 1', '"format": ' + "9" * 5000),
        json.dumps(HEADERS[0]).replace('"n_steps": 6', '"n_steps": 1e400'),
        "[" * 100_000,
        "null",
        "3",
    ],
    ids=lambda text: text[:0],
)
def test_headers_that_nobody_can_use(folder, text):
    assert not write_header(folder / "params.safetensors", 0, text)


@pytest.mark.parametrize("dtype", ["<i2", "<i8", "<u4", "<f4", "<f8", "<f2", "?"])
def test_tensors_of_another_type(folder, dtype):
    path = folder / "params.safetensors"
    tensors = tensors_of(SMALL)
    tensors["0.weights"] = tensors["0.weights"].astype(dtype)
    path.write_bytes(to_safetensors(tensors, {"hwgen": json.dumps(HEADERS[0])}))
    assert not params_hold(path)


@given(
    table=some.dictionaries(
        some.sampled_from(["0.weights", "0.thresholds", "1.weights", "__metadata__", "x\ny"]),
        some.fixed_dictionaries(
            {
                "dtype": some.sampled_from(["I8", "I32", "BF16", "F8_E4M3", "F64", "BOOL", "Q9"]),
                "shape": some.lists(some.sampled_from([0, 1, 9, 2**32, 2**63]), max_size=4),
                "data_offsets": some.lists(some.sampled_from([0, 1, 9, 144, 2**63]), max_size=3),
            }
        )
        | some.just({"hwgen": json.dumps(HEADERS[0])})
        | values(),
        max_size=4,
    ),
    rest=some.binary(max_size=200),
)
@settings(FUZZ)
@example(  # a type of numbers that numpy does not have
    table={"x": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}, rest=b"12"
)
def test_arbitrary_safetensors(folder, table, rest):
    head = json.dumps(table).encode()
    path = folder / "params.safetensors"
    path.write_bytes(len(head).to_bytes(8, "little") + head + rest)
    assert not params_hold(path)


def test_more_classes_than_a_label_can_say():
    net = random_params(1, (4, 256), 2)
    with pytest.raises(HwgenError, match="256 classes, but vectors have room for 255"):
        make_vectors.vectors(net, random_spike_times(1, 2, net), np.zeros(2, int))


# Vectors and training samples.

INPUTS = random_spike_times(3, 5, LEARNS)
VECTORS = make_vectors.vectors(LEARNS, INPUTS, np.array([0, 1, 2, 3, 0]))
TRAINING_SAMPLES = make_vectors.learning_vectors(LEARNS, INPUTS, np.array([0, 1, -1, 3, 0]))


@pytest.fixture(scope="module")
def vector_files(folder):
    vectors_file.save(VECTORS, folder / "v")
    vectors_file.save(TRAINING_SAMPLES, folder / "l")
    return (folder / "v").read_bytes(), (folder / "l").read_bytes()


@given(training_samples=some.booleans(), draws=some.data())
@settings(FUZZ)
def test_damaged_vectors(folder, vector_files, training_samples, draws):
    path = folder / "vectors.safetensors"
    path.write_bytes(draws.draw(damaged(vector_files[training_samples])))
    found = outcome(lambda p: vectors_file.load(p, LEARNS, learns=training_samples), path)
    vectors_file.digest_of(path)
    if found:
        assert found.inputs.max() <= LEARNS.spec.n_steps
        assert found.decisions.max() < LEARNS.spec.n_classes


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": np.uint8(3)},
        {"labels": np.zeros((5, 1), np.uint8)},
        {"labels": np.zeros(0, np.uint8)},
        {"inputs": INPUTS + 1},
        {"inputs": INPUTS.astype(np.float32)},
        {"decisions": np.full(5, 4, np.uint8)},
        {"decision_steps": np.full(5, 7, np.uint8)},
        {"potentials": (VECTORS.potentials[0][:, 0], VECTORS.potentials[1])},
        {"spike_times": (VECTORS.spike_times[0] + 1, VECTORS.spike_times[1])},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_vectors_that_cannot_be(folder, changes):
    names = vectors_file._tensors(VECTORS)
    for name, value in changes.items():
        given_ = value if isinstance(value, tuple) else None
        if given_ is None:
            names[name] = np.asarray(value)
        else:
            names |= {f"{index}.{name}": tensor for index, tensor in enumerate(given_)}
    path = folder / "vectors.safetensors"
    tensors = {name: np.ascontiguousarray(t).reshape(np.shape(t)) for name, t in names.items()}
    path.write_bytes(to_safetensors(tensors, {"hwgen-digest": LEARNS.digest}))
    assert outcome(lambda p: vectors_file.load(p, LEARNS), path) is None


# Recipes and boards.

RECIPE = (
    RECIPE
    + """[augment]
zoom = 0.1
[learning]
layers = "last"
"""
)
BOARD = GOOD
LOADERS = {"recipe": (recipe.load, RECIPE), "board": (board.load, BOARD)}
TEXTS = [  # what TOML's reader itself gives up on, or what it gives that nobody can use
    "a = " + "9" * 5000,
    "a = 0x" + "f" * 5000,
    "name = 0x" + "f" * 5000,
    "seed = 0x" + "f" * 40,
    "a = " + "[" * 2000 + "]" * 2000,
    "a = " + "[" * 300 + "]" * 300,
    "a" + ".a" * 3000 + " = 1",
    "name = 1979-05-27",
    'name = "a\\nb"',
    'name = "../x"',
    'name = "\\u001b[2J"',
    'name = ""',
    "x = inf",
    "\ufeffname = 1",
    "\x00",
    '"' + "y" * 20_000 + '" = 1',
]


@pytest.mark.parametrize("kind", LOADERS)
@given(draws=some.data())
@settings(FUZZ)
def test_changed_tables(folder, kind, draws):
    load, text = LOADERS[kind]
    path = folder / f"{kind}.toml"
    path.write_text(toml(draws.draw(changed(tomllib.loads(text)))))
    outcome(load, path)


@pytest.mark.parametrize("kind", LOADERS)
@given(draws=some.data())
@settings(FUZZ)
def test_damaged_tables(folder, kind, draws):
    load, text = LOADERS[kind]
    path = folder / f"{kind}.toml"
    path.write_bytes(draws.draw(damaged(text.encode())))
    outcome(load, path)


@pytest.mark.parametrize("kind", LOADERS)
@pytest.mark.parametrize("line", TEXTS, ids=lambda text: text[:12].encode().hex())
def test_tables_that_nobody_can_use(folder, kind, line):
    load, text = LOADERS[kind]
    path = folder / f"{kind}.toml"
    own = line.partition(" ")[0]
    rest = "\n".join(old for old in text.splitlines() if not old.startswith(f"{own} ="))
    path.write_text(f"{line}\n{rest}")
    assert outcome(load, path) is None


@pytest.mark.parametrize("number", ["0x" + "f" * 300, "1e999", "-inf", "nan", "true", "'1'"])
@pytest.mark.parametrize("name", ["learning_rate", "epochs", "causal"])
def test_numbers_out_of_range(folder, name, number):
    path = folder / "recipe.toml"
    path.write_text(RECIPE.replace('"sstdp"', f'"sstdp"\n{name} = {number}'))
    assert outcome(recipe.load, path) is None


@pytest.mark.parametrize("platform", ["os", "os:", ":x", "no.such:X", "builtins:dict", "a b:c"])
def test_platforms_that_are_none(folder, platform):
    path = folder / "board.toml"
    path.write_text(BOARD.replace("amaranth_boards.icebreaker:ICEBreakerPlatform", platform))
    with pytest.raises(HwgenError, match="cannot be loaded"):
        board.load(path).make_platform()


# Data sets.


def idx(shape, content):
    sizes = b"".join(size.to_bytes(4, "big") for size in shape)
    return bytes([0, 0, 8, len(shape)]) + sizes + content


GOOD_IDX = {
    "images": idx((6, 3, 3), bytes(range(54))),
    "labels": idx((6,), bytes([0, 1, 2, 3, 4, 9])),
}


def load_idx(folder, images, labels):
    for kind, content in (("images-idx3", images), ("labels-idx1", labels)):
        (folder / f"t10k-{kind}-ubyte.gz").write_bytes(content)

    found = outcome(
        lambda path: datasets.load("mnist", "test", data_dir=path), folder, ("mnist", "t10k-")
    )
    if found is None:
        return None
    assert len(found.labels) == len(found.images) > 0
    assert found.images.dtype == np.uint8
    assert 0 <= found.labels.min() <= found.labels.max() <= 9
    return found


@given(kind=some.sampled_from(["images", "labels"]), draws=some.data())
@settings(FUZZ)
def test_damaged_idx(folder, kind, draws):
    files = dict(GOOD_IDX)
    if draws.draw(some.booleans()):  # within the gzip file, or that itself
        files[kind] = draws.draw(damaged(files[kind]))
        packed = {name: gzip.compress(content, 1) for name, content in files.items()}
    else:
        packed = {name: gzip.compress(content, 1) for name, content in files.items()}
        packed[kind] = draws.draw(damaged(packed[kind]))
    load_idx(folder, packed["images"], packed["labels"])


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (idx((2**31, 2**31, 4), b""), GOOD_IDX["labels"]),  # its size is 0 modulo 2 ** 64
        (idx((0,) * 255, b""), GOOD_IDX["labels"]),
        (idx((), b"1"), GOOD_IDX["labels"]),
        (b"\0\0\x08", GOOD_IDX["labels"]),
        (idx((6, 0, 3), b""), GOOD_IDX["labels"]),
        (idx((0, 3, 3), b""), idx((0,), b"")),
        (GOOD_IDX["images"], idx((6,), bytes([0, 1, 2, 3, 4, 200]))),
        (GOOD_IDX["images"], idx((5,), bytes(5))),
        (GOOD_IDX["labels"], GOOD_IDX["labels"]),
    ],
)
def test_idx_that_cannot_be(folder, images, labels):
    assert load_idx(folder, gzip.compress(images), gzip.compress(labels)) is None


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


NPZ = npz(x=np.zeros((4, 6, 5), np.uint8), y=np.array([0, 1, 0, 1]))


def zipped(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


@given(content=damaged(NPZ))
@settings(FUZZ)
@example(content=zipped(**{"x.npy": b"none", "y.npy": b""}))
@example(content=npz(x=np.zeros((4, 6, 5), np.uint8), y=np.array([0.0, np.nan, 0, 1])))
@example(content=npz(x=np.zeros((4, 6, 5), np.uint8), y=np.array(["a", "b", "c", "d"])))
@example(content=npz(x=np.zeros((4, 6, 5), np.uint8), y=np.array([0, 1, 2, 1])))
@example(content=npz(x=np.zeros((4, 6, 5), np.uint8), y=np.array([0, 1, -1, 1])))
@example(content=npz(x=np.zeros((4, 6, 5), np.uint8)))
@example(content=npz(x=np.zeros((0, 6, 5), np.uint8), y=np.zeros(0, int)))
@example(
    content=b"\x93NUMPY\x01\x00v\x00{'descr': '|u1', 'fortran_order': False, 'shape': (1,)}\n0"
)
def test_damaged_npz(folder, content):
    path = folder / "caltech101_faces_motorbikes.npz"
    path.write_bytes(content)
    found = outcome(
        lambda p: datasets.load("caltech-face-motorbike", "test", data_dir=p.parent),
        path,
        ("caltech-face-motorbike",),
    )
    assert found is None or set(found.labels.tolist()) <= {0, 1}


# Results of other implementations.


@pytest.fixture(scope="module")
def checked_model(folder):
    """A folder with params and vectors, and a right file of results for it."""
    path = folder / "model"
    params_file.save(SMALL, path / "params.safetensors")
    inputs = random_spike_times(3, 3, SMALL)
    vectors_file.save(
        make_vectors.vectors(SMALL, inputs, np.zeros(3, int)), path / "vectors.safetensors"
    )

    json_export.export(ModelFolder(path), path / "plain")
    return path, (path / "plain" / "expected.jsonl").read_bytes()


@given(draws=some.data())
@settings(FUZZ)
def test_damaged_results(folder, checked_model, draws):
    path, content = checked_model
    lines = content.splitlines()
    if draws.draw(some.booleans()):
        content = draws.draw(damaged(content))
    else:
        number = draws.draw(some.integers(0, len(lines) - 1))
        lines[number] = json.dumps(draws.draw(changed(json.loads(lines[number])))).encode()
        content = b"\n".join(lines)
    target = folder / "results.jsonl"
    target.write_bytes(content)
    verdict = outcome(lambda p: check.check(p, ModelFolder(path)), target)
    if verdict:
        assert verdict.n_samples > 0
        assert verdict.implementation.isprintable()


@pytest.mark.parametrize(
    "line",
    [DEEP, "9" * 5000, '{"sample": ' + DEEP + "}", '{"' + "z" * 50_000 + '": 1}', r'{"\ud800": 1}'],
    ids=["deep", "digits", "deep field", "long field", "half a character"],
)
@pytest.mark.parametrize("first", [False, True])
def test_results_that_nobody_can_use(folder, checked_model, line, first):
    path, content = checked_model
    head = content.splitlines()[0]
    target = folder / "results.jsonl"
    target.write_bytes(line.encode() if first else head + b"\n" + line.encode())
    assert outcome(lambda p: check.check(p, ModelFolder(path)), target) is None
    if first:
        assert outcome(results.read_header, target) is None


# Checkpoints.

PLAN = {"params": LEARNS.digest, "samples": 10}
POINT = CurvePoint(n_learnt=5, test_accuracy=0.5, online_accuracy=None, n_updates=3)
HALFWAY = RunState(params=LEARNS, state=123, curve=(POINT,), seconds=1.5, config=PLAN)


@pytest.fixture(scope="module")
def halfway_file(folder):
    checkpoint.save(HALFWAY, folder / "halfway")
    return (folder / "halfway").read_bytes()


@given(draws=some.data())
@settings(FUZZ)
def test_damaged_halfway(folder, halfway_file, draws):
    path = folder / "checkpoint.safetensors"
    path.write_bytes(draws.draw(damaged(halfway_file)))
    found = outcome(lambda p: checkpoint.load(p, PLAN), path)
    if found:
        assert (found.state, found.seconds, found.config) == (123, 1.5, PLAN)
        assert found.curve[0].n_updates == 3
        assert found.params.digest == LEARNS.digest


@pytest.mark.parametrize(("old", "new"), [("123", "173"), ("1.5", "2.5")])
def test_a_digit_of_a_checkpoint_is_another(folder, halfway_file, old, new):
    path = folder / "checkpoint.safetensors"
    text = f'\\"{"state" if old == "123" else "seconds"}\\": '
    assert (text + old).encode() in halfway_file
    path.write_bytes(halfway_file.replace((text + old).encode(), (text + new).encode()))
    assert outcome(lambda p: checkpoint.load(p, PLAN), path) is None


# Through the command line: one line, exit code 2.


@pytest.fixture
def files(tmp_path):
    """One bad file of each kind, by verb."""
    nowhere = tmp_path / "m"
    nowhere.mkdir()
    (nowhere / "params.safetensors").write_bytes(FILES[0][:-3])
    recipe_path, board_path = tmp_path / "r.toml", tmp_path / "b.toml"
    recipe_path.write_text("a = " + "9" * 5000)
    board_path.write_text("a = " + "[" * 2000)
    good = tmp_path / "good"
    params_file.save(
        replace(SMALL, provenance={"data": {"name": "a\nb"}}), good / "params.safetensors"
    )
    (tmp_path / "results.jsonl").write_text(DEEP)
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [
        ["info", "m"],
        ["evaluate", "m"],
        ["evaluate", "good"],
        ["verify", "m"],
        ["verilog", "m"],
        ["train", "r.toml"],
        ["learn", "r.toml"],
        ["learn", "digits-learn", "--seed", "-1"],
        ["learn", "digits-learn", "--shift", "99"],
        ["learn", "digits-learn", "--samples", "0"],
        ["learn", "digits-learn", "--labels", "1,x"],
        ["learn", "digits-learn", "--brightness", "nan"],
        ["train", "digits", "--seed", "-1"],
        ["verify", "digits", "--seed", "-1"],
        ["verify", "digits", "--stall", "nan"],
        ["cosim", "digits", "--stall", "1.5"],
        ["build", "good", "--board", "b.toml"],
        ["vectors", "check", "results.jsonl"],
    ],
    ids=" ".join,
)
def test_the_command_line_says_it_in_a_line(files, monkeypatch, capsys, arguments):
    monkeypatch.chdir(files)
    monkeypatch.setattr("sys.argv", ["hwgen", *arguments])
    before = sorted(path for path in files.rglob("*") if path.is_file())
    with pytest.raises(SystemExit) as caught:
        main()
    said = capsys.readouterr().err
    assert caught.value.code == 2, said
    assert "Traceback" not in said
    assert said.startswith("hwgen: error: ")
    assert said.count("\n") == 1
    assert sorted(path for path in files.rglob("*") if path.is_file()) == before
