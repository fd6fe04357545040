"""The verb `evaluate`: golden's accuracy on a data set."""

from typing import Annotated

import typer

from hwgen.cli import options
from hwgen.cli.console import bar, facts, percent, print_json
from hwgen.model import folder as model_module


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

    Digits and the faces and motorbikes have no test set of their own: a part that the model was not
    trained on is drawn by the seed of its training.

    Example: `hwgen evaluate mnist-binary --data-dir ~/data`
    """
    from hwgen.data import for_network
    from hwgen.evaluation import accuracy as flow

    folder = model_module.find(model)
    params = folder.params()
    dataset = for_network.data_of(params, "test", name=data, data_dir=data_dir)
    if record:
        for_network.check_recordable(params, dataset)  # now: there may be minutes until the end
    doubt = for_network.doubt(params, dataset)
    with bar("golden") as progress:
        result = flow.evaluate(params, dataset, progress)
    if record:
        from hwgen.report import results

        results.record(folder, result)
    if json:
        print_json(result.to_json() | {"doubt": doubt})
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
            *([("doubt", doubt)] if doubt else []),
        ],
    )
