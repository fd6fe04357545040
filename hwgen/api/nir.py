"""Networks of frameworks, from Python: a NIR graph, or its file, as a model."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from hwgen.api.model import Model
from hwgen.data.dataset import Dataset
from hwgen.progress import SILENT, Reporter

if TYPE_CHECKING:
    from hwgen.network.layers.shape import Shape
    from hwgen.network.spec import Encoding, Readout
    from hwgen.nir.dialects import HowReset


class Said(TypedDict, total=False):
    """What no file says (docs/nir.md): the framework, `source`; the steps of a sample; the
    encoding; of snnTorch, the reset. What must be said and is not is asked for, by `NirError`.
    weight_bits, fraction_bits, tolerance: of integers."""

    source: str
    n_steps: int
    encoding: "Encoding"
    reset: "HowReset"
    dt: float
    shape: "Shape"
    readout: "Readout"
    step_us: int
    weight_bits: int
    fraction_bits: int
    tolerance: float


def from_nir(
    graph: Any,
    out: Path | str,
    *,
    dataset: Dataset | None = None,
    overwrite: bool = False,
    seed: int = 0,
    reporter: Reporter = SILENT,
    **said: Unpack[Said],
) -> Model:
    """The model of a network that a framework wrote, in the folder `out`.

    graph: a `nir.NIRGraph`, or the path of a file. dataset: what it is compared and measured on;
    else random inputs, by `seed`. Raises `NirError`, also for what is not said; `ParamsError` if
    `out` holds another model, unless `overwrite`. How many spikes are those of the file's own rule
    is in `model.params.origin["nir"]`, and on the card.
    """
    from hwgen.flows import import_nir as flow
    from hwgen.nir.export import write_graph
    from hwgen.nir.quantise import Wanted

    integers = ("weight_bits", "fraction_bits", "tolerance")
    given = dict(said)
    wanted = Wanted(**{name: given.pop(name) for name in integers if name in given})  # type: ignore[arg-type]
    asked = flow.Asked(**given, wanted=wanted)  # type: ignore[arg-type]
    how = {"dataset": dataset, "overwrite": overwrite, "reporter": reporter}
    compared = flow.Compared(n=1000 if dataset else 64, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.nir"
        if isinstance(graph, str | Path):
            path = Path(graph)
        else:
            write_graph(graph, path)
        flow.import_nir(path, Path(out), asked, compared, **how)  # type: ignore[arg-type]
    return Model.load(str(out))
