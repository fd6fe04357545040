"""Model folders: where they are, what is in them. A path to a file means that file."""

from collections.abc import Callable
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

PARAMS_NAME = "params.safetensors"


@dataclass(frozen=True)
class ModelFolder:
    """`models/NAME/`: recipe.toml, params.safetensors, vectors.safetensors, card.md; and
    lessons.safetensors, if it learns.

    params_name: of the parameter file in it. Vectors and the card of a folder belong to its
    params.safetensors. Another file, NAME.safetensors, has its vectors in NAME.vectors.safetensors
    and NAME.lessons.safetensors, if anywhere, and no card.
    """

    path: Path
    params_name: str = PARAMS_NAME

    @property
    def recipe_path(self) -> Path:
        """Of the recipe it was trained by."""
        return self.path / "recipe.toml"

    @property
    def params_path(self) -> Path:
        """Of the parameter file."""
        return self.path / self.params_name

    @property
    def vectors_path(self) -> Path:
        """Of the test vectors."""
        return self._beside("vectors")

    @property
    def learning_vectors_path(self) -> Path:
        """Of the learning vectors, of a network that learns."""
        return self._beside("lessons")

    @property
    def card_path(self) -> Path:
        """Of the model's card."""
        return self.path / "card.md"

    @property
    def has_card(self) -> bool:
        """Whether the card, and what is on record, are of this parameter file."""
        return self.params_name == PARAMS_NAME

    def _beside(self, what: str) -> Path:
        stem = "" if self.has_card else f"{Path(self.params_name).stem}."
        return self.path / f"{stem}{what}.safetensors"

    def require_own(self, is_own: Callable[[Params], bool]) -> None:
        """Raise `ParamsError` if a parameter file is here that is not of the run that asks.

        is_own: whether params are.
        """
        if not self.params_path.exists():
            return
        try:
            found = self.params()
        except ParamsError:
            what = f"a {self.params_name} that cannot be read"
        else:
            if is_own(found):
                return
            what = f"another model, {found.name} ({found.digest[:16]})"
        raise ParamsError(
            f"{self.path}: holds {what}, which would be lost; name another folder by --out, or "
            "give --overwrite"
        )

    def params(self) -> Params:
        """The params, read and checked. Raises `ParamsError`."""
        return params_file.load(self.params_path)

    def vectors(self, params: Params) -> Vectors:
        """The vectors that belong to `params`, the folder's.

        Raises `ParamsError`.
        """
        return vectors_file.load(self.vectors_path, params)

    def learning_vectors(self, params: Params) -> Vectors:
        """The learning vectors that belong to `params`, the folder's.

        Raises `ParamsError`.
        """
        return vectors_file.load(self.learning_vectors_path, params, learns=True)


def shipped() -> list[str]:
    """Names of the models that come with hwgen."""
    return [path.parent.name for path in visible(package_data("models"), "*/recipe.toml")]


def find(name_or_path: str) -> ModelFolder:
    """A model folder, a parameter file, or the name of a shipped model.

    Raises `ParamsError` if it is none of them.
    """
    path = Path(name_or_path)
    if path.exists() and not path.is_dir():  # what is no regular file is refused as it is read
        if path.suffix == ".toml":
            raise ParamsError(
                f"{path}: a .toml file, expected a parameter file (.safetensors), a model folder "
                "or the name of a shipped model; `hwgen train` makes parameters of a recipe"
            )
        return ModelFolder(path.parent, path.name)
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
    if path.exists():
        if path.suffix == ".safetensors":
            raise RecipeError(f"{path}: a .safetensors file, expected a recipe (.toml)")
        return path
    if name_or_path in shipped():
        return package_data("models") / name_or_path / "recipe.toml"
    raise RecipeError(
        f"{name_or_path}: neither a recipe nor a shipped model{_suggest(name_or_path)}"
    )


def _suggest(name: str) -> str:
    close = suggest(name, shipped())
    return f"; did you mean {close!r}?" if close else "; `hwgen models` lists those shipped"
