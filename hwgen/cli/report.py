"""The verb `report`."""

from pathlib import Path
from typing import Annotated

import typer

from hwgen.cli import options
from hwgen.cli.console import out, print_json, progress
from hwgen.cli.copies import told
from hwgen.files import stem
from hwgen.model import folder as model_module


def report(
    model: options.Model,
    board: Annotated[
        str, typer.Option(help="Board to show the routed design of (`hwgen boards`), or a .toml.")
    ] = "",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="-: stdout. Default: NAME.html, or NAME-BOARD.html."),
    ] = None,
    sample: Annotated[int, typer.Option(help="Which sample to show the spikes of.", min=0)] = 0,
    data_dir: options.DataDir = None,
    json: options.Json = False,
) -> None:
    """Write one HTML page about a model and a board: pictures, figures, verdicts, commands.

    What was recorded (`--record` of `cosim`, `verify`, `synth`) is in it; decisions are made anew.

    Example: `hwgen report mnist-up5k --board icebreaker`
    """
    from hwgen.boards import board as board_module
    from hwgen.report import page as flow

    folder = model_module.find(model)
    target = board_module.load(board) if board else None
    name = stem(folder.params().name)
    path = output or Path(f"{name}-{stem(target.name)}.html" if target else f"{name}.html")
    options.output(path)
    with told() as copies, progress("golden") as reporter:
        flow.write(folder, target, path, data_dir=data_dir, sample=sample, reporter=reporter)
    if json:
        print_json(
            {
                "path": path,
                "n_bytes": path.stat().st_size if path.is_file() else None,
                "data_read": copies,
            }
        )
    else:
        out.print(f"{path}: open it in a browser", markup=False)
