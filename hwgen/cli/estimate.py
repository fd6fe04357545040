"""The verb `estimate`: what fits where, before any tool runs."""

from typing import TYPE_CHECKING, Annotated

import typer

from hwgen.api.model import Model, hz
from hwgen.cli import options
from hwgen.cli.console import err, facts, print_json
from hwgen.cli.design import parse_lanes
from hwgen.network.params import Params

if TYPE_CHECKING:
    from hwgen.estimate.check import Check


def estimate(
    model: options.Model,
    board: Annotated[str, typer.Option(help="Name (`hwgen boards`) or path of a .toml.")],
    lanes: options.Lanes = "",
    clock_mhz: options.ClockMhz = None,
    json: options.Json = False,
) -> None:
    """Predict whether a model fits a board, its clock, and the time of an image: in a second.

    Each prediction has its error: that of designs already routed, or simulated, when each is
    predicted from the others. Exit code 2 if it cannot fit. `hwgen build` knows better, in minutes.

    Example: `hwgen estimate mnist-up5k --board icebreaker`
    """
    from hwgen.boards import board as board_module
    from hwgen.estimate import check as flow

    board_module.load(board)  # a wrong name is said before a wrong model
    loaded = Model.load(model)
    params = loaded.params
    chosen = parse_lanes(lanes, params)
    result = loaded.estimate(board, lanes=chosen, clock_mhz=clock_mhz)
    if json:
        print_json(result.to_json())
    else:
        _print_result(params, result)
    flow.require(result, params, clock_hz=hz(clock_mhz))


def _print_result(params: Params, result: "Check") -> None:
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
