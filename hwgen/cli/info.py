"""The verb `info`: what a parameter file holds."""

from typing import Any

from hwgen.cli import options
from hwgen.cli.console import facts, percent, print_json
from hwgen.model import folder as model_module
from hwgen.network.params import Params
from hwgen.network.spec import InputSpec


def info(model: options.Model, json: options.Json = False) -> None:
    """Show what a parameter file holds, after checking all of it.

    Example: `hwgen info mnist-binary`
    """
    folder = model_module.find(model)
    params = folder.params()
    if json:
        print_json(_summary(params) | {"path": folder.params_path})
        return
    rows: list[tuple[str, Any]] = [
        ("file", folder.params_path),
        ("digest", params.digest),
        ("shape", params.spec.shape),
        ("steps", params.spec.n_steps),
        ("synapses", params.spec.n_synapses),
        ("readout", params.spec.readout),
    ]
    rows.append(("input", _describe_input(params.spec.input)))
    for index in range(len(params.spec.layers)):
        rows.append((f"layer {index}", _describe(params, index)))
    if "nir" in params.origin:
        from hwgen.nir.verdict import rows as verdict_rows

        made = params.origin["nir"]
        rows.append(("imported from", f"{made['file']}, {made['from']}"))
        rows.append(("compared on", made["verdict"]["source"]))
        rows += verdict_rows(made["verdict"])
    classes = params.origin.get("data", {}).get("classes")
    if classes:
        rows.append(("classes", ", ".join(classes)))
    accuracies = params.origin.get("accuracy", {})
    rows += [(f"accuracy, {name}", percent(value)) for name, value in accuracies.items()]
    facts(params.name, rows)


def _describe_input(given: InputSpec) -> str:
    if given.encoding == "events":
        return f"{given.height}x{given.width}x{given.channels}, events, {given.step_us} us a step"
    coding = {"latency": "", "rate": ", as rates", "direct": ", as a constant current"}
    return (
        f"{given.height}x{given.width}, crop {given.crop}, 0..{given.x_max}{coding[given.encoding]}"
    )


def _describe(params: Params, index: int) -> str:
    """A layer in a line."""
    layer, thresholds = params.spec.layers[index], params.thresholds[index]
    if not layer.has_weights:
        passes = "a spike in each step" if params.spec.multi_spike else "earliest spike"
        return f"{layer.summary}, {passes}"
    least, most = thresholds.min(), thresholds.max()
    spread = f"{least}..{most}" if least < most else f"{least}"
    just_adds = params.spec.readout == "potential" and index == len(params.spec.layers) - 1
    fires = "" if just_adds else f", threshold {spread}"
    return (
        f"{layer.summary}, {layer.weight_bits}-bit weights, {layer.potential_bits}-bit potentials"
        f"{layer.neuron}{fires}"
    )


def _summary(params: Params) -> dict[str, Any]:
    return {
        "name": params.name,
        "digest": params.digest,
        "shape": params.spec.shape,
        "spec": params.spec.to_json(),
        "provenance": dict(params.provenance),
    }
