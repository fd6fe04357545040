"""The verbs `check` and `boards`: what fits where, before any tool runs."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from hwgen.cli import options
from hwgen.cli.console import err, facts, print_json, table
from hwgen.cli.hardware import parse_lanes
from hwgen.model import folder as model_module
from hwgen.network.params import Params

if TYPE_CHECKING:
    from hwgen.estimate.check import Check


def check(
    model: options.Model,
    board: Annotated[str, typer.Option(help="Name (`hwgen boards`) or path of a .toml.")],
    lanes: options.Lanes = "",
    clock_mhz: options.ClockMhz = None,
    json: options.Json = False,
) -> None:
    """Predict whether a model fits a board, its clock, and the time of an image: in a second.

    Each prediction has its error: that of designs already routed, or simulated, when each is
    predicted from the others. Exit code 2 if it cannot fit. `hwgen build` knows better, in minutes.

    Example: `hwgen check mnist-up5k --board icebreaker`
    """
    from hwgen.boards import board as board_module
    from hwgen.estimate import check as flow

    target = board_module.load(board)
    folder = model_module.find(model)
    params = folder.params()
    chosen = parse_lanes(lanes, params, board)
    clock_hz = round(clock_mhz * 1e6) if clock_mhz else None
    result = flow.run(folder, params, target, lanes=chosen, clock_hz=clock_hz)
    if json:
        print_json(result.to_json())
    else:
        _tell(params, result)
    flow.require(result, params, clock_hz=clock_hz)


def _tell(params: Params, result: "Check") -> None:
    p = result.predicted
    none = params.spec.multi_spike or params.spec.learning
    exits = "" if none else ", with early exit"
    rows = [
        ("LUT", f"about {p.luts} of {result.luts_capacity} (+-{100 * p.luts_error:.0f} %)"),
        ("BRAM", f"{p.brams} of {result.brams_capacity}, counted"),
        *([("SPRAM", f"{p.sprams}: {_which(p.loaded_layers)}")] if p.loaded_layers else []),
        (
            "Fmax",
            f"about {p.fmax_hz / 1e6:.1f} MHz (+-{100 * p.fmax_error:.0f} %), clock "
            f"{result.clock_hz / 1e6:g} MHz",
        ),
        ("lanes", ",".join(map(str, p.lanes))),
    ]
    if result.cycles is not None and result.core_s and result.line_s and result.cycles_error:
        error = f"+-{100 * result.cycles_error:.0f} %"
        rows += [
            ("cycles an image", f"about {result.cycles} ({error}){exits}"),
            ("time an image", f"{1e3 * result.core_s:.2f} ms in the core"),
            ("", f"{1e3 * result.line_s:.2f} ms on the serial line, at least"),
        ]
    else:
        rows.append(("cycles an image", "unknown: no vectors.safetensors to count spikes of"))
    facts(f"{params.name} on {result.board} ({result.part}), predicted", rows)
    if result.close_calls() and not result.problems():
        err.print(f"close: {' and '.join(result.close_calls())}; try `hwgen build`", markup=False)


def _which(layers: tuple[int, ...]) -> str:
    numbers = ", ".join(map(str, layers))
    return f"weights of layer{'s' * (len(layers) > 1)} {numbers}, loaded over the line"


def boards(json: options.Json = False) -> None:
    """List the boards hwgen can build for, and which of its models fit them, by `hwgen check`.

    Example: `hwgen boards`
    """
    from hwgen.boards import board as board_module
    from hwgen.estimate import check as flow

    nets = _shipped()
    found = [board_module.load(name) for name in board_module.names()]
    fitting = {
        board.name: [name for name, params in nets.items() if flow.fits(params, board)]
        for board in found
    }
    if json:
        print_json([asdict(board) | {"models": fitting[board.name]} for board in found])
        return
    rows = [
        (
            board.name,
            board.part,
            board.capacity.lut,
            board.capacity.bram,
            f"{board.clock_hz / 1e6:g} MHz",
            board.status,
        )
        for board in found
    ]
    table("boards", ("name", "part", "LUT", "BRAM", "clock", "status"), rows)
    lines = [
        (board.name, board.price or "-", _named(fitting[board.name], list(nets))) for board in found
    ]
    table("price, about; models that fit, by estimate", ("board", "price", "models"), lines)


def _shipped() -> dict[str, Params]:
    """Models that have been trained."""
    folders = {name: model_module.find(name) for name in model_module.shipped()}
    return {n: folder.params() for n, folder in folders.items() if folder.params_path.is_file()}


def _named(some: list[str], every: list[str]) -> str:
    others = [name for name in every if name not in some]
    if not others:
        return f"all {len(every)}"
    if len(others) < len(some):
        return f"{len(some)}: all but {', '.join(others)}"
    return f"{len(some)}: {', '.join(some)}" if some else "none"
