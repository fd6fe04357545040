"""The verb `build`: from a model to a bitstream."""

from typing import Annotated

import typer

from hwgen.cli import options
from hwgen.cli.console import err, facts, phases, print_json
from hwgen.cli.design import Record, build_folder, choose
from hwgen.model import folder as model_module


def build(
    model: options.Model,
    board: Annotated[str, typer.Option(help="Name (`hwgen boards`) or path of a .toml.")],
    lanes: options.Lanes = "",
    early_exit: Annotated[
        bool, typer.Option(help="Stop reading a sample once it is decided; same decisions.")
    ] = True,
    clock_mhz: options.ClockMhz = None,
    seed: Annotated[int, typer.Option(help="Seed of the placer.")] = 1,
    build_dir: options.BuildDir = None,
    record: Record = False,
    json: options.Json = False,
) -> None:
    """Synthesise, place and route, and write a bitstream: core, weights and serial line.

    A design that does not fit is refused, with numbers, before place and route.

    Example: `hwgen build mnist-up5k --board icebreaker`
    """
    from hwgen.boards import board as board_module
    from hwgen.build import synthesis as flow
    from hwgen.files import short

    target = board_module.load(board)
    folder = model_module.find(model)
    params = folder.params()
    with phases(f"build for {target.name}") as phase:
        result = flow.build(
            choose(params, lanes, board),
            target,
            build_dir=build_dir or build_folder(params, target),
            early_exit=early_exit,
            clock_hz=round(clock_mhz * 1e6) if clock_mhz else None,
            seed=seed,
            on_phase=phase,
        )
    if record:
        from hwgen.report import results

        results.record(folder, result)
    if json:
        print_json(result.to_json())
        return
    facts(
        f"{params.name} on {target.name} ({target.part})",
        [
            ("LUT", result.luts),
            ("FF", result.ffs),
            ("BRAM", result.brams),
            ("SPRAM", result.sprams),
            ("DSP", result.dsps),
            ("Fmax", f"{result.fmax_hz / 1e6:.1f} MHz (clock {result.clock_hz / 1e6:g} MHz)"),
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
