"""The verb `cosim`: a Verilog simulator against golden."""

import statistics
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from hwgen.cli import learning_result, options
from hwgen.cli.console import bar, facts, print_json
from hwgen.cli.design import BoardOption, Record, choose
from hwgen.errors import HwgenError
from hwgen.model import folder as model_module
from hwgen.model.folder import ModelFolder
from hwgen.network.params import Params


def cosim(
    model: options.Model,
    samples: Annotated[
        int, typer.Option(help="How many; more than the vectors hold come from the test set.")
    ] = 20,
    stall: options.Stall = 0.2,
    simulator: Annotated[str, typer.Option(help="icarus or verilator.")] = "icarus",
    learning: options.Learning = False,
    lanes: options.Lanes = "",
    board: BoardOption = "",
    seed: options.Seed = 0,
    data_dir: options.DataDir = None,
    build_dir: options.BuildDir = None,
    record: Record = False,
    json: options.Json = False,
) -> None:
    """Compare the core, in a Verilog simulator, with golden: every spike, potential and decision.

    Samples run twice: with random stalls and everything compared, then at full speed with early
    exit for the cycle counts. Exit code 1 on a mismatch. With `--learning` a core that learns gets
    labels, and its weights are read and compared, too.

    Example: `hwgen cosim mnist-binary --samples 20`
    """
    from hwgen.verification import cosim as flow

    if simulator not in ("icarus", "verilator"):
        raise HwgenError(f"--simulator is {simulator!r}, expected icarus or verilator")
    if samples < 1:
        raise HwgenError(f"--samples is {samples}, expected at least 1")
    folder = model_module.find(model)
    params = folder.params()
    design = choose(params, lanes, board)
    chosen = design.lanes
    if learning:
        learning_result.cosim(
            folder,
            chosen,
            n=samples,
            simulator=simulator,
            spram=design.is_filled,
            stall=stall,
            seed=seed,
            data_dir=data_dir,
            build_dir=build_dir,
            record=record,
            json=json,
        )
        return
    inputs = _inputs(folder, params, samples, data_dir)
    with bar(f"cosim, {simulator}") as progress:
        result = flow.run(
            params,
            inputs,
            lanes=chosen,
            build_dir=build_dir or Path("build") / f"{params.name}-cosim",
            simulator=simulator,  # type: ignore[arg-type]
            stall=stall,
            seed=seed,
            on_progress=progress,
        )
    if record:
        from hwgen.report import results

        results.record(folder, result)
    if json:
        print_json(result.to_json())
    elif not result.mismatch:
        cycles = result.latency_cycles
        facts(
            f"{params.name} on {simulator}, lanes {','.join(map(str, chosen))}",
            [
                ("verdict", f"0 mismatches of {result.n_compared} compared"),
                ("samples", result.n_samples),
                ("cycles to decision", f"mean {statistics.mean(cycles):.0f}, worst {max(cycles)}"),
                ("cycles per sample", f"{result.cycles_per_sample:.0f}, back to back"),
                ("time", f"{result.seconds:.1f} s"),
            ],
        )
    result.check()


def _inputs(
    folder: ModelFolder, params: Params, n: int, data_dir: Path | None
) -> NDArray[np.uint8]:
    """Input spikes: from the model's vectors if they are enough, else from the test set."""
    from hwgen.data.for_network import check_input, data_of
    from hwgen.data.inputs import encoded

    if folder.vectors_path.is_file():
        vectors = folder.vectors(params)
        if n <= len(vectors.labels):
            return vectors.inputs[:n]
    tests = data_of(params, "test", data_dir=data_dir)
    check_input(params, tests)
    return encoded(tests, params.spec, slice(n))
