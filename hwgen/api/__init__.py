"""hwgen in Python: what the verbs of the command line do, with arrays and objects.

The names here are those of `import hwgen`, which loads this package when one of them is used.
"""

from hwgen.api.model import Model
from hwgen.api.nir import from_nir
from hwgen.api.training import train

__all__ = ["Model", "from_nir", "load", "train"]


def load(name_or_path: str) -> Model:
    """A model: a folder, a parameter file, or the name of a shipped model.

    Raises `ParamsError` if it is none of them, or breaks the contract.
    """
    return Model.load(name_or_path)
