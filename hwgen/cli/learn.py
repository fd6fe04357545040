"""The verb `learn`: on-chip learning, in golden's integers."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hwgen.cli import options as shared
from hwgen.cli.console import facts, percent, progress
from hwgen.cli.verb import Answer, verb
from hwgen.errors import HwgenError
from hwgen.network.learning import MAX_SHIFT

if TYPE_CHECKING:
    from hwgen.onchip.run import LearningRun


@dataclass(frozen=True, kw_only=True)
class LearnOptions:
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A model's folder or name, or a recipe of rule 'on-chip' to start from nothing.",
        ),
    ]
    data: Annotated[str, typer.Option(help="Data set, if not the one it was made for.")] = ""
    samples: Annotated[
        int | None,
        typer.Option(
            help="How many to learn. Default: as the recipe says, or 1000.",
            callback=shared.within("--samples", 1, 2**31),
        ),
    ] = None
    out: Annotated[
        Path | None, typer.Option(help="Folder to write. Default: runs/NAME-learnt.")
    ] = None
    layers: Annotated[
        str,
        typer.Option(help="Which layers learn: all or last. Default: as the model says, or last."),
    ] = ""
    shift: Annotated[
        int | None,
        typer.Option(
            help="Learning rate 2 ** -SHIFT instead of the model's.",
            callback=shared.within("--shift", -MAX_SHIFT, MAX_SHIFT),
        ),
    ] = None
    labels: Annotated[
        str, typer.Option(help="Learn only samples of these classes, as in 0,1,7.")
    ] = ""
    rotate: Annotated[
        float,
        typer.Option(
            help="Turn all images by so many degrees.",
            callback=shared.within("--rotate", -360, 360),
        ),
    ] = 0.0
    brightness: Annotated[
        float,
        typer.Option(
            help="Multiply all grey values.", callback=shared.within("--brightness", 0, 255)
        ),
    ] = 1.0
    noise: Annotated[
        float,
        typer.Option(
            help="Fraction of pixels that show anything.", callback=shared.within("--noise", 0, 1)
        ),
    ] = 0.0
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run that was interrupted.")
    ] = False
    overwrite: shared.Overwrite = False
    points: Annotated[int, typer.Option(help="How often to test on the way.", min=1)] = 10
    seed: shared.Seed = 0
    data_dir: shared.DataDir = None
    json: shared.Json = False

    def which_layers(self) -> Literal["all", "last"] | None:
        """Those of `--layers`. Raises `HwgenError`."""
        named: dict[str, Literal["all", "last"] | None] = {"": None, "all": "all", "last": "last"}
        if self.layers not in named:
            raise HwgenError(f"--layers is {self.layers!r}, expected all or last")
        return named[self.layers]

    def classes(self) -> frozenset[int]:
        """Those of `--labels`. Raises `HwgenError`."""
        try:
            return frozenset(int(label) for label in self.labels.split(",") if label)
        except ValueError:
            raise HwgenError(
                f"--labels is {self.labels!r}, expected numbers, as in 0,1,7"
            ) from None


@verb
def learn(options: LearnOptions) -> Answer:
    """Let a network go on learning, sample by sample, as its core with a learning unit would.

    Starts from a trained model, or, with a recipe of rule 'on-chip', from random weights. Writes
    the parameter file with what was learnt, `curve.json` and a picture, `curve.svg`.

    Example: `hwgen learn models/mnist-learn/recipe.toml`, or, after the images have turned,
    `hwgen learn mnist-real --samples 900 --rotate 30`
    """
    from hwgen.data.shifts import DistributionShift
    from hwgen.flows import learn

    which, chosen = options.which_layers(), options.classes()
    distribution_shift = DistributionShift(
        rotate_degrees=options.rotate, brightness=options.brightness, noise=options.noise
    )
    with progress("learn") as reporter:
        result, folder = learn.run(
            options.model,
            learn.LearnOptions(
                data=options.data,
                n_samples=options.samples,
                out=options.out,
                layers=which,
                shift=options.shift,
                labels=chosen,
                distribution_shift=distribution_shift,
                n_points=options.points,
                seed=options.seed,
                resume=options.resume,
                overwrite=options.overwrite,
            ),
            data_dir=options.data_dir,
            reporter=reporter,
        )
    return Answer(
        json=result.to_json() | {"folder": str(folder)},
        print_result=lambda: _print_result(result, folder),
    )


def _print_result(result: "LearningRun", folder: Path) -> None:
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
