"""The verb verify: a whole test set through the compiled core."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hwgen.api.model import Model
from hwgen.cli import options as shared
from hwgen.cli.console import err, facts, out, progress
from hwgen.cli.design import BoardOption, Record, choose, parse_lanes
from hwgen.cli.verb import Answer, verb
from hwgen.errors import HwgenError
from hwgen.files import free_folder, stem

if TYPE_CHECKING:
    from hwgen.verification.result import EqualityResult

N_LEARNT = 500  # samples, unless said otherwise


@dataclass(frozen=True, kw_only=True)
class VerifyOptions:
    model: shared.Model
    samples: Annotated[
        int | None,
        typer.Option(help="How many. Default: the whole test set; with --learning, 500."),
    ] = None
    data: Annotated[str, typer.Option(help="Data set, if not the one it was trained on.")] = ""
    early_exit: Annotated[
        bool,
        typer.Option(
            "--early-exit", help="Stop reading a sample once it is decided, as bitstreams do."
        ),
    ] = False
    stall: shared.Stall = 0.0
    jobs: Annotated[
        int | None, typer.Option(help="Processes. Default: one a core of this machine.")
    ] = None
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep what an interrupted run found equal.")
    ] = False
    learning: shared.Learning = False
    every: Annotated[
        int | None,
        typer.Option(help="With --learning: read weights after each so many samples. Default: 1."),
    ] = None
    lanes: shared.Lanes = ""
    board: BoardOption = ""
    seed: shared.Seed = 0
    data_dir: shared.DataDir = None
    build_dir: shared.BuildDir = None
    record: Record = False
    json: shared.Json = False

    def check(self) -> None:
        """Raise `HwgenError` if they contradict each other."""
        numbers = {"--samples": self.samples, "--jobs": self.jobs, "--every": self.every}
        for name, number in numbers.items():
            if number is not None and number < 1:
                raise HwgenError(f"{name} is {number}, expected at least 1")
        if self.learning and (self.early_exit or self.resume or self.jobs):
            raise HwgenError("--early-exit, --resume and --jobs do not go with --learning")
        if self.every and not self.learning:
            raise HwgenError("--every goes with --learning only")


@verb
def verify(options: VerifyOptions) -> Answer:
    """Compare the core with golden on the whole test set: every spike, potential and decision.

    The Verilog is compiled to machine code once, then kept in the user's cache. Exit code 1 on a
    mismatch. `cosim` does the same on a few samples, in a Verilog simulator, with a waveform.
    With `--learning` a core that learns gets labels, and its weights are read and compared, too.

    Example: `hwgen verify mnist-binary --board ulx3s_25f`
    """
    options.check()
    model = Model.load(options.model)
    return _learning(model, options) if options.learning else _inference(model, options)


def _inference(model: Model, options: VerifyOptions) -> Answer:
    from hwgen.data import for_network
    from hwgen.data.own_samples import has_only_vectors

    params = model.params
    chosen = parse_lanes(options.lanes, params)
    dataset, doubt = None, ""
    if options.data or not has_only_vectors(model.folder, params):
        dataset = model.dataset(options.data or None, data_dir=options.data_dir)
        for_network.check_input(params, dataset)
        if options.record:
            for_network.check_recordable(params, dataset)
        doubt = for_network.doubt(params, dataset)
    with progress("verify") as reporter:
        result = model.verify(
            dataset,
            samples=options.samples,
            stall=options.stall,
            early_exit=options.early_exit,
            lanes=chosen,
            board=options.board,
            seed=options.seed,
            n_processes=options.jobs,
            resume=options.resume,
            build_dir=options.build_dir,
            reporter=reporter,
        )
    lanes = ",".join(map(str, result.lanes))
    rows = [*result.rows(), *([("doubt", doubt)] if doubt else [])]

    def check() -> None:
        if result.mismatch and result.mismatch.sample >= 0:
            names = f"{options.model} --lanes {lanes} --samples {result.mismatch.sample + 1}"
            err.print(f"for a waveform: hwgen cosim {names}", markup=False, soft_wrap=True)
        result.check()

    return Answer(
        json=result.to_json() | {"doubt": doubt},
        print_result=_result_printer(
            f"{params.name} on {dataset.name if dataset else 'its vectors'}, lanes {lanes}",
            rows,
            result,
        ),
        result=result,
        folder=model.folder,
        check=check,
    )


def _learning(model: Model, options: VerifyOptions) -> Answer:
    from hwgen.data import labelled
    from hwgen.verification import verify as flow
    from hwgen.verification.job import Job
    from hwgen.verification.passes import learning_passes

    params = model.params
    design = choose(params, options.lanes, options.board)
    samples = labelled.choose(
        params,
        options.samples or N_LEARNT,
        name=options.data,
        seed=options.seed,
        data_dir=options.data_dir,
    )
    job = Job(
        design=design,
        inputs=samples.inputs,
        build_dir=options.build_dir
        or free_folder(Path("build") / f"{stem(params.name)}-verify-learning"),
        labels=samples.labels,
        truths=samples.truths,
        passes=learning_passes(options.stall, read_every=options.every or 1),
        seed=options.seed,
    )
    with progress("verify") as reporter:
        result = flow.run(job, reporter=reporter)
    lanes = ",".join(map(str, design.lanes))
    title = f"{params.name} learns {samples.dataset}, cxxrtl, lanes {lanes}"
    return Answer(
        json=result.to_json(),
        print_result=_result_printer(title, result.rows(), result),
        result=result,
        folder=model.folder,
        check=result.check,
    )


def _result_printer(
    title: str, rows: list[tuple[str, object]], result: "EqualityResult"
) -> Callable[[], None]:
    def print_result() -> None:
        facts(title, rows)
        out.print(result.verdict)

    return print_result
