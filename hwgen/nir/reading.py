"""NIR files, which are HDF5, and graphs of the package nir, as plain graphs.

Files are read by h5py alone: `nir.read` ends at the first type that it does not know, at scalars,
and at kernels that are not square, and files of nir before and after 1.0.6 differ.
"""

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hwgen.errors import NirError
from hwgen.files import reason
from hwgen.nir.graph import Graph, Node, flattened, ordered
from hwgen.reading import regular


def read(path: Path) -> tuple[tuple[Node, ...], str]:
    """The nodes of a file from Input to Output, and the version of nir that wrote it.

    Raises `NirError` with all that hwgen cannot take, in one line.
    """
    import h5py  # an extra

    try:
        with h5py.File(regular(path), "r") as file:
            version = _text(file["version"][()]) if "version" in file else "unknown"
            if "node" not in file or "nodes" not in file["node"]:
                raise NirError(f"{path}: holds no NIR graph: no group /node/nodes")
            graph = _group(file["node"], str(path), version)
    except FileNotFoundError:
        raise NirError(f"{path}: no such file; expected a .nir file") from None
    except IsADirectoryError:
        raise NirError(f"{path}: is a folder, expected a .nir file") from None
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise NirError(f"{path}: not a whole NIR file: {reason(error)}") from None
    return ordered(graph, str(path)), version


def _group(group: Any, where: str, version: str) -> Graph:
    """A graph of a group of HDF5; graphs within it are put in place of their nodes."""
    nodes: dict[str, Node] = {}
    inner: dict[str, Graph] = {}
    for name, entry in group["nodes"].items():
        if "type" not in entry:
            raise NirError(f"{where}: node {name} has no type: the file was not written whole")
        kind = _text(entry["type"][()])
        if kind == "NIRGraph" and "nodes" in entry:
            inner[name] = _group(entry, where, version)
            continue
        values = {
            key: _value(entry[key][()])
            for key in entry
            if key != "type" and hasattr(entry[key], "dtype")
        }
        nodes[name] = Node(name, kind, values)
    pairs = [(_text(a), _text(b)) for a, b in group["edges"][()].reshape(-1, 2)]
    return flattened(Graph(nodes, tuple(dict.fromkeys(pairs)), version), inner)


def _value(value: Any) -> Any:
    return _text(value) if isinstance(value, bytes | str) else np.asarray(value)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def from_nir(graph: Any, where: str = "the graph") -> tuple[Node, ...]:
    """The nodes of a `nir.NIRGraph` from Input to Output. Raises `NirError` as `read`."""
    return ordered(_object(graph), where)


def _object(graph: Any) -> Graph:
    nodes: dict[str, Node] = {}
    inner: dict[str, Graph] = {}
    for name, node in graph.nodes.items():
        kind = type(node).__name__
        if kind == "NIRGraph":
            inner[name] = _object(node)
            continue
        own = fields(node) if is_dataclass(node) else ()
        values = {x.name: getattr(node, x.name) for x in own}
        if kind in ("Input", "Output"):
            shapes = node.input_type if kind == "Input" else node.output_type
            values = {"shape": np.asarray(next(iter(shapes.values())))}
        nodes[name] = Node(name, kind, {k: v for k, v in values.items() if _is_said(v)})
    return flattened(Graph(nodes, tuple(dict.fromkeys(map(tuple, graph.edges)))), inner)


def _is_said(value: Any) -> bool:
    return value is not None and not isinstance(value, dict)
