"""The verb `build`: from a model to a bitstream."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from hwgen.api.model import Model
from hwgen.cli import options as shared
from hwgen.cli.console import err, facts, progress
from hwgen.cli.design import Record, build_folder, parse_lanes
from hwgen.cli.verb import Answer, verb
from hwgen.files import free_folder
from hwgen.network.params import Params

if TYPE_CHECKING:
    from hwgen.boards.board import Board
    from hwgen.build.synthesis import SynthResult


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    model: shared.Model
    board: Annotated[str, typer.Option(help="Name (`hwgen boards`) or path of a .toml.")]
    lanes: shared.Lanes = ""
    early_exit: Annotated[
        bool, typer.Option(help="Stop reading a sample once it is decided; same decisions.")
    ] = True
    clock_mhz: shared.ClockMhz = None
    seed: Annotated[int, typer.Option(help="Seed of the placer; the first, with --seeds.")] = 1
    seeds: Annotated[
        int,
        typer.Option(help="How many seeds to try, one after the other, until the clock is met."),
    ] = 1
    build_dir: shared.BuildDir = None
    record: Record = False
    json: shared.Json = False


@verb
def build(options: BuildOptions) -> Answer:
    """Synthesise, place and route, and write a bitstream: core, weights and serial line.

    A design that does not fit is refused, with numbers, before place and route.

    Example: `hwgen build mnist-up5k --board icebreaker`
    """
    from hwgen.boards import board as board_module
    from hwgen.build.placement import Seeds

    Seeds(first=options.seed, count=options.seeds)  # refused before anything is read
    target = board_module.load(options.board)
    model = Model.load(options.model)
    params = model.params
    with progress(f"build for {target.name}") as reporter:
        result = model.build(
            options.board,
            lanes=parse_lanes(options.lanes, params),
            early_exit=options.early_exit,
            clock_mhz=options.clock_mhz,
            seed=options.seed,
            seeds=options.seeds,
            build_dir=options.build_dir or free_folder(build_folder(params, target)),
            reporter=reporter,
        )
    return Answer(
        json=result.to_json(),
        print_result=lambda: _print_result(params, target, result),
        result=result,
        folder=model.folder,
    )


def _print_result(params: Params, target: "Board", result: "SynthResult") -> None:
    from hwgen.files import short

    facts(
        f"{params.name} on {target.name} ({target.part})",
        [
            ("LUT", result.luts),
            ("FF", result.ffs),
            ("BRAM", result.brams),
            ("SPRAM", result.sprams),
            ("DSP", result.dsps),
            ("Fmax", f"{result.fmax_hz / 1e6:.1f} MHz (clock {result.clock_hz / 1e6:g} MHz)"),
            ("seed of the placer", result.seed),
            ("lanes", ",".join(map(str, result.lanes))),
            ("time", f"{result.seconds:.1f} s"),
            ("bitstream", short(result.bitstream)),
        ],
    )
    if result.loaded_layers:
        err.print(_spram_line(result.loaded_layers, result.sprams.used), markup=False)
    err.print(f"status: {target.status}: routed here, not tried on a board", markup=False)


def _spram_line(layers: tuple[int, ...], n_blocks: int) -> str:
    which = f"layer{'s' * (len(layers) > 1)} {', '.join(map(str, layers))}"
    return (
        f"weights of {which} do not fit BRAM: they lie in {n_blocks} SPRAM blocks, "
        "and `hwgen run` loads them"
    )
