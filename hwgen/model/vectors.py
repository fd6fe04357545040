"""Test vectors that travel with a model: inputs, and what any implementation must answer.

`vectors.safetensors` holds, for n samples: `inputs` uint8 [n, n_inputs] (spike times, n_steps =
never), `labels` uint8 [n], one `<l>.spike_times` uint8 [n, n_post] a layer, one `<l>.potentials`
int32 [n, n_post] a layer with potentials, `decisions` uint8 [n], `decision_steps` uint8 [n]; and
the digest of the params.

Of a multi-spike network, `inputs` and, in place of spike times, `<l>.spikes` are uint8 [n, n_steps,
ceil(n_neurons / 8)]: a bit a neuron, the lowest first. Where inputs bring values, `inputs` are
their bit planes, in the same way.

`lessons.safetensors`, of a network that learns, holds the same of n training samples, in order
from the params: each label is taught after its sample (`NO_LABEL_BYTE`: none is), and one
`<l>.shadows` int32 [n_pre, n_post] a layer that learns is what the shadow weights are in the end.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_safetensors

from hwgen.errors import ParamsError
from hwgen.files import reason, write_atomic
from hwgen.network import params_header
from hwgen.network.params import Params
from hwgen.network.params_header import VECTORS_KEY
from hwgen.reading import regular
from hwgen.schema import short_repr

MAX_CLASSES = 255  # labels are bytes; what is left says that there is none
NO_LABEL_BYTE = 255  # in place of a label, in learning vectors


@dataclass(frozen=True, kw_only=True)
class Vectors:
    """See the module's text for shapes; what is packed there is here uint8 of 0 and 1, as in
    [n, n_steps, n_neurons]. The potentials of a pooling layer are [n, 0], the shadows
    of a layer that does not learn [0]; given as (), there are none in any layer."""

    digest: str
    inputs: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    spike_times: tuple[NDArray[np.uint8], ...]
    potentials: tuple[NDArray[np.int32], ...]
    decisions: NDArray[np.uint8]
    decision_steps: NDArray[np.uint8]
    shadows: tuple[NDArray[np.int32], ...] = ()


def save(vectors: Vectors, path: Path) -> None:
    """Write; the file appears whole or not at all.

    Contract, section 8, has the tensors.
    """
    tensors = {name: np.ascontiguousarray(tensor) for name, tensor in _tensors(vectors).items()}
    write_atomic(path, to_safetensors(tensors, {VECTORS_KEY: vectors.digest}))


def _tensors(vectors: Vectors) -> dict[str, NDArray[Any]]:
    """What the file holds, by name."""
    tensors: dict[str, NDArray[Any]] = {
        "inputs": vectors.inputs,
        "labels": vectors.labels,
        "decisions": vectors.decisions,
        "decision_steps": vectors.decision_steps,
    }
    multi_spike = vectors.spike_times[0].ndim > 2
    if vectors.inputs.ndim > 2:
        tensors["inputs"] = _packed(vectors.inputs)
    for index, times in enumerate(vectors.spike_times):
        tensors[f"{index}.{spikes_field(multi_spike)}"] = _packed(times) if multi_spike else times
        if vectors.potentials[index].shape[1]:
            tensors[f"{index}.potentials"] = vectors.potentials[index]
    for index, shadows in enumerate(vectors.shadows):
        if shadows.size:
            tensors[f"{index}.shadows"] = shadows
    return tensors


def spikes_field(multi_spike: bool) -> str:
    """Name of the field, of vectors and of results, that says who fires."""
    return "spikes" if multi_spike else "spike_times"


def _packed(spikes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.packbits(spikes, axis=-1, bitorder="little")


def _unpacked(bits: NDArray[np.uint8], n: int, name: str) -> NDArray[np.uint8]:
    """Spikes of n neurons. What cannot be unpacked stays, for `_check`. Raises ValueError."""
    if bits.dtype != np.uint8 or bits.ndim != 3 or bits.shape[2] != -(-n // 8):
        return bits
    if n % 8 and (bits[..., -1] >> n % 8).any():
        raise ValueError(f"{name} has spikes beyond neuron {n - 1}, in the bits of padding")
    return np.unpackbits(bits, axis=-1, count=n, bitorder="little")


def digest_of(path: Path) -> str:
    """Of which params a file is; "" if it cannot be read."""
    try:
        with safe_open(regular(path), framework="np") as file:
            return str((file.metadata() or {}).get(VECTORS_KEY, ""))
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError):
        return ""


def load(path: Path, params: Params, *, learns: bool = False) -> Vectors:
    """Read vectors, or learning vectors, that belong to `params`. Raises `ParamsError`.

    Types, shapes, ranges and the digest are checked. Contract, section 8.
    """
    layers = params.spec.layers
    learning = params.spec.learning_layers if learns else range(0)
    multi_spike = params.spec.multi_spike
    field = spikes_field(multi_spike)
    try:
        with safe_open(regular(path), framework="np") as file:
            digest = (file.metadata() or {}).get(VECTORS_KEY, "")
            labels = file.get_tensor("labels")
            n = len(labels) if labels.ndim == 1 else 0
            inputs = file.get_tensor("inputs")
            times = [file.get_tensor(f"{i}.{field}") for i in range(len(layers))]
            if params.spec.has_raster:
                inputs = _unpacked(inputs, params.spec.input.n_inputs, "inputs")
            if multi_spike:
                times = [
                    _unpacked(x, layers[i].n_post, f"{i}.{field}") for i, x in enumerate(times)
                ]
            vectors = Vectors(
                digest=digest,
                inputs=inputs,
                labels=labels,
                spike_times=tuple(times),
                potentials=tuple(
                    file.get_tensor(f"{i}.potentials")
                    if layer.has_weights
                    else np.zeros((n, 0), np.int32)
                    for i, layer in enumerate(layers)
                ),
                decisions=file.get_tensor("decisions"),
                decision_steps=file.get_tensor("decision_steps"),
                shadows=tuple(
                    file.get_tensor(f"{i}.shadows") if i in learning else np.zeros(0, np.int32)
                    for i in range(len(layers))
                ),
            )
            names = set(file.keys())
        params_header.check_table(path)
    except FileNotFoundError:
        writer = "learn" if learns else "train"
        raise ParamsError(f"{path}: no such file; `hwgen {writer}` writes one") from None
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError) as error:
        raise ParamsError(f"{path}: not a whole vector file: {reason(error)}") from None
    if digest != params.digest:
        raise ParamsError(
            f"{path}: made for params {short_repr(digest[:16])}, expected {params.digest[:16]!r}; "
            "`hwgen train` writes both together"
        )
    _check(vectors, params, learning, path)
    if extra := names - set(_tensors(vectors)):
        raise ParamsError(f"{path}: unexpected tensor {short_repr(min(extra))}")
    return vectors


def _check(vectors: Vectors, params: Params, learning: range, path: Path) -> None:
    n = len(vectors.labels) if vectors.labels.ndim == 1 else 0
    if not n:
        raise ParamsError(
            f"{path}: labels is {vectors.labels.dtype} {list(vectors.labels.shape)}, "
            "expected uint8 [n] of at least one sample"
        )
    multi_spike = params.spec.multi_spike
    rows = [n, params.spec.n_steps] if multi_spike else [n]
    spec = params.spec
    input_rows = [n, spec.n_input_steps] if spec.has_raster else [n]
    expected: dict[str, tuple[NDArray[Any], list[int], str]] = {
        "inputs": (vectors.inputs, [*input_rows, spec.input.n_inputs], "uint8")
    }
    for index, layer in enumerate(params.spec.layers):
        shape = [n, layer.n_post]
        name = f"{index}.{spikes_field(multi_spike)}"
        expected[name] = (vectors.spike_times[index], [*rows, layer.n_post], "uint8")
        if layer.has_weights:
            expected[f"{index}.potentials"] = (vectors.potentials[index], shape, "int32")
    for index in learning:
        shape = list(params.shadows[index].shape)
        expected[f"{index}.shadows"] = (vectors.shadows[index], shape, "int32")
    for name in ("labels", "decisions", "decision_steps"):
        expected[name] = (getattr(vectors, name), [n], "uint8")
    for name, (tensor, shape, dtype) in expected.items():
        if list(tensor.shape) != shape or tensor.dtype != np.dtype(dtype):
            raise ParamsError(
                f"{path}: {name} is {tensor.dtype} {list(tensor.shape)}, expected {dtype} {shape}"
            )
    wrong = vectors.labels >= params.spec.n_classes
    if learning:
        wrong &= vectors.labels != NO_LABEL_BYTE
    if wrong.any():
        none = f", or {NO_LABEL_BYTE} for none" if learning else ""
        raise ParamsError(
            f"{path}: labels hold {vectors.labels[wrong][0]}, expected less than "
            f"{params.spec.n_classes}{none}"
        )
    _check_potentials(vectors, params, path)
    n_steps = params.spec.n_steps
    highest = {name: n_steps for name in expected if name.endswith(".spike_times")}
    highest |= {"inputs": 1 if spec.has_raster else n_steps, "decision_steps": n_steps}
    for name, most in (highest | {"decisions": params.spec.n_classes - 1}).items():
        found = int(expected[name][0].max())
        if found > most:
            raise ParamsError(f"{path}: {name} hold {found}, expected at most {most}")


def _check_potentials(vectors: Vectors, params: Params, path: Path) -> None:
    """Raise `ParamsError` if one is wider than its layer's potentials."""
    for index, layer in enumerate(params.spec.layers):
        if not layer.has_weights:
            continue
        limit = 2 ** (layer.potential_bits - 1)
        potentials = vectors.potentials[index]
        wide = potentials[(potentials < -limit) | (potentials >= limit)]
        if wide.size:
            raise ParamsError(
                f"{path}: {index}.potentials hold {wide[0]}, expected {-limit}..{limit - 1}: "
                f"{layer.potential_bits} bits"
            )
