"""All that is needed to go on training as if it had never stopped."""

import hashlib
import io
import pickle
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hwgen.errors import DataError
from hwgen.files import reason, write_atomic
from hwgen.reading import regular
from hwgen.recipe import Recipe

_FORMAT = 1
_SUM_BYTES = hashlib.sha256().digest_size  # in front: torch does not see all damage
_WRONG = (AttributeError, TypeError, KeyError, ValueError)  # of a whole file that is none of ours


@dataclass(frozen=True, kw_only=True)
class State:
    """State after an epoch; `history` has one entry an epoch. `average`: of the network over the
    last epochs, where the recipe asks for it and they have begun."""

    network: dict[str, Tensor]
    optimiser: dict[str, Any]
    generator: Tensor
    best: dict[str, Tensor]
    best_epoch: int
    history: list[dict[str, Any]]
    average: dict[str, Tensor] = field(default_factory=dict)


def copy(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """A copy that training does not change.

    On the same device.
    """
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def save(state: State, path: Path, recipe: Recipe) -> None:
    """Write; the file appears whole or not at all.

    A SHA-256 stands in front of what torch writes.
    """
    buffer = io.BytesIO()
    torch.save({"format": _FORMAT, "recipe": _fingerprint(recipe), **vars(state)}, buffer)
    content = buffer.getvalue()
    write_atomic(path, _sum(content) + content)


def load(path: Path, recipe: Recipe) -> State | None:
    """None if there is no such file. Raises `DataError` if it is damaged or of another recipe.

    Tensors are on the CPU. Nothing in the file is executed (`weights_only`).
    """
    if not path.exists():
        return None
    try:
        content = regular(path).read_bytes()
        own_sum, content = content[:_SUM_BYTES], content[_SUM_BYTES:]
        if own_sum != _sum(content):
            raise ValueError("its check sum is wrong")
        table = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        made_by = table.pop("format"), table.pop("recipe")
        state = State(**table)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, *_WRONG) as error:
        raise DataError(
            f"{path}: not a whole checkpoint: {reason(error)}; delete it to start anew"
        ) from None
    if made_by != (_FORMAT, _fingerprint(recipe)):
        raise DataError(
            f"{path}: made by another recipe or another hwgen than this {recipe.name!r}; "
            "delete it to start anew"
        )
    return state


def _sum(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _fingerprint(recipe: Recipe) -> str:
    return hashlib.sha256(repr(_explicit(recipe)).encode()).hexdigest()


def _explicit(value: Any) -> Any:
    """A recipe as a table of what is not as by default: younger fields do not change it."""
    if not is_dataclass(value):
        return value
    table = {}
    for part in fields(value):
        made = part.default if part.default_factory is MISSING else part.default_factory()
        chosen = getattr(value, part.name)
        if chosen != made:
            table[part.name] = _explicit(chosen)
    return table
