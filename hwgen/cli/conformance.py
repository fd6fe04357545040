"""The verbs `conformance check`, `export` and `list`: for other implementations."""

from pathlib import Path
from typing import Annotated

import typer

from hwgen.cli import options
from hwgen.cli.console import facts, out, print_json, progress, table
from hwgen.files import stem

KINDS = {  # fields of results, in words
    "spike_times": "spikes",
    "spikes": "spikes",
    "potentials": "potentials",
    "decision": "decisions",
    "decision_step": "steps of decisions",
    "shadows": "shadow weights",
}
app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Check another implementation (a chip, another language) against vectors.\n\n"
    "Run the inputs of `vectors.safetensors`, write what comes out as lines of JSON, then `check`. "
    "The formats are in `docs/conformance.md`.",
)


@app.command()
def check(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="Results: lines of JSON, the digest in the first."),
    ],
    model: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="Model folder, if it is none that ships (`hwgen conformance list`).",
        ),
    ] = "",
    complete: Annotated[
        bool,
        typer.Option("--complete", help="An error if FILE leaves out anything that is known."),
    ] = False,
    json: options.Json = False,
) -> None:
    """Compare an implementation's results with the vectors of the model that they name.

    Every value in FILE is compared. Exit code 0: all equal; 1: a difference, the first is named;
    2: FILE cannot be read.

    Example: `hwgen conformance check results.jsonl --complete`
    """
    from hwgen.conformance import check, networks

    with progress("check") as reporter:
        result = check.check(
            file, networks.find(model) if model else None, complete=complete, reporter=reporter
        )
    if json:
        print_json(result.to_json())
    else:
        kinds: dict[str, int] = {}
        for name, count in result.compared.items():
            kind = KINDS[name.split(".")[-1]]
            kinds[kind] = kinds.get(kind, 0) + count
        what = "lessons" if result.learning else "samples"
        by = f" by {result.implementation}" if result.implementation else ""
        facts(
            f"{result.name}{by}",
            [
                ("digest", result.digest),
                (what, f"{result.n_samples} of {result.n_vectors}"),
                *((f"{kind} compared", count) for kind, count in kinds.items()),
                *([("left out", "; ".join(result.left_out))] if result.left_out else []),
            ],
        )
        out.print(result.verdict)
    result.check()


@app.command()
def export(
    model: options.Model,
    out_dir: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder to write. Default: build/NAME-vectors."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Write params, inputs and expected results as plain JSON, for any language.

    Example: `hwgen conformance export conv-pool -o vectors`
    """
    from hwgen.conformance import json_export, networks

    folder = networks.find(model)
    folder_out = out_dir or Path("build") / f"{stem(folder.params().name)}-vectors"
    with progress("export") as reporter:
        paths = json_export.export(folder, folder_out, reporter=reporter)
    if json:
        print_json({"files": paths})
    else:
        for path in paths:
            out.print(f"{path}, {path.stat().st_size} bytes", markup=False, soft_wrap=True)


@app.command("list")
def list_(json: options.Json = False) -> None:
    """List what there is to check against: a kit of small networks first, then trained ones.

    Example: `hwgen conformance list`
    """
    from hwgen.conformance import networks

    rows = []
    for folder in networks.folders():
        params = folder.params()
        n_lessons = (
            len(folder.learning_vectors(params).labels)
            if folder.learning_vectors_path.is_file()
            else 0
        )
        neurons = [layer.neuron for layer in params.spec.weighted]
        kinds = {x.psp if not x.two_phase else "phased" for x in neurons}
        rows.append(
            (
                params.name,
                params.spec.shape,
                "/".join(sorted(kinds)),
                params.spec.n_steps,
                len(folder.vectors(params).labels),
                n_lessons,
                params.digest[:8],
            )
        )
    if json:
        names = ("name", "shape", "psp", "n_steps", "n_samples", "n_lessons", "digest")
        print_json([dict(zip(names, row, strict=True)) for row in rows])
    else:
        columns = ("name", "shape", "PSP", "steps", "samples", "lessons", "digest")
        table("vectors", columns, rows)
