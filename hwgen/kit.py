"""Small networks that ship with vectors, in `conformance/`: all that the contract knows is in one.

`tests/make_kit.py` makes them. The models that ship are networks to check against, too.
"""

from hwgen import model
from hwgen.model import ModelFolder
from hwgen.package_data import share


def names() -> list[str]:
    return sorted(path.parent.name for path in share("conformance").glob("*/vectors.safetensors"))


def find(name_or_path: str) -> ModelFolder:
    """A network of the kit, or what `hwgen.model.find` finds."""
    if name_or_path in names():
        return ModelFolder(share("conformance") / name_or_path)
    return model.find(name_or_path)


def folders() -> list[ModelFolder]:
    """Of all that ship with vectors, the kit first."""
    shipped = [model.find(name) for name in model.shipped()]
    return [*map(find, names()), *(folder for folder in shipped if folder.vectors_path.is_file())]
