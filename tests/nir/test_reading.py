"""What is read of a NIR file, whoever wrote it, and what is refused, all at once."""

import h5py
import nir
import nir_files
import numpy as np
import pytest
from nir_files import affine, chain, conv, fires, flatten, leaks, linear, pool

from hwgen.errors import NirError
from hwgen.nir import reading, settings

SMALL = chain(linear([[1, 2]]), fires(4.0), shape=[2])


def kinds(nodes):
    return [node.kind for node in nodes]


def test_order_is_that_of_the_edges_and_not_of_the_names(tmp_path):
    nodes = {
        "input_1": ("Input", {"shape": [2]}),
        "layer_10": linear([[1, 2]]),
        "layer_2": fires(4.0),
        "a": linear([[3]]),
        "0": fires(5.0),
        "output": ("Output", {"shape": [1]}),
    }
    edges = nir_files.row(nodes)
    path = nir_files.write(tmp_path / "x.nir", nodes, [edges[i] for i in (4, 0, 2, 3, 1)] + edges)
    found, version = reading.read(path)
    assert [node.name for node in found] == list(nodes)
    assert version == "1.0.8"
    assert found[1].array("weight").tolist() == [[1, 2]]


def test_a_graph_within_the_graph_is_put_in_place_of_its_node(tmp_path):
    path = nir_files.write(tmp_path / "x.nir", chain(("NIRGraph", {}), fires(1.0), shape=[2]))
    with h5py.File(path, "a") as file:
        inner = file["node/nodes/n0"]
        for name, (kind, fields) in chain(linear([[1, 2]]), shape=[2]).items():
            inner[f"nodes/{name}/type"] = kind
            for key, value in fields.items():
                inner[f"nodes/{name}/{key}"] = value
        inner["edges"] = np.array([("n0", "out"), ("in", "n0")], dtype="S")
    found, _ = reading.read(path)
    assert [(node.name, node.kind) for node in found] == [
        ("in", "Input"),
        ("n0.n0", "Linear"),
        ("n1", "IF"),
        ("out", "Output"),
    ]


def test_a_graph_of_the_package_is_read_as_its_file(tmp_path):
    graph = nir.NIRGraph(
        {
            "input": nir.Input({"input": np.array([2])}),
            "0": nir.Linear(np.ones((3, 2), np.float32)),
            "1": nir.LIF(*(np.full(3, x) for x in (0.001, 10.0, 0.0, 1.0, 0.0))),
            "output": nir.Output({"output": np.array([3])}),
        },
        [("1", "output"), ("0", "1"), ("input", "0")],
    )
    nir.write(tmp_path / "x.nir", graph)
    of_file, _ = reading.read(tmp_path / "x.nir")
    for node, other in zip(reading.from_nir(graph), of_file, strict=True):
        assert (node.name, node.kind) == (other.name, other.kind)
        for name in other.fields:
            assert np.array_equal(node.array(name), other.array(name)), name


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ([784], (784,)),
        ([1, 784], (784,)),
        ([1, 28, 28], (1, 28, 28)),
        ([1, 2, 10, 8], (2, 10, 8)),
        ([10, 8], (1, 10, 8)),
    ],
)
def test_a_batch_of_one_is_no_part_of_the_shape(shape, expected):
    node = reading.Node("input", "Input", {"shape": np.array(shape)})
    assert settings.input_shape(node) == expected


def message(path):
    with pytest.raises(NirError) as caught:
        reading.read(path)
    return str(caught.value)


def test_all_that_is_not_supported_is_named_at_once(tmp_path):
    nodes = chain(
        linear([[1, 2]]),
        ("CubaLIF", {"tau_mem": 1.0}),
        ("MaxPool2d", {}),
        ("Delay", {"delay": 1.0}),
        affine([[1]], [np.nan]),
        ("LIF", {"tau": 1.0}),
        shape=[2],
    )
    told = message(nir_files.write(tmp_path / "x.nir", nodes))
    assert told.count("; also ") == 4
    assert "n1 (CubaLIF) is not supported: a synaptic current beside the potential" in told
    assert "n2 (MaxPool2d) is not supported: a type that hwgen does not know" in told
    assert "n3 (Delay) is not supported: hwgen has no delays" in told
    assert "n4 (Affine): bias holds nan, which is no number" in told
    assert "n5 (LIF) lacks r, v_threshold: is the file whole?" in told


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ([("n1", "n1")], "node n1 (IF) feeds itself: recurrent, which hwgen cannot"),
        ([("n1", "n0")], "node n0 (Linear) is fed by in and n1: recurrent, which hwgen cannot"),
        ([("in", "n1")], "node n1 (IF) is fed by in and n0: a sum, as of residual nets: not yet"),
        ([("n1", "x")], "an edge names x, which is no node"),
    ],
)
def test_what_is_no_chain_is_refused(tmp_path, more, expected):
    edges = nir_files.row(SMALL) + more
    assert expected in message(nir_files.write(tmp_path / "x.nir", SMALL, edges))


def test_files_that_are_none(tmp_path):
    path = tmp_path / "x.nir"
    assert message(path).endswith("x.nir: no such file; expected a .nir file")
    assert message(tmp_path).endswith("is a folder, expected a .nir file")
    path.write_bytes(b"no HDF5")
    assert "x.nir: not a whole NIR file: " in message(path)
    with h5py.File(path, "w") as file:
        file["else"] = 1
    assert message(path).endswith("x.nir: holds no NIR graph: no group /node/nodes")
    torn = SMALL | {"n1": ("", {"r": 1.0})}
    told = message(nir_files.write(path, torn))
    assert told.endswith("x.nir: node n1 has no type: the file was not written whole")
    whole = nir_files.write(path, SMALL).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "x.nir: not a whole NIR file: " in message(path)


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (conv(np.ones((1, 1, 3, 5))), "its kernel is 3x5, expected a square"),
        (conv(np.ones((1, 1, 3, 3)), stride=[1, 2]), "stride is [1, 2], expected one number"),
        (conv(np.ones((1, 1, 3, 3)), dilation=2), "dilation is [2, 2], expected 1"),
        (conv(np.ones((2, 1, 3, 3)), groups=2), "groups is 2, expected 1"),
        (conv(np.ones((1, 1, 2, 2)), padding="same"), "padding 'same' with an even kernel"),
    ],
)
def test_convolutions_that_no_core_has(node, expected):
    with pytest.raises(NirError, match=r"^node x \(Conv2d\): ") as caught:
        settings.convolution(reading.Node("x", *node))
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"padding": "same"}, (3, 1, 1)),
        ({"padding": "valid", "stride": [2, 2]}, (3, 2, 0)),
        ({"padding": [1, 1], "stride": 2}, (3, 2, 1)),
    ],
)
def test_settings_come_as_numbers_pairs_and_words(given, expected):
    node = reading.Node("x", *conv(np.ones((1, 1, 3, 3)), **given))
    assert settings.convolution(node) == expected


def test_pools_come_with_numbers_and_pairs():
    for size in (2, np.array([2, 2])):
        assert settings.pooling(reading.Node("x", *pool("AvgPool2d", size, 2))) == (2, 2, 0)
    assert settings.flattens_all(reading.Node("x", *flatten()))
    assert leaks(1.0, tau=1.0, r=1.0)[0] == "LIF"
