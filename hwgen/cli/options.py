"""Options that several verbs share, in the same words."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from hwgen.cli.console import claim_stdout
from hwgen.errors import HwgenError
from hwgen.files import STDOUT, require_writable
from hwgen.schema import MAX_SEED


def within(name: str, low: float, high: float) -> Callable[[float | None], float | None]:
    """For an option's `callback`: refuses what is out of range, or no number, in one line."""

    def check(value: float | None) -> float | None:
        if value is not None and not low <= value <= high:
            raise HwgenError(f"{name} is {value}, expected {low}..{high}")
        return value

    return check


def output(*paths: Path | None) -> None:
    """See, before any work, that files can be written; if one is `-`, stdout is for it alone.

    None: there is no such file. Raises `HwgenError`.
    """
    for path in filter(None, paths):
        require_writable(path)
    claim_stdout(STDOUT in paths)


Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace another model that the folder holds, or its run."),
]
Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="Folder with params.safetensors, or the name of a shipped model (`hwgen models`).",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, for scripts.")]
DataDir = Annotated[
    Path | None,
    typer.Option(
        help="Folder with the data sets (mnist/, fashion-mnist/), and the only place looked in. "
        "Default: the user's cache, the system, then a download.",
        envvar="HWGEN_DATA",
    ),
]
Lanes = Annotated[
    str,
    typer.Option(
        help="Neurons updated at once, one number a layer, as in 16,10. Any choice gives the same "
        "bits; more lanes are faster and bigger. Default: as the board or a small one likes it.",
    ),
]
Learning = Annotated[
    bool,
    typer.Option(
        "--learning",
        help="Train the core on samples of the training set; compare all weights, too.",
    ),
]
Seed = Annotated[
    int, typer.Option(help="Seed of all random choices.", callback=within("--seed", 0, MAX_SEED))
]
Stall = Annotated[
    float,
    typer.Option(
        help="Chance of an idle cycle at each end, each cycle, 0..0.95.",
        callback=within("--stall", 0, 0.95),
    ),
]
BuildDir = Annotated[
    Path | None,
    typer.Option(help="Where to put what is made. Default: build/NAME-... in this folder."),
]
ClockMhz = Annotated[
    float | None,
    typer.Option(
        help="Clock of the core, made by a PLL. Default: that of the board.",
        callback=within("--clock-mhz", 1, 1000),
    ),
]
