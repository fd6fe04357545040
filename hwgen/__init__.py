"""hwgen: from a spiking network in PyTorch to a bitstream for a small FPGA, bit for bit.

    import hwgen
    model = hwgen.load("mnist-binary")  # or a folder, or a parameter file
    model.evaluate(), model.verify(samples=200), model.estimate("ulx3s_85f")

`hwgen.api` has all of it; it is loaded when one of its names is used.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from hwgen.api import Model, from_nir, load, train

__all__ = ["Model", "from_nir", "load", "train"]


def __getattr__(name: str) -> Any:
    """The names of the API, when they are used."""
    if name not in __all__:
        raise AttributeError(f"module 'hwgen' has no attribute {name!r}")
    from hwgen import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
