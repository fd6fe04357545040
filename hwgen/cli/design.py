"""What verbs of hardware share: lanes, SPRAM, tables."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hwgen.api.model import Model
from hwgen.errors import HwgenError
from hwgen.files import stem
from hwgen.network.design import Design
from hwgen.network.params import Params

if TYPE_CHECKING:
    from hwgen.boards.board import Board

Record = Annotated[
    bool, typer.Option("--record", help="Add the result to the model's folder and to its card.")
]
BoardOption = Annotated[
    str, typer.Option(help="Board whose default lanes to use (`hwgen boards`).")
]


def choose(params: Params, lanes: str = "", board: str = "") -> Design:
    """The design for a board, if one is named; `lanes` as in '16,10', if any are given."""
    return Model(params).design(lanes=parse_lanes(lanes, params), board=board)


def parse_lanes(text: str, params: Params) -> tuple[int, ...] | None:
    """Lanes as in '16,10'; None of "". Raises `HwgenError`."""
    if not text:
        return None
    layers = params.spec.layers
    parts = text.split(",")
    if len(parts) != len(layers) or not all(part.strip().isdecimal() for part in parts):
        raise HwgenError(f"--lanes is {text!r}, expected {len(layers)} numbers as in 16,10")
    lanes = tuple(int(part) for part in parts)
    for index, (number, layer) in enumerate(zip(lanes, layers, strict=True)):
        if not 1 <= number <= layer.max_lanes:
            raise HwgenError(
                f"--lanes is {text!r}: layer {index} has {layer.max_lanes} "
                f"{layer.lane_word}, so its lanes must be 1..{layer.max_lanes}, not {number}"
            )
        learns = index in params.spec.learning_layers
        if learns and number & (number - 1) and number != layer.max_lanes:
            raise HwgenError(
                f"--lanes is {text!r}: layer {index} learns, so its lanes must be a power of two, "
                f"or all {layer.max_lanes}, not {number}"
            )
    return lanes


def build_folder(params: Params, board: "Board") -> Path:
    """Where `build` puts a design, and `flash` looks for it, if nothing else is said."""
    return Path("build") / f"{stem(params.name)}-{stem(board.name)}"
