"""Small networks that ship with vectors, in `conformance/`: all that the contract knows is in one.

`tests/conformance/make_kit.py` makes them. The models that ship are networks to check against, too.
"""

from hwgen.files import visible
from hwgen.model import folder as model_folder
from hwgen.model.folder import ModelFolder
from hwgen.package_data import package_data


def names() -> list[str]:
    """Of the networks of the kit, sorted."""
    found = visible(package_data("conformance"), "*/vectors.safetensors")
    return [path.parent.name for path in found]


def find(name_or_path: str) -> ModelFolder:
    """A network of the kit, or what `hwgen.model.folder.find` finds.

    Raises `ParamsError` if it is neither.
    """
    if name_or_path in names():
        return ModelFolder(package_data("conformance") / name_or_path)
    return model_folder.find(name_or_path)


def folders() -> list[ModelFolder]:
    """Of all that ship with vectors, the kit first."""
    shipped = [model_folder.find(name) for name in model_folder.shipped()]
    return [*map(find, names()), *(folder for folder in shipped if folder.vectors_path.is_file())]
