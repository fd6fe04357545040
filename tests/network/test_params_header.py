"""One form for each network, strict JSON, and provenance that is free."""

import json
import struct
from dataclasses import replace

import pytest
from safetensors import safe_open
from safetensors.numpy import save as to_safetensors
from samples import learning_params, random_network, random_params
from typer.testing import CliRunner

from hwgen.cli import app
from hwgen.errors import ParamsError
from hwgen.network import params_file

DENSE = random_params(1, (12, 9, 4), 4)
CONV = random_network(1, "6x6-2C3p1-P2-3", psp="ramp")


def parts(params, path):
    """Tensors and header of a file."""
    params_file.save(params, path)
    with safe_open(path, framework="np") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return tensors, json.loads(file.metadata()["hwgen"])


def load_with(params, path, change):
    tensors, header = parts(params, path)
    change(header)
    path.write_bytes(to_safetensors(tensors, {"hwgen": json.dumps(header)}))
    return params_file.load(path)


def without(*keys):
    def change(header):
        place = header["spec"]
        for key in keys[:-1]:
            place = place[key]
        del place[keys[-1]]

    return change


@pytest.mark.parametrize(
    ("params", "keys"),
    [
        (CONV, ("layers", 0, "stride")),
        (CONV, ("layers", 0, "padding")),
        (CONV, ("layers", 0, "tau_steps")),
        (DENSE, ("input", "crop")),
        (DENSE, ("readout",)),
        (learning_params("ramp", 4, "1x4-3-3"), ("learning", "seed")),
    ],
)
def test_no_field_has_a_default(tmp_path, params, keys):
    with pytest.raises(ParamsError, match=f"lacks the field '{keys[-1]}'"):
        load_with(params, tmp_path / "p", without(*keys))


@pytest.mark.parametrize(
    ("place", "name", "value"),
    [
        ("layer", "psp", "step"),
        ("layer", "tau_steps", 0),
        ("layer", "phased", False),
        ("layer", "reset", "never"),
        ("layer", "leak_shift", 0),
        ("input", "encoding", "latency"),
        ("input", "channels", 1),
        ("input", "step_us", 0),
        ("spec", "learning", None),
    ],
)
def test_what_is_left_out_may_not_be_said(tmp_path, place, name, value):
    def change(header):
        spec = header["spec"]
        {"layer": spec["layers"][0], "input": spec["input"], "spec": spec}[place][name] = value

    with pytest.raises(
        ParamsError, match=f"has the field '{name}', which is left out where it says"
    ):
        load_with(DENSE, tmp_path / "p", change)


def text_of(params, path, old, new):
    tensors, header = parts(params, path)
    text = json.dumps(header)
    assert old in text
    path.write_bytes(to_safetensors(tensors, {"hwgen": text.replace(old, new, 1)}))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"n_steps": 6', '"n_steps": 6, "n_steps": 6', "the key 'n_steps' is there twice"),
        ('"name": "random"', '"name": "x", "name": "random"', "the key 'name' is there twice"),
        ('"x_max": 255', '"x_max": 9, "x_max": 255', "the key 'x_max' is there twice"),
        ('"provenance": {}', '"provenance": {"a": {"b": 1, "b": 1}}', "the key 'b' is there twice"),
        ('"provenance": {}', '"provenance": {"a": NaN}', "NaN is no number in JSON"),
        ('"provenance": {}', '"provenance": {"a": [-Infinity]}', "-Infinity is no number in JSON"),
        ('"provenance": {}', '"provenance": {"a": 1e999}', "has inf, which is no number in JSON"),
    ],
)
def test_json_that_means_two_things(tmp_path, old, new, message):
    text_of(DENSE, tmp_path / "p", old, new)
    with pytest.raises(ParamsError, match=message):
        params_file.load(tmp_path / "p")


def test_a_tensor_or_a_header_that_is_there_twice(tmp_path):
    params_file.save(DENSE, tmp_path / "p")
    content = (tmp_path / "p").read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    table, data = content[8 : 8 + length].decode().rstrip(), content[8 + length :]
    for name in ("1.weights", "__metadata__"):
        value = json.dumps(json.loads(table)[name])
        twice = f'{{"{name}":{value},{table[1:]}'
        (tmp_path / "p").write_bytes(struct.pack("<Q", len(twice)) + twice.encode() + data)
        with pytest.raises(ParamsError):
            params_file.load(tmp_path / "p")


def test_another_metadata_key(tmp_path):
    tensors, header = parts(DENSE, tmp_path / "p")
    metadata = {"hwgen": json.dumps(header), "format": "pt"}
    (tmp_path / "p").write_bytes(to_safetensors(tensors, metadata))
    with pytest.raises(ParamsError, match="unexpected metadata 'format', expected 'hwgen' only"):
        params_file.load(tmp_path / "p")


def nested(depth):
    """Provenance of so many tables and lists in one another."""
    value = 1
    for _ in range(depth - 1):
        value = [value]
    return {"x": value} if depth > 1 else {}


def test_provenance_may_be_63_deep(tmp_path):
    params_file.save(replace(DENSE, provenance=nested(63)), tmp_path / "p")
    assert params_file.load(tmp_path / "p").provenance == nested(63)
    with pytest.raises(ParamsError, match="64 and more deep"):
        params_file.save(replace(DENSE, provenance=nested(64)), tmp_path / "q")
    with pytest.raises(ParamsError, match="64 and more deep"):
        load_with(DENSE, tmp_path / "p", lambda header: header.update(provenance=nested(64)))


def test_integers_of_provenance(tmp_path):
    for value in (2**64 - 1, 1 - 2**64):
        params_file.save(replace(DENSE, provenance={"x": value}), tmp_path / "p")
        assert params_file.load(tmp_path / "p").provenance == {"x": value}
    with pytest.raises(ParamsError, match="an integer of 65 bits"):
        params_file.save(replace(DENSE, provenance={"x": -(2**64)}), tmp_path / "p")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_json_is_not_written(tmp_path, value):
    with pytest.raises(ParamsError, match="which is no number in JSON"):
        params_file.save(replace(DENSE, provenance={"x": [value]}), tmp_path / "p")
    assert not (tmp_path / "p").exists()


FREE = [
    {"accuracy": 0.9},
    {"accuracy": {"x": "high", "golden, test": 0.5}},
    {"data": "mnist"},
    {"data": {"name": 4, "n_test": "ten"}},
    {"seed": "0"},
    {"seed": -1},
    {"description": ["a"]},
    {"n_samples": 0},
    {"course": {}},
    {"course": {"n_samples": 1, "n_updates": 1, "dataset": "digits"}},
    {"course": {"n_samples": 1, "n_updates": 1, "dataset": "digits"}, "parent": 5},
    {"training_s": "long", "device": 7},
    {"recipe": "digits"},
    {"recipe": {"data": {"validation": 0.6}}},
]


@pytest.mark.parametrize("provenance", FREE)
def test_provenance_is_free(tmp_path, provenance):
    """Somebody else's fields are kept as they are, and no verb falls over them."""
    params_file.save(replace(DENSE, provenance=provenance), tmp_path / "params.safetensors")
    read = params_file.load(tmp_path / "params.safetensors")
    assert (read.provenance, read.digest) == (provenance, DENSE.digest)
    for verb in (["info"], ["info", "--json"]):
        result = CliRunner().invoke(app, [verb[0], str(tmp_path), *verb[1:]])
        assert result.exit_code == 0, result.exception
    from hwgen.report import card

    assert f"`{DENSE.digest}`" in card.render(read, {})


def test_fields_of_the_right_kind_are_read(tmp_path):
    made = {
        "seed": 3,
        "data": {"name": "digits", "n_test": 9},
        "accuracy": {"golden, test": 0.5, "x": "?"},
        "recipe": {"data": {"validation": 0.2}, "name": "other"},
    }
    assert replace(DENSE, provenance=made).origin == made | {
        "accuracy": {"golden, test": 0.5},
        "recipe": {"data": {"validation": 0.2}},
    }


@pytest.mark.parametrize(
    "name", ["a/b", "a\\b", ".a", "a\u200bb", "a\u00a0b", "\ue000", "x" * 101, ""]
)
def test_names_that_are_refused(tmp_path, name):
    with pytest.raises(ParamsError, match="no slash, no backslash, no dot first"):
        params_file.save(replace(DENSE, name=name), tmp_path / "p")


def test_names_that_are_not(tmp_path):
    for name in ("a b", "[bold]x", "Zürich", "模型", "x" * 100):
        params_file.save(replace(DENSE, name=name), tmp_path / "p")
        assert params_file.load(tmp_path / "p").name == name
