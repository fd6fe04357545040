"""Do the layers of a network go together? Each rule yields what it refuses; all are said."""

from collections.abc import Iterator

from hwgen.errors import ParamsError
from hwgen.network.layers.kinds import LayerSpec, WeightedSpec
from hwgen.network.layers.neurons import MAX_NEURONS
from hwgen.network.layers.shape import Shape
from hwgen.network.spec import MAX_INPUTS, YOUNGER, InputSpec, NetworkSpec


def check_spec(network: NetworkSpec, where: str) -> None:
    """Raise `ParamsError`, with all reasons in a line, if the layers do not go together.

    `where` opens the message.

    All reasons at once, so that a file is mended in one go.
    """
    found = list(problems(network))
    if found:
        raise ParamsError(f"{where}: {'; also '.join(found)}")


def problems(network: NetworkSpec) -> Iterator[str]:
    """Why this is no network of the contract; nothing if it is one.

    Each is a clause of a message. Thresholds and weights are checked by `Params.check`.
    """
    if not network.layers:
        yield "layers must hold at least one layer"
        return
    yield from _input(network.input)
    post = network.input.post
    for index, layer in enumerate(network.layers):
        yield from _layer(layer, post, network, f"layers[{index}]")
        post = layer.post
    yield from _values(network)
    yield from _learning(network)
    last = network.layers[-1]
    if not last.takes_vector:
        yield f"the last layer is {last.kind}, expected dense"
    elif last.neuron.two_phase:
        yield "the last layer is phased, expected one that fires at once"
    yield from _readout(network)
    for index, layer in enumerate(network.layers):
        if layer.has_weights:
            yield from _resets(network, index, f"layers[{index}]")


def _input(shape: InputSpec) -> Iterator[str]:
    if shape.crop * 2 >= min(shape.height, shape.width):
        yield f"crop is {shape.crop}, which leaves nothing of {shape.height}x{shape.width}"
    elif shape.n_inputs > MAX_INPUTS:
        yield f"{shape.n_inputs} inputs, expected at most {MAX_INPUTS}"
    events = shape.encoding == "events"
    if events != (shape.step_us > 0):
        yield (
            f"input.step_us is {shape.step_us} with encoding {shape.encoding!r}, expected "
            "at least 1 with 'events' and 0 with others"
        )
    if events and shape.channels > 2:
        yield f"input.channels is {shape.channels} with events, expected 1 or 2"


def _values(network: NetworkSpec) -> Iterator[str]:
    """Who takes values, and not spikes: the first layer of an input "direct", and no other."""
    is_direct, first = network.input.encoding == "direct", network.layers[0]
    neuron = first.neuron if first.has_weights else None
    if is_direct and not (neuron and (neuron.fires_again or neuron.two_phase)):
        yield (
            f"layers[0] is {first.kind} with input 'direct', expected a dense or conv2d layer that "
            "is phased, or whose neurons have a reset"
        )
    for index, layer in enumerate(network.layers):
        wanted = network.input.n_planes if is_direct and index == 0 else 0
        if layer.has_weights and layer.input_bits != wanted:
            yield (
                f"layers[{index}].input_bits is {layer.input_bits} with input "
                f"{network.input.encoding!r} and x_max {network.input.x_max}, expected {wanted}"
            )
    if is_direct and 0 in network.learning_layers:
        yield "layers[0] learns, expected a later layer only: it takes values, and no spike times"


def _layer(layer: LayerSpec, feeding: Shape, network: NetworkSpec, where: str) -> Iterator[str]:
    yield from (f"{where}{text}" for text in layer.misfits(feeding))
    if not 0 < layer.n_post <= MAX_NEURONS:
        yield f"{where} has {layer.n_post} neurons, expected 1..{MAX_NEURONS}"
    found = layer.problems(network.n_steps, multi_spike=network.multi_spike)
    yield from (f"{where}{text}" for text in found)


def _learning(network: NetworkSpec) -> Iterator[str]:
    for index in network.learning_layers:
        layer = network.layers[index]
        if not layer.takes_vector or layer.neuron.has_knee:
            what = "psp 'triangle'" if layer.takes_vector else layer.kind
            yield (
                f"layers[{index}] has {what}: only dense layers with psp 'step' or 'ramp' "
                "can learn; let the last layer learn only, or change the network"
            )
        elif layer.bias_bits:
            yield f"layers[{index}].bias_bits is {layer.bias_bits}, expected 0: the layer learns"
        elif network.learning and network.learning.shadow_bits < layer.weight_bits:
            yield (
                f"learning.shadow_bits is {network.learning.shadow_bits}, expected at "
                f"least the {layer.weight_bits} bits of the weights of layers[{index}]"
            )


def _readout(network: NetworkSpec) -> Iterator[str]:
    if network.input.encoding in ("rate", "events") and not network.multi_spike:
        yield (
            f"readout is {network.readout!r} with input {network.input.encoding!r}, whose "
            "neurons fire more than once; expected 'spike_count' or 'potential'"
        )
    if network.multi_spike and network.learning:
        yield f"learning needs the readout 'first_spike', not {network.readout!r}"


def _resets(network: NetworkSpec, index: int, where: str) -> Iterator[str]:
    """Who may fire more than once: all neurons of hidden layers, or none. With the readout
    "potential" the last layer only integrates; it has a reset if its potentials leak, or have a
    bias."""
    layer, readout = network.layers[index], network.readout
    assert layer.has_weights
    integrates = index == len(network.layers) - 1 and readout == "potential"
    if integrates and layer.reset != "never":
        yield from _integrator(layer, where)
        return
    once = not network.multi_spike or integrates
    if once == layer.neuron.fires_again:
        yield (
            f"{where}.reset is {layer.reset!r} with the readout {readout!r}, expected "
            f"{'never' if once else 'zero or subtract'}"
        )
    elif once and layer.leak_shift:
        yield f"{where}.leak_shift is {layer.leak_shift} without a reset, expected 0"
    begins = layer.psp != "step" and not layer.phased and not network.multi_spike
    others = {"input_bits"} | ({"bias_bits"} if begins else set())  # which have rules of their own
    own = [name for name in YOUNGER if name not in others]
    more = [name for name in own if getattr(layer, name) != YOUNGER[name]]
    if once and more:
        yield f"{where} has {', '.join(more)} without a reset: a field of neurons that fire again"
    if network.multi_spike and (layer.psp != "step" or layer.phased):
        what = "phased" if layer.phased else f"psp {layer.psp!r}"
        yield f"{where} has {what} with the readout {readout!r}, expected psp 'step'"


def _integrator(layer: WeightedSpec, where: str) -> Iterator[str]:
    """The one form of an output layer that never fires, but leaks, or has a bias."""
    if (layer.reset, layer.order, layer.fires) != ("zero", "reset, leak", "above"):
        yield (
            f"{where} has reset {layer.reset!r}, order {layer.order!r} and fires {layer.fires!r} "
            "with the readout 'potential', expected 'zero', 'reset, leak' and 'above': it never "
            "fires"
        )
    if not layer.leak_shift and not layer.bias_bits:
        yield (
            f"{where}.reset is {layer.reset!r} with the readout 'potential', without leak_shift or "
            "bias_bits; expected 'never'"
        )
