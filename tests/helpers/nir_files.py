"""NIR files made for tests, by h5py alone, and files of real frameworks."""

import json
import zipfile
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np

FRAMEWORKS = Path(__file__).parents[1] / "nir" / "frameworks.zip"


def chain(*nodes, shape):
    """Nodes (type, fields) in a row, with Input of this shape and Output: name to both."""
    ends = {"in": ("Input", {"shape": np.array(shape)}), "out": ("Output", {"shape": [1]})}
    named = {f"n{place}": node for place, node in enumerate(nodes)}
    return {"in": ends["in"], **named, "out": ends["out"]}


def row(nodes):
    """The edges of nodes in a row."""
    return list(pairwise(nodes))


def write(path, nodes, edges=None, version="1.0.8"):
    """A file of nodes {name: (type, fields)}; by default in a row. A field may be text."""
    with h5py.File(path, "w") as file:
        file["version"] = version
        file["node/type"] = "NIRGraph"
        file["node/edges"] = np.array(row(nodes) if edges is None else edges, dtype="S")
        for name, (kind, fields) in nodes.items():
            _write_node(file, f"node/nodes/{name}", kind, fields)
    return path


def _write_node(file, place, kind, fields):
    if kind:
        file[f"{place}/type"] = kind
    else:
        file.create_group(place)
    for key, value in fields.items():
        file[f"{place}/{key}"] = value


def linear(weights):
    """[post, pre], as torch has them."""
    return "Linear", {"weight": np.array(weights, np.float32)}


def affine(weights, bias):
    return "Affine", {"weight": np.array(weights, np.float32), "bias": np.array(bias, np.float32)}


def conv(weights, *, stride=1, padding=0, bias=None, dilation=1, groups=1):
    weights = np.array(weights, np.float32)
    zeros = np.zeros(len(weights), np.float32)
    return "Conv2d", {
        "weight": weights,
        "bias": zeros if bias is None else np.array(bias, np.float32),
        "stride": stride if isinstance(stride, str) else np.array(stride),
        "padding": padding if isinstance(padding, str) else np.array(padding),
        "dilation": np.array([dilation, dilation]),
        "groups": groups,
    }


def pool(kind, size, stride=None):
    return kind, {"kernel_size": size, "stride": stride or size, "padding": np.array([0, 0])}


def fires(threshold, *, r=1e4, v_reset=0.0):
    """An IF; r = 1 / dt of SpikingJelly and of Euler's rule."""
    return "IF", {"r": r, "v_threshold": threshold, "v_reset": v_reset}


def leaks(threshold, *, tau, r, v_reset=0.0, v_leak=0.0):
    fields = {"tau": tau, "r": r, "v_threshold": threshold, "v_leak": v_leak}
    return "LIF", fields | {"v_reset": v_reset}


def flatten():
    return "Flatten", {"start_dim": 0, "end_dim": -1}


def of_frameworks(folder):
    """Unpack real files into a folder; returns what they are, by name."""
    with zipfile.ZipFile(FRAMEWORKS) as archive:
        archive.extractall(folder)
    return json.loads((folder / "about.json").read_text())
