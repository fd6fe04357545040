"""Are tensors of the right type, shape and range for their layer?"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import ParamsError
from hwgen.network.layers.kinds import LayerSpec


def check_tensor(tensor: NDArray[Any], dtype: str, shape: list[int], where: str) -> None:
    """Raise `ParamsError` unless the tensor has this dtype and shape; `where` opens the message."""
    if tensor.dtype != np.dtype(dtype):
        raise ParamsError(f"{where} has dtype {tensor.dtype}, expected {dtype}")
    if list(tensor.shape) != shape:
        raise ParamsError(f"{where} has shape {list(tensor.shape)}, expected {shape}")


def check_weights(weights: NDArray[Any], layer: LayerSpec, where: str) -> None:
    """Raise `ParamsError` unless weights are int8, of the layer's shape, and legal for
    `weight_bits`."""
    check_tensor(weights, "int8", list(layer.weight_shape), where)
    if not layer.has_weights:
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


def check_thresholds(thresholds: NDArray[Any], layer: LayerSpec, where: str) -> None:
    """Raise `ParamsError` unless thresholds are int32 [n_thresholds], within 0..`max_threshold`."""
    check_tensor(thresholds, "int32", [layer.n_thresholds], where)
    if not layer.has_weights:
        return
    bad = (thresholds < 0) | (thresholds > layer.max_threshold)
    if bad.any():
        post = int(np.flatnonzero(bad)[0])
        raise ParamsError(
            f"{where}[{post}] is {thresholds[post]}, expected 0..{layer.max_threshold} "
            f"({layer.potential_bits}-bit potentials)"
        )


def check_drives(drives: NDArray[Any], layer: LayerSpec, n_steps: int, where: str) -> None:
    """Raise `ParamsError` unless drives are int32 [n_drives], within 1..`max_drive`.

    n_steps: of a sample.
    """
    check_tensor(drives, "int32", [layer.n_drives], where)
    if not layer.has_weights:
        return
    most = layer.max_drive(n_steps)
    bad = (drives < 1) | (drives > most)
    if bad.any():
        post = int(np.flatnonzero(bad)[0])
        raise ParamsError(
            f"{where}[{post}] is {drives[post]}, expected 1..{most} (the largest slope)"
        )


def check_biases(biases: NDArray[Any], layer: LayerSpec, where: str) -> None:
    """Raise `ParamsError` unless biases are int32 [n_biases], within plus and minus `max_bias`."""
    check_tensor(biases, "int32", [layer.n_biases], where)
    if not layer.has_weights:
        return
    bad = np.abs(biases.astype(np.int64)) > layer.max_bias
    if bad.any():
        post = int(np.flatnonzero(bad)[0])
        raise ParamsError(
            f"{where}[{post}] is {biases[post]}, expected within +-{layer.max_bias} "
            f"({layer.bias_bits}-bit biases)"
        )
