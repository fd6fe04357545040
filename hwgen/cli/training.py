"""Verbs around training: demo, train, evaluate."""

import os
from pathlib import Path
from typing import Annotated

import typer

from hwgen.cli import options
from hwgen.cli.console import bar, err, facts, percent, phases, print_json
from hwgen.errors import HwgenError
from hwgen.model import folder as model_module
from hwgen.schema import MAX_SEED


def demo(
    out: Annotated[Path, typer.Option(help="Folder for all that is made.")] = Path("build/demo"),
    json: options.Json = False,
) -> None:
    """Do the whole road once, on 8x8 digits: train, Verilog, co-simulate, place and route.

    Takes a few minutes on two cores and needs no data and no board.

    Example: `hwgen demo`
    """
    from hwgen.flows import demo as flow

    with bar("train, SSTDP") as train, bar("cosim, icarus") as cosim, phases("synth") as phase:
        result = flow.run(
            out,
            on_epoch=lambda done, total, accuracy: train(done, total, percent(accuracy)),
            on_cosim=cosim,
            on_phase=phase,
        )
    if json:
        print_json(result.to_json())
    else:
        facts(f"digits on {result.synth.board} ({result.synth.part})", result.rows())


def train(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="A .toml file, or the name of a shipped model.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Model folder to write. Default: runs/NAME.")
    ] = None,
    data_dir: options.DataDir = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
    seed: Annotated[
        int | None,
        typer.Option(
            help="Instead of the recipe's.", callback=options.within("--seed", 0, MAX_SEED)
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint in the folder.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Train a recipe and write a model folder: parameter file, test vectors, card.

    A checkpoint is written after each epoch; `--resume` goes on from it after an interruption.

    Example: `hwgen train digits`, or `hwgen train my/recipe.toml --out models/mine`
    """
    from hwgen import recipe as recipe_module
    from hwgen.flows import train as flow

    if device not in ("auto", "cpu", "cuda"):
        raise HwgenError(f"--device is {device!r}, expected auto, cpu or cuda")
    path = model_module.find_recipe(recipe)
    folder = out or Path("runs") / recipe_module.load(path).name
    with bar("train") as progress, bar("test, golden") as test:
        result = flow.train(
            path,
            folder,
            data_dir=data_dir,
            device=device,
            seed=seed,
            resume=resume,
            on_epoch=lambda done, total, accuracy: progress(
                done, total, f"validation {percent(accuracy)}"
            ),
            on_test=test,
        )
    if os.environ.get("RANK", "0") != "0":  # of several processes, the first tells
        return
    if json:
        print_json(result.to_json())
        return
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


def evaluate(
    model: options.Model,
    data: Annotated[str, typer.Option(help="Data set, if not the one it was trained on.")] = "",
    data_dir: options.DataDir = None,
    record: Annotated[
        bool, typer.Option("--record", help="Add the result to the model's folder and card.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Measure a model's accuracy on the whole test set, with golden's integers.

    Example: `hwgen evaluate mnist-binary --data-dir ~/data`
    """
    from hwgen.data import datasets as data_module
    from hwgen.data import for_network
    from hwgen.evaluation import accuracy as flow

    folder = model_module.find(model)
    params = folder.params()
    if data:
        dataset = data_module.load(data, "test", data_dir=data_dir)
    else:
        dataset = for_network.own_test_set(params, data_dir)
    with bar("golden") as progress:
        result = flow.evaluate(params, dataset, progress)
    if record:
        from hwgen.report import results

        results.record(folder, result)
    if json:
        print_json(result.to_json())
        return
    facts(
        f"{params.name} on {result.dataset}",
        [
            ("accuracy", f"{percent(result.accuracy)} ({result.n_correct} of {result.n_images})"),
            ("decision step", f"{result.decision_step:.2f} of {params.spec.n_steps}, on average"),
            ("decided by a spike", percent(result.decided_by_spike)),
            ("input spikes", f"{result.n_input_spikes:.1f} an image"),
            ("spikes", f"{result.n_spikes:.1f} an image"),
            ("additions", f"{result.n_synaptic_ops:.0f} an image"),
            ("speed", f"{result.images_per_s:.0f} images/s"),
        ],
    )
