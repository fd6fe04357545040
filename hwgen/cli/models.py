"""The verb `models`: those that ship."""

from typing import Any

from hwgen.cli import options
from hwgen.cli.console import percent, print_json, table
from hwgen.model import folder as model_module


def models(json: options.Json = False) -> None:
    """List the models that come with hwgen.

    Example: `hwgen models`
    """
    rows: list[tuple[Any, ...]] = []
    for name in model_module.shipped():
        folder = model_module.find(name)
        if folder.params_path.is_file():
            params = folder.params()
            accuracy = params.origin.get("accuracy", {}).get("golden, test")
            bits = "/".join(str(layer.weight_bits) for layer in params.spec.weighted)
            rows.append((name, params.spec.shape, bits, params.spec.n_steps, percent(accuracy)))
        else:
            rows.append((name, "-", "-", "-", "not trained: `hwgen train` it"))
    if json:
        names = ("name", "shape", "weight_bits", "n_steps", "accuracy")
        print_json([dict(zip(names, row, strict=True)) for row in rows])
    else:
        table("models", ("name", "shape", "weight bits", "steps", "test accuracy, golden"), rows)
