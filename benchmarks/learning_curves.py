"""How fine must shadow weights be, and how fast may they change? Curves of on-chip learning.

Learns a recipe of rule "on-chip" from random weights, in golden's integers, with several widths of
shadow weights (at the same rate) and with several rates; draws errors on the validation set over
the samples learnt: learning-widths.svg and learning-rates.svg, and the numbers as .json.

    python benchmarks/learning_curves.py models/mnist-learn/recipe.toml --samples 60000 --out docs
"""

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

from hwgen.cli.console import progress
from hwgen.data.for_network import data_of_recipe
from hwgen.files import write_atomic
from hwgen.network.learning import LearningSpec
from hwgen.onchip import run
from hwgen.onchip.checkpoint import CurvePoint
from hwgen.onchip.initial import initial_params
from hwgen.progress import Part
from hwgen.recipe import load
from hwgen.report import curves

WIDTHS = (16, 14, 12, 10, 8)
RATES = (4, 2, 1, 0, -1, -2, -4)  # added to the recipe's shifts


def variants(rule: LearningSpec, weight_bits: int) -> dict[str, dict[str, LearningSpec]]:
    """By picture, by name. A narrower shadow weight has larger units: the shift grows with it."""

    def changed(shift: int, bits: int) -> LearningSpec:
        return replace(
            rule,
            shadow_bits=bits,
            hidden_shift=rule.hidden_shift + shift,
            output_shift=rule.output_shift + shift,
        )

    widths = [bits for bits in WIDTHS if bits >= weight_bits]
    return {
        "widths": {f"{bits} bits": changed(rule.shadow_bits - bits, bits) for bits in widths},
        "rates": {
            f"shift {rule.output_shift + shift}": changed(shift, rule.shadow_bits)
            for shift in RATES
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--samples", type=int, default=60_000)
    parser.add_argument("--points", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--out", type=Path, default=Path())
    options = parser.parse_args()
    recipe = load(options.recipe)
    assert recipe.learning is not None
    train, validation = (
        data_of_recipe(recipe, part, data_dir=options.data_dir) for part in ("train", "validation")
    )
    pictures = variants(recipe.learning, recipe.network.weight_bits)
    with progress(*pictures) as reporter:
        for picture, rules in pictures.items():
            reporter.phase(picture)
            n_all = len(rules) * options.samples
            found: dict[str, tuple[CurvePoint, ...]] = {}
            for name, rule in rules.items():
                done = run.learn(
                    initial_params(replace(recipe, learning=rule), train),
                    train,
                    validation,
                    run.RunConfig(
                        n_samples=options.samples, n_points=options.points, seed=options.seed
                    ),
                    reporter=Part(reporter, len(found) * options.samples, n_all),
                )
                found[name] = done.curve
                print(
                    f"{picture} {name}: {100 * done.curve[-1].test_accuracy:.2f} % "
                    f"of {len(validation)}, {done.samples_per_s:.0f} samples/s"
                )
            kept = {name: [asdict(point) for point in curve] for name, curve in found.items()}
            path = options.out / f"learning-{picture}.json"
            write_atomic(path, json.dumps(kept, indent=1) + "\n")
            curves.draw(
                found,
                options.out / f"learning-{picture}.svg",
                f"{recipe.name}, {recipe.network.hidden} hidden neurons",
                part="validation",
            )


if __name__ == "__main__":
    main()
