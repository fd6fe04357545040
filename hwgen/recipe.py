"""What a user asks for: one TOML file a model, every field checked. See `models/README.md`."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from hwgen import checked
from hwgen.checked import Range
from hwgen.errors import RecipeError
from hwgen.spec import MAX_NEURONS, MAX_STEPS

DatasetName = Literal["digits", "mnist", "fashion-mnist"]


@dataclass(frozen=True, kw_only=True)
class DataRecipe:
    """Which data, and which part of its training set is held out to choose by."""

    name: DatasetName
    validation: Annotated[float, Range(0.01, 0.5)] = 0.1  # fraction of the training set
    crop: Annotated[int, Range(0, 2048)] = 0  # pixels cut from each side


@dataclass(frozen=True, kw_only=True)
class NetworkRecipe:
    """Shape and precision. `hidden` may be empty."""

    n_steps: Annotated[int, Range(1, MAX_STEPS)]
    hidden: tuple[Annotated[int, Range(1, MAX_NEURONS)], ...]
    weight_bits: Annotated[int, Range(1, 8)]  # 1 is binary: -1 and +1


@dataclass(frozen=True, kw_only=True)
class TrainingRecipe:
    """The SSTDP rule and its optimiser (`docs/training.md`)."""

    rule: Literal["sstdp"] = "sstdp"
    window: Literal["box", "exponential"] = "box"
    causal: Annotated[float, Range(0, 100)] = 1.0  # a: input before or with the spike
    anticausal: Annotated[float, Range(0, 100)] = 0.0  # b: input after it
    tau_steps: Annotated[float, Range(0.01, 1000)] = 5.0  # exponential window only
    targets: Literal["mean", "earliest"] = "earliest"
    margin_steps: Annotated[float, Range(0, 255)] = 2.0
    epochs: Annotated[int, Range(1, 10_000)] = 20
    batch_size: Annotated[int, Range(1, 65536)] = 64
    learning_rate: Annotated[float, Range(0, 1e6)] = 1e-3


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All choices behind a model. `source` is the text it was read from."""

    name: str
    seed: Annotated[int, Range(0, 2**32 - 1)] = 0
    data: DataRecipe
    network: NetworkRecipe
    training: TrainingRecipe = field(default_factory=TrainingRecipe)
    description: str = ""


def load(path: Path) -> Recipe:
    """Read and check a recipe. Raises `RecipeError` naming file, field, value, expectation."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecipeError(f"{path}: no such recipe; `hwgen models` lists those shipped") from None
    except IsADirectoryError:
        raise RecipeError(f"{path}: is a folder, expected a .toml file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not valid TOML: {error}") from None
    return checked.build(Recipe, table, where=str(path), error=RecipeError)
