"""The command line: `hwgen VERB`. Errors of the user are one line and exit code 2."""

import typer

import hwgen
from hwgen.cli import (
    boards,
    build,
    conformance,
    cosim,
    data,
    demo,
    estimate,
    evaluate,
    flash,
    info,
    learn,
    models,
    nir,
    report,
    run,
    train,
    verify,
    verilog,
)
from hwgen.cli.console import claim_stdout, err
from hwgen.cli.exits import Verbs, leave
from hwgen.package_data import ensure_cache

app = typer.Typer(
    name="hwgen",
    cls=Verbs,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="From a spiking network in PyTorch to a bitstream for a small FPGA, bit for bit.\n\n"
    "Start with `hwgen demo`. The same steps one at a time: `train`, `verilog`, `cosim`, `build`.",
)
for verb in (
    demo.demo,
    train.train,
    evaluate.evaluate,
    learn.learn,
    verilog.verilog,
    cosim.cosim,
    verify.verify,
    estimate.estimate,
    build.build,
    flash.flash,
    run.run,
    report.report,
    info.info,
    models.models,
    data.data,
    boards.boards,
):
    app.command()(verb)
app.command("import")(nir.import_)
app.command("export")(nir.export)
app.add_typer(conformance.app, name="conformance")
# Their names of before; nobody is told of them.
app.command("check", hidden=True)(estimate.estimate)
app.add_typer(conformance.app, name="vectors", hidden=True)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hwgen {hwgen.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and leave."
    ),
) -> None:
    claim_stdout(False)
    if told := ensure_cache():
        err.print(f"hwgen: {told}", markup=False, soft_wrap=True)


def main() -> None:
    """Entry point of the command `hwgen`. Exit codes: `hwgen.cli.exits`."""
    leave(app)
