"""The verb `train`."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hwgen.cli import options as shared
from hwgen.cli.console import err, facts, percent, progress
from hwgen.cli.verb import Answer, verb
from hwgen.errors import HwgenError
from hwgen.files import stem
from hwgen.model import folder as model_module
from hwgen.schema import MAX_SEED

if TYPE_CHECKING:
    from hwgen.flows.train import TrainResult


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="A .toml file, or the name of a shipped model.")
    ]
    out: Annotated[Path | None, typer.Option(help="Model folder to write. Default: runs/NAME.")] = (
        None
    )
    data_dir: shared.DataDir = None
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto"
    seed: Annotated[
        int | None,
        typer.Option(
            help="Instead of the recipe's.", callback=shared.within("--seed", 0, MAX_SEED)
        ),
    ] = None
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint in the folder.")
    ] = False
    overwrite: shared.Overwrite = False
    json: shared.Json = False


@verb
def train(options: TrainOptions) -> Answer | None:
    """Train a recipe and write a model folder: parameter file, test vectors, card.

    A checkpoint is written after each epoch; `--resume` goes on from it after an interruption.

    Example: `hwgen train digits`, or `hwgen train my/recipe.toml --out models/mine`
    """
    from hwgen import recipe as recipe_module
    from hwgen.flows import train as flow

    if options.device not in ("auto", "cpu", "cuda"):
        raise HwgenError(f"--device is {options.device!r}, expected auto, cpu or cuda")
    path = model_module.find_recipe(options.recipe)
    folder = options.out or Path("runs") / stem(recipe_module.load(path).name)
    with progress("train", flow.TEST) as reporter:
        result = flow.train(
            path,
            folder,
            data=options.data_dir,
            device=options.device,
            seed=options.seed,
            resume=options.resume,
            overwrite=options.overwrite,
            reporter=reporter,
        )
    if os.environ.get("RANK", "0") != "0":  # of several processes, the first tells
        return None
    if result.warning:
        err.print(f"hwgen: warning: {result.warning}", markup=False, soft_wrap=True)
    return Answer(json=result.to_json(), print_result=lambda: _print_result(result))


def _print_result(result: "TrainResult") -> None:
    for change in result.changes:
        err.print(change, markup=False, soft_wrap=True)
    rows = [(f"accuracy, {name}", percent(value)) for name, value in result.accuracy.items()]
    if result.cost:
        cost = result.cost
        rows += [
            (
                "a batch of",
                f"{cost['n']}, windows of {cost['window_steps']} steps, {cost['n_blocks']} blocks",
            ),
            ("kept for backward", f"{cost['saved_bytes'] / 1e6:.1f} MB at most"),
            ("moved", f"{cost['moved_bytes'] / 1e9:.2f} GB"),
            (
                "MACs",
                f"{cost['macs'] / 1e9:.3f} G, of them real products "
                f"{(cost['error_macs'] + cost['head_macs']) / 1e9:.3f} G",
            ),
        ]
    rows += [("digest", result.digest), ("folder", str(result.folder))]
    facts(f"trained in {result.seconds:.0f} s", rows)
    err.print(f"next: hwgen cosim {result.folder}", markup=False)
