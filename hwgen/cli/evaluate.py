"""The verb `evaluate`: golden's accuracy on a data set."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from hwgen.api.model import Model
from hwgen.cli import options as shared
from hwgen.cli.console import facts, percent, progress, undecided
from hwgen.cli.verb import Answer, verb
from hwgen.network.params import Params

if TYPE_CHECKING:
    from hwgen.evaluation.accuracy import Evaluation


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    model: shared.Model
    data: Annotated[str, typer.Option(help="Data set, if not the one it was trained on.")] = ""
    data_dir: shared.DataDir = None
    record: Annotated[
        bool, typer.Option("--record", help="Add the result to the model's folder and card.")
    ] = False
    json: shared.Json = False


@verb
def evaluate(options: EvaluateOptions) -> Answer:
    """Measure a model's accuracy on the whole test set, with golden's integers.

    Digits and the faces and motorbikes have no test set of their own: a part that the model was not
    trained on is drawn by the seed of its training.

    Example: `hwgen evaluate mnist-binary --data-dir ~/data`
    """
    from hwgen.data import for_network

    model = Model.load(options.model)
    params = model.params
    dataset = model.dataset(options.data or None, data_dir=options.data_dir)
    if options.record:
        for_network.check_recordable(params, dataset)  # now: there may be minutes until the end
    doubt = for_network.doubt(params, dataset)
    with progress("golden") as reporter:
        result = model.evaluate(dataset, reporter=reporter)
    return Answer(
        json=result.to_json() | {"doubt": doubt},
        print_result=lambda: _print_result(params, result, doubt),
        result=result,
        folder=model.folder,
    )


def _print_result(params: Params, result: "Evaluation", doubt: str) -> None:
    facts(
        f"{params.name} on {result.dataset}",
        [
            ("accuracy", f"{percent(result.accuracy)} ({result.n_correct} of {result.n_images})"),
            *([("undecided", undecided(result.n_undecided))] if result.n_undecided else []),
            ("decision step", f"{result.decision_step:.2f} of {params.spec.n_steps}, on average"),
            ("decided by a spike", percent(result.decided_by_spike)),
            ("input spikes", f"{result.n_input_spikes:.1f} an image"),
            ("spikes", f"{result.n_spikes:.1f} an image"),
            ("additions", f"{result.n_synaptic_ops:.0f} an image"),
            ("speed", f"{result.images_per_s:.0f} images/s"),
            *([("doubt", doubt)] if doubt else []),
        ],
    )
