"""The verb `verilog`: a core as Verilog."""

from pathlib import Path
from typing import Annotated

import typer

from hwgen.api.model import Model
from hwgen.cli import options
from hwgen.cli.console import out, print_json, progress
from hwgen.cli.design import BoardOption, choose
from hwgen.errors import HwgenError
from hwgen.network.design import Design
from hwgen.protocol.register_map import BUSES, TOPS, Bus


def verilog(
    model: options.Model,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write; -: stdout. Default: NAME.v here."),
    ] = None,
    lanes: options.Lanes = "",
    board: BoardOption = "",
    wrapper: Annotated[
        str, typer.Option(help="axi or wishbone: the core with a bus, a .core and a .h beside it.")
    ] = "",
    json: options.Json = False,
) -> None:
    """Write the core of a model as Verilog, module `hwgen_core`.

    With `--wrapper`, module `hwgen_axi` or `hwgen_wishbone` (docs/soc.md); and beside it a
    description for FuseSoC and a C header.

    Example: `hwgen verilog mnist-binary --lanes 32,10 -o core.v`
    """
    from hwgen.files import stem, write_atomic
    from hwgen.hdl.verilog import TOP, to_verilog

    if wrapper and wrapper not in BUSES:
        raise HwgenError(f"--wrapper is {wrapper!r}, expected axi or wishbone")
    params = Model.load(model).params
    design = choose(params, lanes, board)
    path = output or Path(f"{stem(params.name)}.v")
    options.output(path)
    if wrapper:
        _wrapped(design.on_bus(), wrapper, path, json)
        return
    with progress("verilog") as reporter:
        reporter.phase("elaborate")
        text = to_verilog(design)
        write_atomic(path, text)
    result = {"path": path, "top": TOP, "digest": params.digest, "lanes": design.lanes}
    if json:
        print_json(result | {"n_lines": text.count("\n")})
    else:
        out.print(f"{path}: module {TOP}, {text.count(chr(10))} lines, params {params.digest[:16]}")


def _wrapped(design: Design, bus: Bus, path: Path, json: bool) -> None:
    from hwgen.build import ip_core

    with progress("verilog") as reporter:
        reporter.phase("elaborate")
        written = ip_core.write(design, bus, path)
    digest = design.params.digest
    if json:
        about = {"top": TOPS[bus], "digest": digest, "lanes": design.lanes}
        files = {"path": path, "core": written.core, "header": written.header}
        print_json(files | about | {"n_lines": written.n_lines})
        return
    out.print(
        f"{path}: module {TOPS[bus]}, {written.n_lines} lines, params {digest[:16]}; "
        f"{written.core.name} for FuseSoC, {written.header.name} for C"
    )
