"""The verb `info`: what a parameter file holds."""

from typing import Any

from hwgen.cli import options
from hwgen.cli.console import facts, percent, print_json
from hwgen.model import folder as model_module
from hwgen.network.layers.conv2d import ConvSpec
from hwgen.network.layers.dense import DenseSpec
from hwgen.network.layers.pool2d import PoolSpec
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
    accuracies = params.provenance.get("accuracy", {})
    rows += [(f"accuracy, {name}", percent(value)) for name, value in accuracies.items()]
    facts(params.name, rows)


def _describe_input(given: InputSpec) -> str:
    if given.encoding == "events":
        return f"{given.height}x{given.width}x{given.channels}, events, {given.step_us} us a step"
    coding = "" if given.encoding == "latency" else f", as {given.encoding}s"
    return f"{given.height}x{given.width}, crop {given.crop}, 0..{given.x_max}{coding}"


def _describe(params: Params, index: int) -> str:
    """A layer in a line."""
    layer, thresholds = params.spec.layers[index], params.thresholds[index]
    if isinstance(layer, DenseSpec):
        sizes = f"{layer.n_pre} -> {layer.n_post}"
    else:
        sizes = " -> ".join("x".join(map(str, shape)) for shape in (layer.pre, layer.post))
    if isinstance(layer, PoolSpec):
        passes = "a spike in each step" if params.spec.multi_spike else "earliest spike"
        return f"pool {layer.size}x{layer.size}, {sizes}, {passes}"
    if isinstance(layer, ConvSpec):
        sizes = f"conv {layer.size}x{layer.size}, {sizes}"
    least, most = thresholds.min(), thresholds.max()
    spread = f"{least}..{most}" if least < most else f"{least}"
    psp = "" if layer.psp == "step" else f", {layer.psp}"
    tau = f" of {layer.tau_steps} steps" if layer.tau_steps else ""
    phased = ", phased" if layer.phased else ""
    reset = {"never": "", "zero": ", reset to zero", "subtract": ", reset by subtraction"}
    leak = f", leak 1/{2**layer.leak_shift}" if layer.leak_shift else ""
    just_adds = params.spec.readout == "potential" and index == len(params.spec.layers) - 1
    fires = "" if just_adds else f", threshold {spread}"
    return (
        f"{sizes}, {layer.weight_bits}-bit weights, {layer.potential_bits}-bit potentials"
        f"{psp}{tau}{phased}{reset[layer.reset]}{leak}{fires}"
    )


def _summary(params: Params) -> dict[str, Any]:
    return {
        "name": params.name,
        "digest": params.digest,
        "shape": params.spec.shape,
        "spec": params.spec.to_json(),
        "provenance": dict(params.provenance),
    }
