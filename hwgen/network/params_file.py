"""Parameters as a file: safetensors with a JSON header. See `docs/contract.md`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_safetensors

from hwgen import schema
from hwgen.errors import ParamsError
from hwgen.files import reason, write_atomic
from hwgen.network import params_header
from hwgen.network.params import FORMAT, KINDS, Params
from hwgen.network.params_header import HEADER_KEY
from hwgen.network.spec import NetworkSpec
from hwgen.reading import regular


def to_bytes(params: Params) -> bytes:
    """The file's content; the same params give the same bytes.

    Raises `ParamsError` if the params break the contract.
    """
    params.check()
    header = {
        "format": FORMAT,
        "name": params.name,
        "digest": params.digest,
        "spec": params.spec.to_json(),
        "provenance": dict(params.provenance),
    }
    tensors: dict[str, NDArray[Any]] = {}
    for kind in KINDS:
        for index, tensor in enumerate(getattr(params, kind)):
            if tensor.size:  # a pooling layer has none
                tensors[f"{index}.{kind}"] = np.ascontiguousarray(tensor)
    return to_safetensors(
        tensors, {HEADER_KEY: json.dumps(header, sort_keys=True, allow_nan=False)}
    )


def save(params: Params, path: Path) -> None:
    """Check and write; the file appears whole or not at all.

    Raises `ParamsError` if the params break the contract, OSError if it cannot be written.
    """
    write_atomic(path, to_bytes(params))


def load(path: Path) -> Params:
    """Read and check everything, the digest too. Raises `ParamsError`.

    A file of another format, with unknown fields or tensors too many is refused (contract, section
    1).
    """
    try:
        with safe_open(regular(path), framework="np") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise ParamsError(f"{path}: no such file; `hwgen train` makes one") from None
    except IsADirectoryError:
        raise ParamsError(f"{path}: is a folder, expected a params.safetensors file") from None
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError) as error:
        raise ParamsError(f"{path}: not a whole safetensors file: {reason(error)}") from None
    params_header.check_table(path)
    header = params_header.read(metadata, path)
    params = Params(
        name=header.name,
        spec=header.spec,
        weights=_take(tensors, "weights", np.int8, header.spec, path),
        thresholds=_take(tensors, "thresholds", np.int32, header.spec, path),
        drives=_take(tensors, "drives", np.int32, header.spec, path),
        biases=_take(tensors, "biases", np.int32, header.spec, path),
        shadows=_take(tensors, "shadows", np.int32, header.spec, path),
        provenance=header.provenance,
    )
    if tensors:
        raise ParamsError(f"{path}: unexpected tensor {schema.short_repr(min(tensors))}")
    params.check(str(path))
    if params.digest != header.digest:
        raise ParamsError(
            f"{path}: digest is {params.digest[:16]}..., but the header says "
            f"{header.digest[:16]!r}...: the file was changed after it was written; export it again"
        )
    return params


def _take(
    tensors: dict[str, NDArray[Any]], kind: str, dtype: type, spec: NetworkSpec, path: Path
) -> tuple[NDArray[Any], ...]:
    taken: list[NDArray[Any]] = []
    for index, layer in enumerate(spec.layers):
        name = f"{index}.{kind}"
        absent = {
            "drives": not layer.n_drives,
            "biases": not layer.n_biases,
            "shadows": index not in spec.learning_layers,
        }
        if not layer.has_weights or absent.get(kind):
            taken.append(np.zeros(0, dtype))
        elif name in tensors:
            taken.append(tensors.pop(name))
        else:
            raise ParamsError(f"{path}: tensor {name!r} is missing")
    return tuple(taken)
