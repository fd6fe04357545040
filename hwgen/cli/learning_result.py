"""What verify and cosim do with --learning."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwgen.cli.console import bar, facts, out, percent, phases, print_json
from hwgen.model.folder import ModelFolder

if TYPE_CHECKING:
    from hwgen.verification.learning_result import LearningResult


def verify(
    folder: ModelFolder,
    lanes: tuple[int, ...],
    *,
    spram: bool,
    n: int,
    every: int,
    data: str,
    stall: float,
    seed: int,
    data_dir: Path | None,
    build_dir: Path | None,
    record: bool,
    json: bool,
) -> None:
    """`hwgen verify MODEL --learning`."""
    from hwgen.data.labelled import choose
    from hwgen.verification import verify_learning as flow

    params = folder.params()
    samples = choose(params, n, name=data, seed=seed, data_dir=data_dir)
    with phases("verify") as phase, bar("verify") as progress:
        result = flow.run(
            params,
            samples,
            lanes=lanes,
            build_dir=build_dir or Path("build") / f"{params.name}-verify-learning",
            every=every,
            stall=stall,
            seed=seed,
            spram=spram,
            on_phase=phase,
            on_progress=progress,
        )
    _tell(folder, f"{params.name} learns {samples.dataset}", result, record=record, json=json)


def cosim(
    folder: ModelFolder,
    lanes: tuple[int, ...],
    *,
    spram: bool,
    n: int,
    simulator: Any,
    stall: float,
    seed: int,
    data_dir: Path | None,
    build_dir: Path | None,
    record: bool,
    json: bool,
) -> None:
    """`hwgen cosim MODEL --learning`."""
    from hwgen.data.labelled import choose
    from hwgen.verification import cosim_learning as flow

    params = folder.params()
    samples = choose(params, n, seed=seed, data_dir=data_dir)
    with bar(f"cosim, {simulator}") as progress:
        result = flow.run(
            params,
            samples,
            lanes=lanes,
            build_dir=build_dir or Path("build") / f"{params.name}-cosim-learning",
            simulator=simulator,
            stall=stall,
            seed=seed,
            spram=spram,
            on_progress=progress,
        )
    _tell(folder, f"{params.name} learns {samples.dataset}", result, record=record, json=json)


def _tell(
    folder: ModelFolder, title: str, result: LearningResult, *, record: bool, json: bool
) -> None:
    if record:
        from hwgen.report import results

        results.record(folder, result)
    if json:
        print_json(result.to_json())
    else:
        read = "every sample" if result.every == 1 else f"every {result.every} samples"
        facts(
            f"{title}, {result.bench}, lanes {','.join(map(str, result.lanes))}",
            [
                ("samples", f"{result.n_samples}, {result.n_lessons} with a label; run twice"),
                ("lessons that wrote weights", result.n_updates),
                ("weights that learn", f"{result.n_shadows}, read after {read}"),
                *((f"{kind} compared", count) for kind, count in result.compared.items()),
                ("accuracy of the core", percent(result.n_correct / max(1, result.n_samples))),
                (
                    "cycles of an update",
                    f"mean {result.update_cycles_mean:.0f}, worst {result.update_cycles_worst}, "
                    "from the end of a sample to the next token in",
                ),
                ("weights written a cycle", f"{result.weights_per_cycle:.2f}, in updates"),
                ("cycles per sample", f"{result.cycles_per_sample:.0f}, back to back, learning"),
                ("time", f"{result.seconds:.1f} s"),
            ],
        )
        out.print(result.verdict)
    result.check()
