"""The verb `learn`: a course of on-chip learning, in golden's integers."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from hwgen.cli import options
from hwgen.cli.console import bar, facts, percent, print_json
from hwgen.errors import HwgenError
from hwgen.network.learning import MAX_SHIFT


def learn(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A model's folder or name, or a recipe of rule 'on-chip' to start from nothing.",
        ),
    ],
    data: Annotated[str, typer.Option(help="Data set, if not the one it was made for.")] = "",
    samples: Annotated[
        int | None,
        typer.Option(
            help="How many to learn. Default: as the recipe says, or 1000.",
            callback=options.within("--samples", 1, 2**31),
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write. Default: runs/NAME-learnt.")
    ] = None,
    layers: Annotated[
        str,
        typer.Option(help="Which layers learn: all or last. Default: as the model says, or last."),
    ] = "",
    shift: Annotated[
        int | None,
        typer.Option(
            help="Learning rate 2 ** -SHIFT instead of the model's.",
            callback=options.within("--shift", -MAX_SHIFT, MAX_SHIFT),
        ),
    ] = None,
    labels: Annotated[
        str, typer.Option(help="Learn only samples of these classes, as in 0,1,7.")
    ] = "",
    rotate: Annotated[
        float,
        typer.Option(
            help="Turn all images by so many degrees.",
            callback=options.within("--rotate", -360, 360),
        ),
    ] = 0.0,
    brightness: Annotated[
        float,
        typer.Option(
            help="Multiply all grey values.", callback=options.within("--brightness", 0, 255)
        ),
    ] = 1.0,
    noise: Annotated[
        float,
        typer.Option(
            help="Fraction of pixels that show anything.", callback=options.within("--noise", 0, 1)
        ),
    ] = 0.0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a course that was interrupted.")
    ] = False,
    points: Annotated[int, typer.Option(help="How often to test on the way.", min=1)] = 10,
    seed: options.Seed = 0,
    data_dir: options.DataDir = None,
    json: options.Json = False,
) -> None:
    """Let a network go on learning, sample by sample, as its core with a learning unit would.

    Starts from a trained model, or, with a recipe of rule 'on-chip', from random weights. Writes
    the parameter file with what was learnt, `curve.json` and a picture, `curve.svg`.

    Example: `hwgen learn models/mnist-learn/recipe.toml`, or, after the world has turned,
    `hwgen learn mnist-real --samples 900 --rotate 30`
    """
    from hwgen.flows import learn

    if layers not in ("", "all", "last"):
        raise HwgenError(f"--layers is {layers!r}, expected all or last")
    which: dict[str, Literal["all", "last"]] = {"all": "all", "last": "last"}
    try:
        chosen = frozenset(int(label) for label in labels.split(",") if label)
    except ValueError:
        raise HwgenError(f"--labels is {labels!r}, expected numbers, as in 0,1,7") from None
    from hwgen.data.shifts import World

    world = World(rotate_degrees=rotate, brightness=brightness, noise=noise)
    with bar("learn") as progress:
        result, folder = learn.run(
            model,
            learn.LearnOptions(
                data=data,
                n_samples=samples,
                out=out,
                layers=which.get(layers),
                shift=shift,
                labels=chosen,
                there=world,
                n_points=points,
                seed=seed,
                resume=resume,
            ),
            data_dir=data_dir,
            on_point=lambda done, total, accuracy: progress(
                done, total, f"test {percent(accuracy)}"
            ),
        )
    if json:
        print_json(result.to_json() | {"folder": str(folder)})
        return
    first, last = result.curve[0], result.curve[-1]
    facts(
        f"{result.params.name} learnt {last.n_learnt} samples of {result.dataset}",
        [
            ("test accuracy before", percent(first.test_accuracy)),
            ("test accuracy after", percent(last.test_accuracy)),
            ("samples that changed a weight", last.n_updates),
            ("speed", f"{result.samples_per_s:.0f} samples/s"),
            ("digest", result.params.digest),
            ("folder", folder),
        ],
    )
