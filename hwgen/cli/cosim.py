"""The verb `cosim`: a Verilog simulator against golden."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hwgen.api.model import Model
from hwgen.cli import options as shared
from hwgen.cli.console import facts, out, progress
from hwgen.cli.design import BoardOption, Record, choose, parse_lanes
from hwgen.cli.verb import Answer, verb
from hwgen.errors import HwgenError
from hwgen.files import free_folder, stem
from hwgen.network.params import Params

if TYPE_CHECKING:
    from hwgen.verification.job import Job


@dataclass(frozen=True, kw_only=True)
class CosimOptions:
    model: shared.Model
    samples: Annotated[
        int, typer.Option(help="How many; more than the vectors hold come from the test set.")
    ] = 20
    stall: shared.Stall = 0.2
    simulator: Annotated[str, typer.Option(help="icarus or verilator.")] = "icarus"
    learning: shared.Learning = False
    lanes: shared.Lanes = ""
    board: BoardOption = ""
    seed: shared.Seed = 0
    data_dir: shared.DataDir = None
    build_dir: shared.BuildDir = None
    record: Record = False
    json: shared.Json = False


@verb
def cosim(options: CosimOptions) -> Answer:
    """Compare the core, in a Verilog simulator, with golden: every spike, potential and decision.

    Samples run twice: with random stalls and everything compared, then at full speed with early
    exit for the cycle counts. Exit code 1 on a mismatch. With `--learning` a core that learns gets
    labels, and its weights are read and compared, too.

    Example: `hwgen cosim mnist-binary --samples 20`
    """
    from hwgen.verification import cosim as flow

    simulator: Any = options.simulator
    if simulator not in ("icarus", "verilator"):
        raise HwgenError(f"--simulator is {simulator!r}, expected icarus or verilator")
    if options.samples < 1:
        raise HwgenError(f"--samples is {options.samples}, expected at least 1")
    model = Model.load(options.model)
    with progress(f"cosim, {simulator}") as reporter:
        if options.learning:
            job, title = _learning(model.params, options)
            result = flow.run(job, simulator, reporter=reporter)
        else:
            result = model.cosim(
                samples=options.samples,
                stall=options.stall,
                simulator=simulator,
                lanes=parse_lanes(options.lanes, model.params),
                board=options.board,
                seed=options.seed,
                data_dir=options.data_dir,
                build_dir=options.build_dir,
                reporter=reporter,
            )
            lanes = ",".join(map(str, result.lanes))
            title = f"{model.params.name} on {simulator}, lanes {lanes}"

    def print_result() -> None:
        if result.learning or not result.mismatch:
            facts(title, result.rows())
        if result.learning:
            out.print(result.verdict)

    return Answer(
        json=result.to_json(),
        print_result=print_result,
        result=result,
        folder=model.folder,
        check=result.check,
    )


def _learning(params: Params, options: CosimOptions) -> tuple["Job", str]:
    """What to do, and the title of what came of it."""
    from hwgen.data import labelled
    from hwgen.verification.job import Job
    from hwgen.verification.passes import learning_passes

    design = choose(params, options.lanes, options.board)
    samples = labelled.choose(params, options.samples, seed=options.seed, data_dir=options.data_dir)
    job = Job(
        design=design,
        inputs=samples.inputs,
        build_dir=options.build_dir
        or free_folder(Path("build") / f"{stem(params.name)}-cosim-learning"),
        labels=samples.labels,
        truths=samples.truths,
        passes=learning_passes(options.stall),
        seed=options.seed,
    )
    lanes = ",".join(map(str, design.lanes))
    return job, f"{params.name} learns {samples.dataset}, {options.simulator}, lanes {lanes}"
