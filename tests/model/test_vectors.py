"""Test vectors: round trip for every kind of layer, and damage."""

import re

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save as to_safetensors
from samples import random_network, random_spike_times

from hwgen.errors import ParamsError
from hwgen.golden import Golden
from hwgen.model import vectors as vectors_file
from hwgen.model.vectors import Vectors

N = 6


@pytest.fixture
def net():
    return random_network(2, "8x8-3C3p1-P2-7-4", psp="ramp/triangle", tau_steps=2)


@pytest.fixture
def path(net, tmp_path):
    inputs = random_spike_times(3, N, net)
    trace = Golden(net).run(inputs)
    vectors = Vectors(
        digest=net.digest,
        inputs=inputs,
        labels=np.arange(N, dtype=np.uint8) % 4,
        spike_times=trace.spike_times,
        potentials=tuple(values.astype(np.int32) for values in trace.potentials),
        decisions=trace.decisions.astype(np.uint8),
        decision_steps=trace.decision_steps,
    )
    vectors_file.save(vectors, tmp_path / "v")
    return tmp_path / "v"


def test_round_trip(net, path):
    vectors = vectors_file.load(path, net)
    trace = Golden(net).run(vectors.inputs)
    for index in range(4):
        assert vectors.spike_times[index].tolist() == trace.spike_times[index].tolist()
        assert vectors.potentials[index].tolist() == trace.potentials[index].tolist()
    assert vectors.decisions.tolist() == trace.decisions.tolist()
    assert vectors.labels.tolist() == [0, 1, 2, 3, 0, 1]


def test_a_pooling_layer_has_no_potentials(path):
    with safe_open(path, framework="np") as file:
        names = set(file.keys())
    assert names == {"inputs", "labels", "decisions", "decision_steps"} | {
        "0.spike_times", "0.potentials", "1.spike_times",
        "2.spike_times", "2.potentials", "3.spike_times", "3.potentials",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("0.potentials"), "not a whole vector file: .*"),
        (
            lambda t: t.update({"1.spike_times": t["1.spike_times"][:, 1:].copy()}),
            r"1.spike_times is uint8 \[6, 47\], expected uint8 \[6, 48\]",
        ),
        (
            lambda t: t.update({"0.potentials": t["0.potentials"].astype(np.int64)}),
            r"0.potentials is int64 \[6, 192\], expected int32 \[6, 192\]",
        ),
        (
            lambda t: t.update({"1.potentials": np.zeros((N, 48), np.int32)}),
            "unexpected tensor '1.potentials'",
        ),
    ],
)
def test_refused(net, path, change, message):
    with safe_open(path, framework="np") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(tensors)
    path.write_bytes(to_safetensors(tensors, metadata))
    with pytest.raises(ParamsError, match=f"^{re.escape(str(path))}: {message}$"):
        vectors_file.load(path, net)


def test_of_other_params(net, path):
    other = random_network(3, net.spec.shape)
    with pytest.raises(ParamsError, match=r"made for params '.{16}', expected '.{16}'; `hwgen "):
        vectors_file.load(path, other)
