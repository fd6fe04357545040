"""The verb `flash`: a bitstream onto a board."""

from pathlib import Path
from typing import Annotated

import typer

from hwgen.cli import options
from hwgen.cli.console import err, out, print_json
from hwgen.cli.design import build_folder
from hwgen.cli.run import BoardName
from hwgen.model import folder as model_module


def flash(
    model: options.Model,
    board: BoardName,
    bitstream: Annotated[
        Path | None, typer.Option(help="Default: what `hwgen build` left in build/NAME-BOARD.")
    ] = None,
    any_bitstream: Annotated[
        bool,
        typer.Option("--any-bitstream", help="Do not ask whether it was made of this very model."),
    ] = False,
    json: options.Json = False,
) -> None:
    """Load a bitstream onto a board that is connected: with iceprog, openFPGALoader or dfu-util.

    Refused if the bitstream holds another model, or this one as it was before it was trained anew.
    Not tried on any board yet.

    Example: `hwgen flash mnist-up5k --board icebreaker`
    """
    from hwgen.boards import board as board_module
    from hwgen.build import flash as flow
    from hwgen.build import origin

    target = board_module.load(board)
    params = model_module.find(model).params()
    folder = build_folder(params, target)
    chosen = bitstream or folder / f"top{board_module.BITSTREAM_SUFFIX[target.family]}"
    command = flow.command(target, chosen)
    if not any_bitstream:
        origin.check(chosen, params, target)
    err.print(" ".join(command), markup=False)
    flow.flash(target, chosen)
    if json:
        print_json({"board": target.name, "bitstream": chosen, "command": command})
    else:
        out.print(f"{chosen}: loaded onto {target.title}", markup=False)
