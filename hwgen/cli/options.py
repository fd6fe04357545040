"""Options that several verbs share, in the same words."""

from pathlib import Path
from typing import Annotated

import typer

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
        help="Folder with the data sets (mnist/, fashion-mnist/); else the user's cache, the "
        "system, then a download.",
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
        help="Give lessons: samples of the training set, with labels; compare all weights, too.",
    ),
]
Seed = Annotated[int, typer.Option(help="Seed of all random choices.")]
BuildDir = Annotated[
    Path | None,
    typer.Option(help="Where to put what is made. Default: build/NAME-... in this folder."),
]
