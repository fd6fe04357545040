"""The verbs `import` and `export`: networks from frameworks, and for them, as NIR."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hwgen.cli import options as shared
from hwgen.cli.console import err, facts, out, percent, progress
from hwgen.cli.verb import Answer, verb
from hwgen.errors import HwgenError
from hwgen.files import stem
from hwgen.network.layers.shape import Shape

if TYPE_CHECKING:
    from hwgen.data.dataset import Dataset
    from hwgen.flows.export_nir import ExportResult
    from hwgen.flows.import_nir import ImportResult


class Encoding(StrEnum):
    """How a sample becomes spikes."""

    LATENCY = "latency"
    RATE = "rate"
    EVENTS = "events"
    DIRECT = "direct"


class Reset(StrEnum):
    """What a spike does to its potential."""

    ZERO = "zero"
    SUBTRACT = "subtract"


class Readout(StrEnum):
    """Which output decides."""

    SPIKE_COUNT = "spike_count"
    POTENTIAL = "potential"


def _at_least(name: str, low: float) -> Callable[[float | None], float | None]:
    return shared.within(name, low, 1e9)


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .nir file.")]
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Model folder. Default: models/STEM.")
    ] = None
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="What its neurons mean: snntorch, spikingjelly, norse, norse-1.1, sinabs-single, "
            "or euler (NIR's text). Files do not say it.",
        ),
    ] = None
    steps: Annotated[
        int | None,
        typer.Option(help="Steps of a sample.", callback=shared.within("--steps", 1, 255)),
    ] = None
    encoding: Annotated[
        Encoding | None, typer.Option(help="How a sample becomes the spikes of the input.")
    ] = None
    reset: Annotated[
        Reset | None, typer.Option(help="Of neurons; of snntorch no file says it.")
    ] = None
    dt: Annotated[
        float | None, typer.Option(help="Step in seconds. Default: that of the framework.")
    ] = None
    input_shape: Annotated[
        str,
        typer.Option(help="H,W or H,W,C of a flat input. Default: that of --data, else one row."),
    ] = ""
    readout: Annotated[
        Readout | None, typer.Option(help="To be sure: of IF and LIF at the end spike_count.")
    ] = None
    step_us: Annotated[
        int,
        typer.Option(
            help="With events: microseconds of a step.", callback=_at_least("--step-us", 0)
        ),
    ] = 0
    weight_bits: Annotated[
        int | None,
        typer.Option(
            help="1..8. Default: as few as hold the weights exactly, else 8.",
            callback=shared.within("--weight-bits", 1, 8),
        ),
    ] = None
    fraction_bits: Annotated[
        int | None,
        typer.Option(
            help="At most so many bits of potentials below a weight's unit. Default: as many as "
            "matter.",
            callback=shared.within("--fraction-bits", 0, 12),
        ),
    ] = None
    tolerance: Annotated[
        float,
        typer.Option(
            help="Relative error of what leaks in a step that is accepted.",
            callback=shared.within("--tolerance", 0, 1),
        ),
    ] = 0.01
    data: Annotated[
        str, typer.Option(help="Data set that it was trained on: gives sizes, and is measured on.")
    ] = ""
    data_dir: shared.DataDir = None
    inputs: Annotated[
        Path | None,
        typer.Option(
            help="Samples to compare by, a .npz: `inputs` [steps, ...] of 0 and 1, or `images`; "
            "and `spikes` of the framework's outputs, if there are any."
        ),
    ] = None
    samples: Annotated[
        int | None,
        typer.Option(
            help="How many to compare by, without --inputs. Default: 1000 of --data, else 64.",
            callback=_at_least("--samples", 1),
        ),
    ] = None
    seed: shared.Seed = 0
    overwrite: shared.Overwrite = False
    json: shared.Json = False


@verb
def import_(options: ImportOptions) -> Answer:
    """Make a model folder of a network that a framework wrote as NIR, and say if it is the same.

    The file's own rule runs beside golden, in float: its verdict counts every spike that differs.
    What no file says, as the framework and the steps, must be said; what was assumed is printed.

    Example: `hwgen import net.nir --from snntorch --reset subtract --steps 25 --encoding rate
    --data mnist -o models/mine`
    """
    from hwgen.flows import import_nir as flow
    from hwgen.nir.quantise import Wanted

    folder = options.output or Path("models") / stem(options.file.stem)
    asked = flow.Asked(
        source=options.source,
        n_steps=options.steps,
        encoding=_value(options.encoding),
        reset=_value(options.reset),
        dt=options.dt,
        shape=_shape(options.input_shape) if options.input_shape else None,
        readout=_value(options.readout),
        step_us=options.step_us,
        wanted=Wanted(
            weight_bits=options.weight_bits,
            fraction_bits=options.fraction_bits,
            tolerance=options.tolerance,
        ),
    )
    dataset = _test_set(options) if options.data else None
    n = options.samples or (1000 if dataset else 64)
    with progress("compare", flow.TEST) as reporter:
        result = flow.import_nir(
            options.file,
            folder,
            asked,
            flow.Compared(inputs=options.inputs, n=n, seed=options.seed),
            dataset=dataset,
            overwrite=options.overwrite,
            reporter=reporter,
        )
    return Answer(json=result.to_json(), print_result=lambda: _print_import(result))


def _value(chosen: StrEnum | None) -> Any:
    return None if chosen is None else chosen.value


def _shape(text: str) -> Shape:
    parts = text.split(",")
    if len(parts) not in (2, 3) or not all(x.strip().isdecimal() and int(x) > 0 for x in parts):
        raise HwgenError(f"--input-shape is {text!r}, expected H,W or H,W,C, as in 28,28")
    height, width, *channels = map(int, parts)
    return Shape(height, width, sum(channels) or 1)


def _test_set(options: ImportOptions) -> "Dataset":
    """In the size, and the colours, that the network takes."""
    from hwgen.data.for_network import data_of_import
    from hwgen.nir import reading, settings

    nodes, _ = reading.read(options.file)
    shape = _shape(options.input_shape) if options.input_shape else None
    found = settings.input_shape(nodes[0])
    if len(found) == 3:
        shape = Shape(found[1], found[2], found[0])
    return data_of_import(options.data, shape, data_dir=options.data_dir)


def _print_import(result: "ImportResult") -> None:
    from hwgen.nir import verdict

    for line in (*result.assumed, *result.changes):
        err.print(line, markup=False, soft_wrap=True)
    table = result.verdict.to_json()
    rows = [*verdict.rows(table)]
    if result.evaluation:
        rows.append((f"accuracy, {result.evaluation.dataset}", percent(result.evaluation.accuracy)))
    if result.doubt:
        rows.append(("doubt", result.doubt))
    rows += [("shape", result.shape), ("digest", result.digest), ("folder", str(result.folder))]
    facts(f"the file's own rule and golden, on {result.verdict.source}", rows)
    theirs = result.verdict.rule
    same = (
        "not shown to be the framework's network: the file's rule gives other spikes than those "
        "given; is --from, --reset or --dt another, or were the inputs rounded?"
        if theirs and not theirs.is_exact
        else "the same network: every spike is equal"
        if result.verdict.is_exact
        else ("not spike for spike the same: see what differs, and what integers changed")
    )
    out.print(same, markup=False)


class For(StrEnum):
    """Who is to read a file."""

    SNNTORCH = "snntorch"
    SPIKINGJELLY = "spikingjelly"
    NORSE = "norse"
    NIR = "nir"


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    model: shared.Model
    nir: Annotated[Path, typer.Option("--nir", help="The file to write.")]
    target: Annotated[
        For, typer.Option("--for", help="Who is to read it: each reads the same nodes otherwise.")
    ]
    lossy: Annotated[
        bool,
        typer.Option("--lossy", help="Write it even if the framework's spikes will be others."),
    ] = False
    seed: shared.Seed = 0
    json: shared.Json = False


@verb
def export(options: ExportOptions) -> Answer:
    """Write a model as NIR, so that a framework reads the same network; golden's spikes beside it.

    Refused, with the reason, where the framework cannot be the same. The spikes are NIR data
    (`nir.read_data`), by node: compare them with the framework's own.

    Example: `hwgen export models/mine --nir mine.nir --for snntorch`
    """
    from hwgen.flows import export_nir as flow
    from hwgen.model import folder as model_folder

    shared.output(options.nir)
    with progress("compare") as reporter:
        result = flow.export_nir(
            model_folder.find(options.model),
            options.nir,
            _value(options.target),
            lossy=options.lossy,
            seed=options.seed,
            reporter=reporter,
        )
    return Answer(json=result.to_json(), print_result=lambda: _print_export(result))


def _print_export(result: "ExportResult") -> None:
    from hwgen.nir import verdict

    for line in result.warnings:
        err.print(f"hwgen: warning: {line}", markup=False, soft_wrap=True)
    told = result.verdict
    rows = list(verdict.rows(told.to_json())) if told else []
    rows.append(("file", str(result.path)))
    if told:
        rows.append(("golden's spikes", str(result.data_path)))
    facts(f"the framework's rule and golden, on {told.source}" if told else "written", rows)
