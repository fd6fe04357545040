"""Model folders: where they are, what is in them."""

from dataclasses import dataclass
from pathlib import Path

from hwgen.errors import ParamsError, RecipeError
from hwgen.files import visible
from hwgen.model import vectors as vectors_file
from hwgen.model.vectors import Vectors
from hwgen.network import params_file
from hwgen.network.params import Params
from hwgen.package_data import package_data
from hwgen.schema import suggest


@dataclass(frozen=True)
class ModelFolder:
    """`models/NAME/`: recipe.toml, params.safetensors, vectors.safetensors, card.md; and
    lessons.safetensors, if it learns."""

    path: Path

    @property
    def recipe_path(self) -> Path:
        """Of the recipe it was trained by."""
        return self.path / "recipe.toml"

    @property
    def params_path(self) -> Path:
        """Of the parameter file."""
        return self.path / "params.safetensors"

    @property
    def vectors_path(self) -> Path:
        """Of the test vectors."""
        return self.path / "vectors.safetensors"

    @property
    def lessons_path(self) -> Path:
        """Of the lessons, of a network that learns."""
        return self.path / "lessons.safetensors"

    @property
    def card_path(self) -> Path:
        """Of the model's card."""
        return self.path / "card.md"

    def params(self) -> Params:
        """The params, read and checked. Raises `ParamsError`."""
        return params_file.load(self.params_path)

    def vectors(self, params: Params) -> Vectors:
        """The vectors that belong to `params`, the folder's.

        Raises `ParamsError`.
        """
        return vectors_file.load(self.vectors_path, params)

    def lessons(self, params: Params) -> Vectors:
        """The lessons that belong to `params`, the folder's.

        Raises `ParamsError`.
        """
        return vectors_file.load(self.lessons_path, params, lessons=True)


def shipped() -> list[str]:
    """Names of the models that come with hwgen."""
    return [path.parent.name for path in visible(package_data("models"), "*/recipe.toml")]


def find(name_or_path: str) -> ModelFolder:
    """A model folder, a parameter file in one, or the name of a shipped model.

    Raises `ParamsError` if it is none of them.
    """
    path = Path(name_or_path)
    if path.is_file():
        return ModelFolder(path.parent)
    if path.is_dir():
        return ModelFolder(path)
    if name_or_path in shipped():
        return ModelFolder(package_data("models") / name_or_path)
    raise ParamsError(
        f"{name_or_path}: neither a model folder nor a shipped model{_suggest(name_or_path)}"
    )


def find_recipe(name_or_path: str) -> Path:
    """A recipe file, a folder with a recipe.toml, or the name of a shipped model.

    Raises `RecipeError` if it is none of them.
    """
    path = Path(name_or_path)
    if path.is_dir():
        path = path / "recipe.toml"
    if path.is_file():
        return path
    if name_or_path in shipped():
        return package_data("models") / name_or_path / "recipe.toml"
    raise RecipeError(
        f"{name_or_path}: neither a recipe nor a shipped model{_suggest(name_or_path)}"
    )


def _suggest(name: str) -> str:
    close = suggest(name, shipped())
    return f"; did you mean {close!r}?" if close else "; `hwgen models` lists those shipped"
