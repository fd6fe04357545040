"""The contract's file: round trip, and every way in which it can be wrong."""

import dataclasses
import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save as to_safetensors
from samples import random_params

from hwgen import params as params_file
from hwgen.errors import ParamsError


@pytest.fixture
def net():
    return random_params(1, (12, 9, 4), 4)


@pytest.fixture
def path(net, tmp_path):
    path = tmp_path / "params.safetensors"
    params_file.save(net, path)
    return path


def rewrite(path, change):
    """Read the raw file, let `change(header, tensors)` spoil it, write it back."""
    with safe_open(path, framework="np") as file:
        header = json.loads(file.metadata()["hwgen"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    change(header, tensors)
    path.write_bytes(to_safetensors(tensors, {"hwgen": json.dumps(header)}))


def fails(path, message):
    with pytest.raises(ParamsError, match=f"^{re.escape(str(path))}: {message}$"):
        params_file.load(path)


def test_round_trip(net, path):
    again = params_file.load(path)
    assert again.digest == net.digest
    assert again.spec == net.spec
    assert again.name == "random"
    for old, new in zip(
        net.weights + net.thresholds, again.weights + again.thresholds, strict=True
    ):
        assert old.dtype == new.dtype
        assert old.tolist() == new.tolist()


def test_same_params_give_the_same_bytes(net, path):
    assert params_file.to_bytes(net) == path.read_bytes()


def test_digest_covers_what_decides_a_bit_and_nothing_else(net):
    def changed(**fields):
        return dataclasses.replace(net, **fields).digest != net.digest

    flipped = net.weights[0].copy()
    flipped[3, 2] += 1
    raised = net.thresholds[1].copy()
    raised[0] += 1
    assert changed(weights=(flipped, net.weights[1]))
    assert changed(thresholds=(net.thresholds[0], raised))
    assert changed(spec=dataclasses.replace(net.spec, n_steps=7))
    assert not changed(name="other", provenance={"note": 1})


def test_digest_is_as_documented(net):
    # docs/contract.md, section 2, done here by hand
    import hashlib

    table = dataclasses.asdict(net.spec)
    for layer in table["layers"]:  # its PSP is the step
        del layer["psp"], layer["tau_steps"]
    spec = json.dumps(table, sort_keys=True, separators=(",", ":"))
    content = b"hwgen-params-1\n" + spec.encode() + b"\n"
    for weights, thresholds in zip(net.weights, net.thresholds, strict=True):
        content += bytes(int(w) % 256 for w in weights.flatten())
        content += b"".join(int(t).to_bytes(4, "little", signed=True) for t in thresholds)
    assert net.digest == hashlib.sha256(content).hexdigest()


def test_truncated(path):
    content = path.read_bytes()
    for n in (0, 7, 100, len(content) - 1):
        path.write_bytes(content[:n])
        fails(path, "not a whole safetensors file: .*")


def test_missing_and_folder(tmp_path):
    fails(tmp_path / "no", "no such file; `hwgen train` makes one")
    fails(tmp_path, "(is a folder, expected a params.safetensors file|not a whole .*)")


def test_not_ours(path):
    path.write_bytes(to_safetensors({"x": np.zeros(1)}, {"other": "1"}))
    fails(path, "no 'hwgen' header: not an hwgen parameter file")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda h, t: h.update(format=2),
            "format is 2, this hwgen reads 1; use the hwgen that wrote it, or export again",
        ),
        (
            lambda h, t: h.update(digest="0" * 64),
            r"digest is [0-9a-f]{16}\.\.\., but the header says '0{16}'\.\.\.: "
            "the file was changed after it was written; export it again",
        ),
        (
            lambda h, t: t["0.weights"].__setitem__((0, 0), -t["0.weights"][0, 0] + 1),
            r"digest is .*",
        ),
        (
            lambda h, t: t.update({"1.weights": t["1.weights"].astype(np.int16)}),
            "1.weights has dtype int16, expected int8",
        ),
        (
            lambda h, t: t.update({"0.weights": t["0.weights"][:, :5].copy()}),
            r"0.weights has shape \[12, 5\], expected \[12, 9\]",
        ),
        (
            lambda h, t: t.update({"0.thresholds": t["0.thresholds"].astype(np.int64)}),
            "0.thresholds has dtype int64, expected int32",
        ),
        (lambda h, t: t.pop("1.thresholds"), "tensor '1.thresholds' is missing"),
        (lambda h, t: t.update(extra=np.zeros(1)), "unexpected tensor 'extra'"),
        (
            lambda h, t: h["spec"]["layers"][0].update(potential_bits=7),
            r"layers\[0\].potential_bits is 7, too narrow: "
            "12 inputs of weight up to 7 need 8 with psp 'step'",
        ),
        (
            lambda h, t: h["spec"]["layers"][1].update(n_pre=8),
            r"layers\[1\].n_pre is 8, but 9 neurons feed it",
        ),
        (
            lambda h, t: t["0.weights"].__setitem__((3, 1), 8),
            r"0.weights\[3, 1\] is 8, expected within \+-7 \(4-bit weights\)",
        ),
        (
            lambda h, t: t["0.thresholds"].__setitem__(2, -1),
            r"0.thresholds\[2\] is -1, expected 0..127 \(8-bit potentials\)",
        ),
        (
            lambda h, t: h["spec"].update(n_steps=256),
            "header: spec: n_steps must be an integer in 1..255, not 256",
        ),
        (
            lambda h, t: h["spec"]["layers"][0].update(n_pre="12"),
            r"header: spec: layers\[0\]: n_pre must be an integer in 1..65536, not '12'",
        ),
        (
            lambda h, t: h["spec"]["layers"][0].update(kind="conv"),
            r"header: spec: layers\[0\]: kind must be one of 'dense', 'conv2d', 'pool2d', "
            "not 'conv'",
        ),
        (
            lambda h, t: h["spec"].update(layers=[]),
            "layers must hold at least one layer",
        ),
        (
            lambda h, t: h["spec"]["input"].update(crop=1),
            "crop is 1, which leaves nothing of 1x12",
        ),
        (lambda h, t: h.pop("spec"), r"header lacks the field 'spec' \(a table\)"),
        (
            lambda h, t: h.update(specs=1),
            "header has an unknown field 'specs'; did you mean 'spec'\\?",
        ),
    ],
)
def test_refused(path, change, message):
    rewrite(path, change)
    fails(path, message)


def test_binary_weights_are_plus_or_minus_one(tmp_path):
    net = random_params(1, (4, 3), 1)
    net.weights[0][1, 2] = 0
    with pytest.raises(
        ParamsError,
        match=r"^params: 0.weights\[1, 2\] is 0, expected -1 or 1 \(1-bit weights\)$",
    ):
        params_file.save(net, tmp_path / "p")
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_bytes_never_load_as_something_else(tmp_path_factory, data):
    net = random_params(1, (4, 3), 4)
    content = bytearray(params_file.to_bytes(net))
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(content)
    try:
        digest = params_file.load(path).digest  # the flip hit a name: it decides no bit
    except ParamsError:
        digest = net.digest
    assert digest == net.digest
