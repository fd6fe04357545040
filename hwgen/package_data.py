"""Where the data of hwgen are: in the wheel, or beside the package in a checkout."""

from pathlib import Path
from typing import Literal

from hwgen.errors import HwgenError

_PACKAGE = Path(__file__).resolve().parent


def package_data(kind: Literal["sim", "boards", "models", "conformance", "benchmarks"]) -> Path:
    """The folder of that kind. Never looks at the current folder, which is the user's."""
    shipped = _PACKAGE / "_share"
    if shipped.is_dir():
        return shipped / kind
    checkout = _PACKAGE.parent
    if (checkout / "pyproject.toml").is_file():
        return checkout / kind
    raise HwgenError(f"{_PACKAGE}: no _share folder and no checkout around it: reinstall hwgen")
