"""Vectors that golden does not say are exported, or blamed on somebody, by nobody."""

import pytest
from safetensors import safe_open
from safetensors.numpy import save as to_safetensors
from typer.testing import CliRunner

from hwgen.cli import app
from hwgen.conformance import check, json_export, networks
from hwgen.errors import ParamsError


def tampered(tmp_path, change, which="vectors"):
    """The folder of learn-box, with a changed file of vectors."""
    folder = networks.find("learn-box")
    for path in (folder.params_path, folder.vectors_path, folder.learning_vectors_path):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    path = tmp_path / f"{which}.safetensors"
    with safe_open(path, framework="np") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name).copy() for name in file.keys()}  # noqa: SIM118
    change(tensors)
    path.write_bytes(to_safetensors(tensors, metadata))
    return networks.find(str(tmp_path))


def decision(tensors):
    tensors["decisions"][3] = (tensors["decisions"][3] + 1) % 4


def potential(tensors):
    tensors["1.potentials"][2, 1] += 1


def spike(tensors):
    times = tensors["0.spike_times"]
    times[5, 0] = 0 if times[5, 0] else 1


CHANGES = [
    (decision, r"vectors\.safetensors: decisions\[3\] is \d, but golden says \d: the file was ch"),
    (potential, r"1\.potentials\[2, 1\] is -?\d+, but golden says -?\d+"),
    (spike, r"0\.spike_times\[5, 0\] is \d+, but golden says \d+"),
]


@pytest.mark.parametrize(("change", "message"), CHANGES)
def test_tampered_vectors_are_neither_exported_nor_compared_with(tmp_path, change, message):
    sound = json_export.export(networks.find("learn-box"), tmp_path / "sound")
    results = next(path for path in sound if path.name == "expected.jsonl")
    folder = tampered(tmp_path, change)
    with pytest.raises(ParamsError, match=message):
        json_export.export(folder, tmp_path / "out")
    assert not list((tmp_path / "out").glob("*.json*"))
    with pytest.raises(ParamsError, match=message):
        check.check(results, folder)


def test_so_are_those_of_learning(tmp_path):
    def change(tensors):
        tensors["1.shadows"][4, 2] -= 1

    folder = tampered(tmp_path, change, "lessons")
    with pytest.raises(
        ParamsError, match=r"lessons\.safetensors: 1\.shadows\[4, 2\] is -?\d+, but"
    ):
        json_export.export(folder, tmp_path / "out")


def test_cosim_is_not_misled(tmp_path):
    """It compares the core with golden, whatever the file says of its inputs."""
    folder = tampered(tmp_path, decision)
    command = ["cosim", str(folder.path), "--samples", "2", "--build-dir", str(tmp_path / "work")]
    assert CliRunner().invoke(app, command).exit_code == 0


def wide(tensors):
    tensors["0.potentials"][1, 0] = 2**20


def label(tensors):
    tensors["labels"][0] = 4


def unlabelled(tensors):
    tensors["labels"][0] = 255


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (wide, r"0\.potentials hold 1048576, expected -\d+\.\.\d+: \d+ bits"),
        (label, r"labels hold 4, expected less than 4$"),
        (unlabelled, r"labels hold 255, expected less than 4$"),
    ],
)
def test_values_that_cannot_be(tmp_path, change, message):
    folder = tampered(tmp_path, change)
    with pytest.raises(ParamsError, match=message):
        folder.vectors(folder.params())
