"""The contract: one file with integer tensors and a JSON header. See `docs/contract.md`.

Everything after training (golden, HDL, host) starts from a `Params` and from nothing else.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen import schema
from hwgen.errors import ParamsError
from hwgen.network import provenance
from hwgen.network.check import check_spec
from hwgen.network.check_tensors import (
    check_biases,
    check_drives,
    check_tensor,
    check_thresholds,
    check_weights,
)
from hwgen.network.learning import forward_weights, initial_shadows, shadow_limits
from hwgen.network.spec import NetworkSpec

FORMAT = 1  # bumped when an old reader would misread a new file
KINDS = ("weights", "thresholds", "drives", "biases", "shadows")  # of tensors, one of each a layer


@dataclass(frozen=True, kw_only=True)
class Params:
    """A trained network in integers.

    `weights[l]` is int8, `thresholds[l]` int32, of the shapes in `hwgen.network.spec`; both are
    empty for a pooling layer. `drives[l]` is int32, one a threshold in a two-phase layer, empty in
    others; given as (), there is none in any layer. `biases[l]`, the same in layers that have
    `bias_bits`. `shadows[l]` is int32 [n_pre, n_post] in a
    layer that learns, empty in others; given as (), they are made from the weights. `provenance` is
    free JSON (recipe, data set, accuracies, parent digest); it is not part of the digest.
    """

    name: str
    spec: NetworkSpec
    weights: tuple[NDArray[np.int8], ...]
    thresholds: tuple[NDArray[np.int32], ...]
    drives: tuple[NDArray[np.int32], ...] = ()
    biases: tuple[NDArray[np.int32], ...] = ()
    shadows: tuple[NDArray[np.int32], ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        nothing = np.zeros(0, np.int32)
        for kind in ("drives", "biases"):
            if not getattr(self, kind):
                object.__setattr__(self, kind, tuple(nothing for _ in self.spec.layers))
        if not self.shadows:
            shadows = [nothing] * len(self.spec.layers)
            learning = self.spec.learning
            for index in self.spec.learning_layers:
                layer = self.spec.layers[index]
                if learning and layer.has_weights:
                    shadows[index] = initial_shadows(
                        self.weights[index], layer.weight_bits, learning.shadow_bits
                    )
            object.__setattr__(self, "shadows", tuple(shadows))

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of all that decides an output bit: the spec and all tensors.

        64 characters. Contract, section 2.
        """
        text = json.dumps(self.spec.to_json(), sort_keys=True, separators=(",", ":"))
        state = hashlib.sha256(f"hwgen-params-{FORMAT}\n{text}\n".encode())
        for index in range(len(self.spec.layers)):
            state.update(np.ascontiguousarray(self.weights[index], "<i1").tobytes())
            for tensors in (self.thresholds, self.drives, self.biases, self.shadows):
                state.update(np.ascontiguousarray(tensors[index], "<i4").tobytes())
        return state.hexdigest()

    @property
    def origin(self) -> dict[str, Any]:
        """What hwgen reads again of `provenance`: see `hwgen.network.provenance.known`."""
        return provenance.known(self.provenance)

    def check(self, where: str = "params") -> None:
        """Raise `ParamsError` if anything breaks the contract; `where` opens the message.

        Spec, names, types, shapes, ranges, and whether weights are those of their shadows.
        """
        if not isinstance(self.name, str) or not schema.Name().holds(self.name):
            raise ParamsError(
                f"{where}: name is {schema.short_repr(self.name)}, expected a string{schema.Name()}"
            )
        provenance.check(self.provenance, f"{where}: provenance")
        check_spec(self.spec, where)
        n_layers = len(self.spec.layers)
        for kind in KINDS:
            tensors = getattr(self, kind)
            if len(tensors) != n_layers:
                raise ParamsError(f"{where}: {len(tensors)} {kind} for {n_layers} layers")
        for index, layer in enumerate(self.spec.layers):
            check_weights(self.weights[index], layer, f"{where}: {index}.weights")
            check_thresholds(self.thresholds[index], layer, f"{where}: {index}.thresholds")
            check_drives(self.drives[index], layer, self.spec.n_steps, f"{where}: {index}.drives")
            check_biases(self.biases[index], layer, f"{where}: {index}.biases")
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
        check_tensor(self.shadows[index], "int32", shape, where)
        if not learns or not layer.has_weights:
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
