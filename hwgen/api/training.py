"""Training from Python."""

from pathlib import Path
from typing import TYPE_CHECKING

from hwgen import recipe as recipe_module
from hwgen.api.model import Model
from hwgen.files import stem
from hwgen.model import folder as model_folder
from hwgen.progress import SILENT, Reporter

if TYPE_CHECKING:
    from hwgen.flows.train import Parts


def train(
    recipe: str | Path,
    data: "Parts | Path | None" = None,
    *,
    out: Path | str | None = None,
    device: str = "auto",
    seed: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    reporter: Reporter = SILENT,
) -> Model:
    """Train a recipe, a file's path or a shipped model's name, and write a model folder.

    data: data sets by split, "train", "validation" and "test" (`hwgen.api.samples.from_arrays`
    makes them of arrays), in place of those the recipe names; or the folder in which those are.
    out: the model's folder, runs/NAME if not given. seed: instead of the recipe's. Raises as
    `hwgen.flows.train.train`.
    """
    from hwgen.flows import train as flow

    path = model_folder.find_recipe(str(recipe))
    folder = Path(out) if out else Path("runs") / stem(recipe_module.load(path).name)
    done = flow.train(
        path,
        folder,
        data=data,
        device=device,
        seed=seed,
        resume=resume,
        overwrite=overwrite,
        reporter=reporter,
    )
    return Model.load(str(done.folder))
