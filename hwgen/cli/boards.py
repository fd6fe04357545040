"""The verb `boards`: what is known of boards, and what fits where."""

from dataclasses import asdict

from hwgen.cli import options
from hwgen.cli.console import print_json, table
from hwgen.model import folder as model_module
from hwgen.network.params import Params


def boards(json: options.Json = False) -> None:
    """List the boards hwgen can build for, and which of its models fit them, by `hwgen estimate`.

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
