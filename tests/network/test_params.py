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
from samples import random_network, random_params

from hwgen.errors import ParamsError
from hwgen.network import params_file
from hwgen.network.check import check_spec


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
    with pytest.raises(ParamsError, match=f"^{re.escape(str(path))}: {message}(; also .*)?$"):
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
    del table["learning"]  # there is none
    for layer in table["layers"]:  # its PSP is the step
        del layer["psp"], layer["tau_steps"], layer["phased"], layer["reset"], layer["leak_shift"]
        for name in ("leak_times", "fraction_bits", "input_bits", "bias_bits", "order", "fires"):
            del layer[name]
    for name in ("encoding", "channels", "step_us"):  # latency
        del table["input"][name]
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
            r"header: .*layers\[0\].* kind.* one of 'dense', 'conv2d', 'pool2d', not .*'conv'.*",
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


@pytest.fixture
def conv_path(tmp_path):
    """Layers: conv2d 8x6x1 -> 4x3x3, pool2d -> 2x1x3, dense 6 -> 5, dense 5 -> 4."""
    net = random_network(
        1, "8x6-3C3s2p1-P2-5-4", psp="triangle/ramp/step", tau_steps=2, weight_bits=4
    )
    params_file.save(net, tmp_path / "params.safetensors")
    return tmp_path / "params.safetensors"


def test_round_trip_of_pictures(conv_path):
    net = random_network(
        1, "8x6-3C3s2p1-P2-5-4", psp="triangle/ramp/step", tau_steps=2, weight_bits=4
    )
    again = params_file.load(conv_path)
    assert (again.spec, again.digest) == (net.spec, net.digest)
    for old, new in zip(
        net.weights + net.thresholds, again.weights + again.thresholds, strict=True
    ):
        assert (old.dtype, old.shape, old.tolist()) == (new.dtype, new.shape, new.tolist())


def test_digest_of_pictures_is_as_documented(conv_path):
    import hashlib

    net = params_file.load(conv_path)
    neurons = {"weight_bits": 4}
    layers = [
        {"kind": "conv2d", "height": 8, "width": 6, "channels": 1, "filters": 3, "size": 3}
        | {"stride": 2, "padding": 1, "potential_bits": 8, "psp": "triangle", "tau_steps": 2}
        | neurons,
        {"kind": "pool2d", "height": 4, "width": 3, "channels": 3, "size": 2},
        {"kind": "dense", "n_pre": 6, "n_post": 5, "potential_bits": 9}
        | {"psp": "ramp", "tau_steps": 0}
        | neurons,
        {"kind": "dense", "n_pre": 5, "n_post": 4, "potential_bits": 7} | neurons,
    ]
    spec = {
        "n_steps": 6,
        "input": {"height": 8, "width": 6, "x_max": 255, "crop": 0},
        "layers": layers,
        "readout": "first_spike",
    }
    content = b"hwgen-params-1\n"
    content += json.dumps(spec, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    for index in (0, 2, 3):
        content += bytes(int(w) % 256 for w in net.weights[index].flatten())
        content += b"".join(int(t).to_bytes(4, "little") for t in net.thresholds[index])
    assert net.digest == hashlib.sha256(content).hexdigest()


def layer(index, **fields):
    return lambda h, t: h["spec"]["layers"][index].update(fields)


def without(index, field):
    return lambda h, t: h["spec"]["layers"][index].pop(field)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (layer(0, kind="conv"), r"header: spec: layers\[0\].* kind.* one of .*, not .*'conv'.*"),
        (layer(0, kind=["conv2d"]), r"header: .*\[0\].* kind.* one of .*, not .*\['conv2d'\].*"),
        (
            without(1, "kind"),
            r"header: spec: layers\[1\] must be a table with a kind, one of 'dense', 'conv2d', "
            r"'pool2d', not .*",
        ),
        (
            lambda h, t: h["spec"]["layers"].__setitem__(1, 7),
            r"header: spec: layers\[1\] must be a table with a kind, one of .*, not 7",
        ),
        (
            layer(1, kind="dense"),
            r"header: .*layers\[1\] has an unknown field 'channels'; known: .*",
        ),
        (layer(1, psp="ramp"), r"header: .*layers\[1\] has an unknown field 'psp'; known: .*"),
        (without(0, "filters"), r"header: .*layers\[0\] lacks the field 'filters' \(an int.*\)"),
        (
            layer(0, psp="square"),
            r"header: .*\[0\]: psp must be one of 'step', 'ramp', 'triangle', not 'square'",
        ),
        (
            without(0, "tau_steps"),
            r"header: spec: layers\[0\] lacks the field 'tau_steps'; the contract has no default",
        ),
        (layer(2, tau_steps=1), r"layers\[2\].tau_steps is 1 with psp 'ramp', .*"),
        (without(0, "psp"), r"layers\[0\].tau_steps is 2 with psp 'step', .*"),
        (layer(0, tau_steps=256), r"header: .*tau_steps must be an integer in 0..255, not 256"),
        (
            layer(0, height=9),
            r"layers\[0\] takes 9x6x1, but 8x6x1 feed it \(height x width x channels\)",
        ),
        (layer(0, height=6, width=8), r"layers\[0\] takes 6x8x1, but 8x6x1 feed it .*"),
        (layer(1, channels=1), r"layers\[1\] takes 4x3x1, but 4x3x3 feed it .*"),
        (layer(1, size=5), r"layers\[1\] has 0 neurons, expected 1..65536"),
        (layer(1, size=1), r"header: .*\[1\]: size must be an integer in 2..15, not 1"),
        (layer(1, size=3), r"layers\[2\].n_pre is 6, but 3 neurons feed it"),
        (layer(0, padding=3), r"layers\[0\].padding is 3, expected less than size, 3"),
        (layer(0, padding=-1), r"header: .*padding must be an integer in 0..14, not -1"),
        (layer(0, stride=0), r"header: .*stride must be an integer in 1..15, not 0"),
        (layer(0, filters=4096, stride=1), r"layers\[0\] has 196608 neurons, expected 1..65536"),
        (
            layer(0, potential_bits=7),
            r"layers\[0\].potential_bits is 7, too narrow: 9 inputs of weight up to 7 need 8 "
            "with psp 'triangle'",
        ),
        (
            layer(2, potential_bits=8),
            r"layers\[2\].potential_bits is 8, too narrow: 6 inputs of weight up to 7 need 9 "
            "with psp 'ramp'",
        ),
        (
            lambda h, t: h["spec"]["layers"].pop(),
            "unexpected tensor '3.thresholds'",
        ),
        (
            lambda h, t: (
                [h["spec"]["layers"].pop() for _ in "23"]
                + [t.pop(f"{n}.{kind}") for n in "23" for kind in ("weights", "thresholds")]
            ),
            "the last layer is pool2d, expected dense",
        ),
        (lambda h, t: t.pop("0.weights"), "tensor '0.weights' is missing"),
        (
            lambda h, t: t.update({"1.weights": np.zeros(0, np.int8)}),
            "unexpected tensor '1.weights'",
        ),
        (
            lambda h, t: t.update({"1.thresholds": np.zeros(3, np.int32)}),
            "unexpected tensor '1.thresholds'",
        ),
        (
            lambda h, t: t.update({"0.weights": t["0.weights"].reshape(9, 3)}),
            r"0.weights has shape \[9, 3\], expected \[3, 3, 1, 3\]",
        ),
        (
            lambda h, t: t.update({"0.thresholds": np.zeros(36, np.int32)}),
            r"0.thresholds has shape \[36\], expected \[3\]",
        ),
        (
            lambda h, t: t["0.weights"].__setitem__((1, 2, 0, 1), -8),
            r"0.weights\[1, 2, 0, 1\] is -8, expected within \+-7 \(4-bit weights\)",
        ),
        (
            lambda h, t: t["0.weights"].__setitem__((0, 0, 0, 0), t["0.weights"][0, 0, 0, 0] ^ 1),
            "digest is .*",
        ),
        (layer(0, tau_steps=1), "digest is .*"),
    ],
)
def test_pictures_refused(conv_path, change, message):
    rewrite(conv_path, change)
    fails(conv_path, message)


def test_a_picture_must_be_as_large_as_a_filter(tmp_path):
    net = random_network(1, "4x4-2C3-3")
    smaller = dataclasses.replace(net.spec.layers[0], size=5)
    spec = dataclasses.replace(net.spec, layers=(smaller, net.spec.layers[1]))
    with pytest.raises(ParamsError, match=r"^params: layers\[0\] has 0 neurons, expected 1\.\."):
        dataclasses.replace(net, spec=spec).check()


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
    dense, pictures = random_params(1, (4, 3), 4), random_network(1, "4x4-2C3p1-P2-3", psp="ramp")
    net = data.draw(st.sampled_from([dense, pictures]))
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


def test_all_reasons_are_said_at_once():
    net = random_params(1, (12, 9, 4))
    first, last = net.spec.layers
    layers = (dataclasses.replace(first, n_pre=13), dataclasses.replace(last, potential_bits=2))
    spec = dataclasses.replace(net.spec, layers=layers)
    expected = (
        r"^net: layers\[0\]\.n_pre is 13, but 12 neurons feed it; also "
        r"layers\[1\]\.potential_bits is 2, too narrow: .*$"
    )
    with pytest.raises(ParamsError, match=expected):
        check_spec(spec, "net")
