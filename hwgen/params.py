"""The contract: one file with integer tensors and a JSON header. See `docs/contract.md`.

Everything after training (golden, HDL, host) starts from a `Params` and from nothing else.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_safetensors

from hwgen import provenance, schema
from hwgen.errors import ParamsError
from hwgen.files import reason, write_atomic
from hwgen.learning import forward_weights, initial_shadows, shadow_limits
from hwgen.spec import (
    MAX_INPUTS,
    MAX_NEURONS,
    ConvSpec,
    DenseSpec,
    InputSpec,
    LayerSpec,
    NetworkSpec,
    PoolSpec,
    Shape,
)

FORMAT = 1  # bumped when an old reader would misread a new file
KINDS = ("weights", "thresholds", "drives", "shadows")  # of tensors, one of each a layer
HEADER_KEY = "hwgen"  # the only metadata key, so that the file is the same byte for byte


@dataclass(frozen=True, kw_only=True)
class Params:
    """A trained network in integers.

    `weights[l]` is int8, `thresholds[l]` int32, of the shapes in `hwgen.spec`; both are empty for a
    pooling layer. `drives[l]` is int32, one a threshold in a phased layer, empty in others; given
    as (), there is none in any layer. `shadows[l]` is int32 [n_pre, n_post] in a layer that learns,
    empty in others; given as (), they are made from the weights. `provenance` is free JSON (recipe,
    data set, accuracies, parent digest); it is not part of the digest.
    """

    name: str
    spec: NetworkSpec
    weights: tuple[NDArray[np.int8], ...]
    thresholds: tuple[NDArray[np.int32], ...]
    drives: tuple[NDArray[np.int32], ...] = ()
    shadows: tuple[NDArray[np.int32], ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        nothing = np.zeros(0, np.int32)
        if not self.drives:
            object.__setattr__(self, "drives", tuple(nothing for _ in self.spec.layers))
        if not self.shadows:
            shadows = [nothing] * len(self.spec.layers)
            learning = self.spec.learning
            for index in self.spec.learning_layers:
                layer = self.spec.layers[index]
                if learning and not isinstance(layer, PoolSpec):
                    shadows[index] = initial_shadows(
                        self.weights[index], layer.weight_bits, learning.shadow_bits
                    )
            object.__setattr__(self, "shadows", tuple(shadows))

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of all that decides an output bit: the spec and all tensors."""
        text = json.dumps(self.spec.to_json(), sort_keys=True, separators=(",", ":"))
        state = hashlib.sha256(f"hwgen-params-{FORMAT}\n{text}\n".encode())
        for index in range(len(self.spec.layers)):
            state.update(np.ascontiguousarray(self.weights[index], "<i1").tobytes())
            for tensors in (self.thresholds, self.drives, self.shadows):
                state.update(np.ascontiguousarray(tensors[index], "<i4").tobytes())
        return state.hexdigest()

    def check(self, where: str = "params") -> None:
        """Raise `ParamsError` if anything breaks the contract; `where` opens the message."""
        if not isinstance(self.name, str) or not schema.Name().holds(self.name):
            raise ParamsError(
                f"{where}: name is {schema.shown(self.name)}, expected a string{schema.Name()}"
            )
        provenance.check(self.provenance, f"{where}: provenance")
        check_spec(self.spec, where)
        n_layers = len(self.spec.layers)
        for kind in KINDS:
            tensors = getattr(self, kind)
            if len(tensors) != n_layers:
                raise ParamsError(f"{where}: {len(tensors)} {kind} for {n_layers} layers")
        for index, layer in enumerate(self.spec.layers):
            _check_weights(self.weights[index], layer, f"{where}: {index}.weights")
            _check_thresholds(self.thresholds[index], layer, f"{where}: {index}.thresholds")
            _check_drives(self.drives[index], layer, f"{where}: {index}.drives")
            self._check_shadows(index, f"{where}: {index}.shadows")
        if self.spec.readout == "potential":
            layer, thresholds = self.spec.weighted[-1], self.thresholds[-1]
            if (thresholds != layer.max_threshold).any():
                raise ParamsError(
                    f"{where}: {n_layers - 1}.thresholds hold {int(thresholds.min())}, expected "
                    f"{layer.max_threshold}: with the readout 'potential' no output fires"
                )

    def _check_shadows(self, index: int, where: str) -> None:
        layer, learning = self.spec.layers[index], self.spec.learning
        learns = learning if index in self.spec.learning_layers else None
        shape = list(layer.weight_shape) if learns else [0]
        _check_tensor(self.shadows[index], "int32", shape, where)
        if not learns or isinstance(layer, PoolSpec):
            return
        shadows = self.shadows[index]
        least, greatest = shadow_limits(layer.weight_bits, learns.shadow_bits)
        if shadows.min() < least or shadows.max() > greatest:
            raise ParamsError(
                f"{where} reach from {shadows.min()} to {shadows.max()}, expected {least}.."
                f"{greatest} ({learns.shadow_bits}-bit shadows)"
            )
        forward = forward_weights(shadows, layer.weight_bits, learns.shadow_bits)
        if (forward != self.weights[index]).any():
            place = [int(i) for i in np.argwhere(forward != self.weights[index])[0]]
            raise ParamsError(
                f"{where}{place} is {shadows[tuple(place)]}, which makes a weight of "
                f"{forward[tuple(place)]}, but the weight is {self.weights[index][tuple(place)]}"
            )


def check_spec(network: NetworkSpec, where: str) -> None:
    """Raise `ParamsError` if the layers do not go together; `where` opens the message."""
    if not network.layers:
        raise ParamsError(f"{where}: layers must hold at least one layer")
    shape = network.input
    if shape.crop * 2 >= min(shape.height, shape.width):
        raise ParamsError(
            f"{where}: crop is {shape.crop}, which leaves nothing of {shape.height}x{shape.width}"
        )
    if shape.n_inputs > MAX_INPUTS:
        raise ParamsError(f"{where}: {shape.n_inputs} inputs, expected at most {MAX_INPUTS}")
    _check_input(shape, f"{where}: input")
    post = shape.post
    for index, layer in enumerate(network.layers):
        _check_layer(layer, post, network, f"{where}: layers[{index}]")
        post = layer.post
    _check_learning(network, where)
    if network.layers[-1].kind != "dense":
        raise ParamsError(f"{where}: the last layer is {network.layers[-1].kind}, expected dense")
    if network.layers[-1].phased:
        raise ParamsError(f"{where}: the last layer is phased, expected one that fires at once")
    _check_resets(network, where)


def _check_input(shape: InputSpec, where: str) -> None:
    events = shape.encoding == "events"
    if events != (shape.step_us > 0):
        raise ParamsError(
            f"{where}.step_us is {shape.step_us} with encoding {shape.encoding!r}, expected at "
            "least 1 with 'events' and 0 with others"
        )
    if not events and shape.channels != 1:
        raise ParamsError(f"{where}.channels is {shape.channels} without events, expected 1")


def _check_resets(network: NetworkSpec, where: str) -> None:
    """Who may fire more than once: all neurons of hidden layers, or none."""
    n_layers, readout = len(network.layers), network.readout
    if network.input.encoding != "latency" and not network.multi_spike:
        raise ParamsError(
            f"{where}: readout is {readout!r} with input {network.input.encoding!r}, whose neurons "
            "fire more than once; expected 'spike_count' or 'potential'"
        )
    if network.multi_spike and network.learning:
        raise ParamsError(f"{where}: learning needs the readout 'first_spike', not {readout!r}")
    for index, layer in enumerate(network.layers):
        if isinstance(layer, PoolSpec):
            continue
        once = not network.multi_spike or (index == n_layers - 1 and readout == "potential")
        if once != (layer.reset == "never"):
            raise ParamsError(
                f"{where}: layers[{index}].reset is {layer.reset!r} with the readout {readout!r}, "
                f"expected {'never' if once else 'zero or subtract'}"
            )
        if once and layer.leak_shift:
            raise ParamsError(
                f"{where}: layers[{index}].leak_shift is {layer.leak_shift} without a reset, "
                "expected 0"
            )
        if network.multi_spike and (layer.psp != "step" or layer.phased):
            what = "phased" if layer.phased else f"psp {layer.psp!r}"
            raise ParamsError(
                f"{where}: layers[{index}] has {what} with the readout {readout!r}, expected psp "
                "'step'"
            )


def _check_learning(network: NetworkSpec, where: str) -> None:
    for index in network.learning_layers:
        layer = network.layers[index]
        if not isinstance(layer, DenseSpec) or layer.psp == "triangle":
            what = layer.kind if not isinstance(layer, DenseSpec) else "psp 'triangle'"
            raise ParamsError(
                f"{where}: layers[{index}] has {what}: only dense layers with psp 'step' or 'ramp' "
                "can learn; let the last layer learn only, or change the network"
            )
        assert network.learning
        if network.learning.shadow_bits < layer.weight_bits:
            raise ParamsError(
                f"{where}: learning.shadow_bits is {network.learning.shadow_bits}, expected at "
                f"least the {layer.weight_bits} bits of the weights of layers[{index}]"
            )


def _check_layer(layer: LayerSpec, feeding: Shape, network: NetworkSpec, where: str) -> None:
    if isinstance(layer, DenseSpec):
        if layer.n_pre != feeding.n:
            raise ParamsError(f"{where}.n_pre is {layer.n_pre}, but {feeding.n} neurons feed it")
    elif layer.pre != feeding:
        raise ParamsError(
            f"{where} takes {_by(layer.pre)}, but {_by(feeding)} feed it "
            "(height x width x channels)"
        )
    if not 0 < layer.n_post <= MAX_NEURONS:
        raise ParamsError(f"{where} has {layer.n_post} neurons, expected 1..{MAX_NEURONS}")
    if isinstance(layer, PoolSpec):
        return
    if (layer.psp == "triangle") != (layer.tau_steps > 0):
        raise ParamsError(
            f"{where}.tau_steps is {layer.tau_steps} with psp {layer.psp!r}, "
            "expected at least 1 with 'triangle' and 0 with others"
        )
    if layer.phased and layer.psp != "ramp":
        raise ParamsError(f"{where}.psp is {layer.psp!r} in a phased layer, expected 'ramp'")
    if isinstance(layer, ConvSpec) and layer.padding >= layer.size:
        raise ParamsError(
            f"{where}.padding is {layer.padding}, expected less than size, {layer.size}"
        )
    needed = layer.min_potential_bits(network.n_steps, multi_spike=network.multi_spike)
    if layer.potential_bits < needed:
        raise ParamsError(
            f"{where}.potential_bits is {layer.potential_bits}, too narrow: {layer.n_fan_in} "
            f"inputs of weight up to {layer.max_weight} need {needed} with psp {layer.psp!r}"
        )


def _by(shape: Shape) -> str:
    return "x".join(str(size) for size in shape)


def _check_tensor(tensor: NDArray[Any], dtype: str, shape: list[int], where: str) -> None:
    if tensor.dtype != np.dtype(dtype):
        raise ParamsError(f"{where} has dtype {tensor.dtype}, expected {dtype}")
    if list(tensor.shape) != shape:
        raise ParamsError(f"{where} has shape {list(tensor.shape)}, expected {shape}")


def _check_weights(weights: NDArray[Any], layer: LayerSpec, where: str) -> None:
    _check_tensor(weights, "int8", list(layer.weight_shape), where)
    if isinstance(layer, PoolSpec):
        return
    wide = weights.astype(np.int16)
    bad = np.abs(wide) != 1 if layer.weight_bits == 1 else np.abs(wide) > layer.max_weight
    if bad.any():
        place = tuple(int(index) for index in np.argwhere(bad)[0])
        legal = "-1 or 1" if layer.weight_bits == 1 else f"within +-{layer.max_weight}"
        raise ParamsError(
            f"{where}{list(place)} is {wide[place]}, expected {legal} "
            f"({layer.weight_bits}-bit weights)"
        )


def _check_thresholds(thresholds: NDArray[Any], layer: LayerSpec, where: str) -> None:
    _check_tensor(thresholds, "int32", [layer.n_thresholds], where)
    if isinstance(layer, PoolSpec):
        return
    bad = (thresholds < 0) | (thresholds > layer.max_threshold)
    if bad.any():
        post = int(np.flatnonzero(bad)[0])
        raise ParamsError(
            f"{where}[{post}] is {thresholds[post]}, expected 0..{layer.max_threshold} "
            f"({layer.potential_bits}-bit potentials)"
        )


def _check_drives(drives: NDArray[Any], layer: LayerSpec, where: str) -> None:
    _check_tensor(drives, "int32", [layer.n_drives], where)
    if isinstance(layer, PoolSpec):
        return
    bad = (drives < 1) | (drives > layer.max_slope)
    if bad.any():
        post = int(np.flatnonzero(bad)[0])
        raise ParamsError(
            f"{where}[{post}] is {drives[post]}, expected 1..{layer.max_slope} (the largest slope)"
        )


@dataclass(frozen=True, kw_only=True)
class _Header:
    format: int
    name: Annotated[str, schema.Name()]
    digest: str
    spec: NetworkSpec
    provenance: dict[str, Any]


def to_bytes(params: Params) -> bytes:
    """The file's content; the same params give the same bytes."""
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
    return to_safetensors(tensors, {HEADER_KEY: json.dumps(header, sort_keys=True)})


def save(params: Params, path: Path) -> None:
    """Check and write; the file appears whole or not at all."""
    write_atomic(path, to_bytes(params))


def load(path: Path) -> Params:
    """Read and check everything, the digest too. Raises `ParamsError`."""
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise ParamsError(f"{path}: no such file; `hwgen train` makes one") from None
    except IsADirectoryError:
        raise ParamsError(f"{path}: is a folder, expected a params.safetensors file") from None
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError) as error:
        raise ParamsError(f"{path}: not a whole safetensors file: {reason(error)}") from None
    header = _read_header(metadata, path)
    check_spec(header.spec, str(path))
    params = Params(
        name=header.name,
        spec=header.spec,
        weights=_take(tensors, "weights", np.int8, header.spec, path),
        thresholds=_take(tensors, "thresholds", np.int32, header.spec, path),
        drives=_take(tensors, "drives", np.int32, header.spec, path),
        shadows=_take(tensors, "shadows", np.int32, header.spec, path),
        provenance=header.provenance,
    )
    if tensors:
        raise ParamsError(f"{path}: unexpected tensor {schema.shown(min(tensors))}")
    params.check(str(path))
    if params.digest != header.digest:
        raise ParamsError(
            f"{path}: digest is {params.digest[:16]}..., but the header says "
            f"{header.digest[:16]!r}...: the file was changed after it was written; export it again"
        )
    return params


def _read_header(metadata: Mapping[str, str], path: Path) -> _Header:
    if HEADER_KEY not in metadata:
        raise ParamsError(f"{path}: no {HEADER_KEY!r} header: not an hwgen parameter file")
    try:
        table = json.loads(metadata[HEADER_KEY])
    except (ValueError, RecursionError) as error:
        raise ParamsError(f"{path}: the header is not JSON: {reason(error)}") from None
    if isinstance(table, dict) and table.get("format") != FORMAT:
        raise ParamsError(
            f"{path}: format is {schema.shown(table.get('format'))}, this hwgen reads {FORMAT}; "
            "use the hwgen that wrote it, or export again"
        )
    return schema.build(_Header, table, where=f"{path}: header", error=ParamsError)


def _take(
    tensors: dict[str, NDArray[Any]], kind: str, dtype: type, spec: NetworkSpec, path: Path
) -> tuple[NDArray[Any], ...]:
    taken: list[NDArray[Any]] = []
    for index, layer in enumerate(spec.layers):
        name = f"{index}.{kind}"
        absent = {
            "drives": not layer.n_drives,
            "shadows": index not in spec.learning_layers,
        }
        if isinstance(layer, PoolSpec) or absent.get(kind):
            taken.append(np.zeros(0, dtype))
        elif name in tensors:
            taken.append(tensors.pop(name))
        else:
            raise ParamsError(f"{path}: tensor {name!r} is missing")
    return tuple(taken)
