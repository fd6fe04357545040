"""The verb `demo`: each step once, on 8x8 digits."""

from pathlib import Path
from typing import Annotated

import typer

from hwgen.cli import options
from hwgen.cli.console import facts, print_json, progress
from hwgen.cli.copies import told


def demo(
    out: Annotated[Path, typer.Option(help="Folder for all that is made.")] = Path("build/demo"),
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Do the whole road once, on 8x8 digits: train, Verilog, co-simulate, place and route.

    Takes a few minutes on two cores and needs no data and no board.

    Example: `hwgen demo`
    """
    from hwgen.flows import demo as flow

    with told() as copies, progress(*flow.PARTS) as reporter:
        result = flow.run(out, overwrite=overwrite, reporter=reporter)
    if json:
        print_json(result.to_json() | {"data_read": copies})
    else:
        facts(f"digits on {result.synth.board} ({result.synth.part})", result.rows())
