"""The verb `run`: samples on a board, or on a simulated one."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hwgen.cli import options as shared
from hwgen.cli.console import err, facts, percent, progress, table, undecided
from hwgen.cli.design import BoardOption, choose
from hwgen.cli.verb import Answer, verb
from hwgen.errors import HwgenError
from hwgen.model import folder as model_module
from hwgen.network.params import Params

if TYPE_CHECKING:
    from hwgen.host.run import Batch, RunResult

BoardName = Annotated[str, typer.Option(help="Name (`hwgen boards`) or path of a .toml.")]
SHOWN = 30  # rows of a table; more are a file's business (`--json`)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    model: shared.Model
    images: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Image files, or folders of them; recordings (.bin, N-MNIST's format), if the "
            "network takes events. Default: samples of the test set."
        ),
    ] = None
    port: Annotated[str, typer.Option(help="Serial port of the board, as /dev/ttyUSB1.")] = ""
    simulate: Annotated[
        bool, typer.Option("--simulate", help="No board: compile the design, and talk to that.")
    ] = False
    board: BoardOption = "icebreaker"
    lanes: shared.Lanes = ""
    samples: Annotated[int, typer.Option(help="How many of the test set.", min=1)] = 20
    invert: Annotated[
        bool, typer.Option("--invert", help="The images are dark on bright paper.")
    ] = False
    background: Annotated[
        str,
        typer.Option(
            metavar="COLOUR",
            help="What lies behind transparent parts of images: a name or #rrggbb. Default: white.",
        ),
    ] = ""
    start: Annotated[
        str,
        typer.Option(
            help="When recordings begin: zero (of their clock) or first-event. Default: zero."
        ),
    ] = ""
    time_unit: Annotated[
        str, typer.Option(help="Of times in recordings: s, ms, us or ns. Default: us.")
    ] = ""
    learn: Annotated[
        bool,
        typer.Option("--learn", help="Train on samples of the training set; see --output."),
    ] = False
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Parameter file to write what was learnt to; -: stdout."
        ),
    ] = None
    capture: Annotated[
        Path | None,
        typer.Option(help="Write all that passes over the line to this file; -: stdout."),
    ] = None
    record: Annotated[Path | None, typer.Option(hidden=True)] = None  # its name of before
    replay: Annotated[
        Path | None, typer.Option(help="No board: play such a file, of the same command.")
    ] = None
    seed: shared.Seed = 0
    data_dir: shared.DataDir = None
    json: shared.Json = False

    def check(self) -> None:
        """Raise `HwgenError` if they contradict each other."""
        if sum((bool(self.port), self.simulate, self.replay is not None)) != 1:
            raise HwgenError("run: give one of --port, --simulate and --replay")
        if self.learn and self.images:
            raise HwgenError("run: --learn takes labelled samples of the training set, not images")
        if self.output and not self.learn:
            name = str(self.output)
            raise HwgenError(f"--output is {name!r}, but without --learn nothing is learnt")


@verb
def run(options: RunOptions) -> Answer:
    """Classify images on a board, over its serial port; compare each answer with golden's.

    The board must have the bitstream of this model (`hwgen build`, `hwgen flash`). With
    `--simulate` the design is compiled, and put at the other end of a pseudo-terminal: all but the
    port is the same.

    Example: `hwgen run mnist-binary --simulate`, or
    `hwgen run mnist-up5k photos/ --invert --port /dev/ttyUSB1 --board icebreaker`
    """
    from hwgen.api import connection
    from hwgen.boards import board as board_module
    from hwgen.host import Device, Recorder
    from hwgen.host import run as flow
    from hwgen.network.params_file import save

    options.check()
    shared.output(options.output, options.capture or options.record)
    params = model_module.find(options.model).params()
    design = choose(params, options.lanes, options.board)
    batch = _batch(params, options)
    for part in batch.coverage:
        err.print(part.line, markup=False, soft_wrap=True)
    baud = board_module.load(options.board).uart.baud
    capture = options.capture or options.record
    library = None
    if options.simulate:
        with progress("simulated board") as reporter:
            library = connection.compiled(design, reporter)
    with (
        connection.transport(options.port, baud, options.replay, library) as line,
        Device(
            Recorder(line, capture) if capture else line,
            params,
            lanes=design.lanes,
            session=1 + options.seed % 63 if capture or options.replay else None,
        ) as device,
        progress("run") as reporter,
    ):
        result = flow.run(device, params, batch, fill=design.is_filled, reporter=reporter)
    if options.output and result.learnt:
        save(result.learnt, options.output)
    return Answer(
        json=result.to_json()
        | {
            "samples": batch.names,
            "doubt": batch.doubt,
            "recordings": [asdict(part) for part in batch.coverage],
        },
        print_result=lambda: _print_result(params, batch, result, options.output),
        check=result.check,
    )


def _batch(params: Params, options: RunOptions) -> "Batch":
    from hwgen.data.window import Clock
    from hwgen.host import run as flow

    if options.images:
        return flow.of_files(
            params,
            options.images,
            invert=options.invert,
            background=options.background,
            clock=Clock(start=options.start, unit=options.time_unit),
        )
    if options.learn:
        return flow.of_training_set(params, options.samples, options.seed, options.data_dir)
    return flow.of_test_set(params, options.samples, options.data_dir)


def _print_result(params: Params, batch: "Batch", result: "RunResult", output: Path | None) -> None:
    n, classes = len(batch.names), batch.classes
    columns = ["sample", "decision", "in step", "golden"]
    names = params.origin.get("data", {}).get("classes")

    def shown(labels: Iterable[int]) -> list[object]:
        """Names of classes, where there are some."""
        return [names[label] if names else label for label in labels]

    decided, expected = shown(result.decisions), shown(result.expected)
    said = zip(batch.names, decided, result.steps, expected, strict=True)
    rows = [list(row) for row in said]
    if classes is not None:
        columns.append("label")
        rows = [[*row, label] for row, label in zip(rows, shown(classes.tolist()), strict=True)]
    if n <= SHOWN:
        table(f"{params.name}: what the board says", columns, rows)
    lines = [
        ("equal to golden", "all" if not result.n_different else f"{result.n_different} are not"),
        ("cycles a sample", f"{result.cycles_per_sample:.0f}"),
        ("samples/s", f"{result.samples_per_s:.1f}, over this line"),
        ("frames damaged", str(result.n_dropped)),
    ]
    if result.n_correct is not None:
        correct = f"{result.n_correct} of {n}, {percent(result.n_correct / n)}"
        if result.n_undecided:
            correct += f"; {undecided(result.n_undecided)}"
        lines.insert(0, ("correct", correct))
    if result.learnt:
        lines.append(("learnt", f"params {result.learnt.digest[:16]}, {output or 'not written'}"))
    if batch.doubt:
        lines.append(("doubt", batch.doubt))
    facts(f"{n} samples", lines)
