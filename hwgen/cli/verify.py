"""The verb verify: a whole test set through the compiled core."""

from pathlib import Path
from typing import Annotated

import typer

from hwgen.cli import learning_result, options
from hwgen.cli.console import bar, err, facts, out, percent, phases, print_json
from hwgen.cli.design import BoardOption, Record, choose
from hwgen.errors import HwgenError
from hwgen.model import folder as model_module

N_LEARNT = 500  # samples, unless said otherwise


def verify(
    model: options.Model,
    samples: Annotated[
        int | None,
        typer.Option(help="How many. Default: the whole test set; with --learning, 500."),
    ] = None,
    data: Annotated[str, typer.Option(help="Data set, if not the one it was trained on.")] = "",
    early_exit: Annotated[
        bool,
        typer.Option(
            "--early-exit", help="Stop reading a sample once it is decided, as bitstreams do."
        ),
    ] = False,
    stall: options.Stall = 0.0,
    jobs: Annotated[
        int | None, typer.Option(help="Processes. Default: one a core of this machine.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep what an interrupted run found equal.")
    ] = False,
    learning: options.Learning = False,
    every: Annotated[
        int | None,
        typer.Option(help="With --learning: read weights after each so many samples. Default: 1."),
    ] = None,
    lanes: options.Lanes = "",
    board: BoardOption = "",
    seed: options.Seed = 0,
    data_dir: options.DataDir = None,
    build_dir: options.BuildDir = None,
    record: Record = False,
    json: options.Json = False,
) -> None:
    """Compare the core with golden on the whole test set: every spike, potential and decision.

    The Verilog is compiled to machine code once, then kept in the user's cache. Exit code 1 on a
    mismatch. `cosim` does the same on a few samples, in a Verilog simulator, with a waveform.
    With `--learning` a core that learns gets labels, and its weights are read and compared, too.

    Example: `hwgen verify mnist-binary --board ulx3s_25f`
    """
    from hwgen.data import for_network
    from hwgen.data.inputs import encoded
    from hwgen.verification import verify as flow

    for name, number in (("--samples", samples), ("--jobs", jobs), ("--every", every)):
        if number is not None and number < 1:
            raise HwgenError(f"{name} is {number}, expected at least 1")
    if learning:
        if early_exit or resume or jobs:
            raise HwgenError("--early-exit, --resume and --jobs do not go with --learning")
        folder = model_module.find(model)
        params = folder.params()
        design = choose(params, lanes, board)
        chosen = design.lanes
        learning_result.verify(
            folder,
            chosen,
            spram=design.is_filled,
            n=samples or N_LEARNT,
            every=every or 1,
            data=data,
            stall=stall,
            seed=seed,
            data_dir=data_dir,
            build_dir=build_dir,
            record=record,
            json=json,
        )
        return
    if every:
        raise HwgenError("--every goes with --learning only")
    folder = model_module.find(model)
    params = folder.params()
    chosen = choose(params, lanes, board).lanes
    dataset = for_network.data_of(params, "test", name=data, data_dir=data_dir)
    for_network.check_input(params, dataset)
    if record:
        for_network.check_recordable(params, dataset)
    doubt = for_network.doubt(params, dataset)
    inputs = encoded(dataset, params.spec, slice(samples))
    with phases("verify") as phase, bar("verify") as progress:
        result = flow.run(
            params,
            inputs,
            lanes=chosen,
            build_dir=build_dir or Path("build") / f"{params.name}-verify",
            labels=dataset.labels[:samples],
            early_exit=early_exit,
            stall=stall,
            seed=seed,
            n_processes=jobs,
            resume=resume,
            on_phase=phase,
            on_progress=progress,
        )
    if record:
        from hwgen.report import results

        results.record(folder, result)
    if json:
        print_json(result.to_json() | {"doubt": doubt})
    else:
        facts(
            f"{params.name} on {dataset.name}, lanes {','.join(map(str, chosen))}",
            [
                ("samples", f"{result.n_samples}, {result.n_resumed} of an earlier run"),
                ("accuracy of the core", percent((result.n_correct or 0) / result.n_samples)),
                *((f"{kind} compared", count) for kind, count in result.compared.items()),
                ("cycles per sample", f"{result.cycles_per_sample:.0f}, back to back"),
                (
                    "cycles to decision",
                    f"mean {result.latency_mean:.0f}, worst {result.latency_worst}",
                ),
                ("speed of golden", f"{result.golden_images_per_s:.0f} images/s in a process"),
                ("speed of the core", f"{result.core_images_per_s:.0f} images/s in a process"),
                (
                    "time",
                    f"{result.seconds:.1f} s, of which {result.compile_s:.1f} s to make the core; "
                    f"{result.n_processes} processes",
                ),
                *([("doubt", doubt)] if doubt else []),
            ],
        )
        out.print(result.verdict)
    if result.mismatch and result.mismatch.sample >= 0:
        names = f"{model} --lanes {','.join(map(str, chosen))}"
        err.print(
            f"for a waveform: hwgen cosim {names} --samples {result.mismatch.sample + 1}",
            markup=False,
            soft_wrap=True,
        )
    result.check()
