"""Do the layers of a network go together? Each rule names what it refuses."""

from hwgen.errors import ParamsError
from hwgen.network.layers.conv2d import ConvSpec
from hwgen.network.layers.dense import DenseSpec
from hwgen.network.layers.kinds import LayerSpec
from hwgen.network.layers.neurons import MAX_NEURONS
from hwgen.network.layers.pool2d import PoolSpec
from hwgen.network.layers.shape import Shape
from hwgen.network.spec import MAX_INPUTS, InputSpec, NetworkSpec


def check_spec(network: NetworkSpec, where: str) -> None:
    """Raise `ParamsError` if the layers do not go together; `where` opens the message."""
    if not network.layers:
        raise ParamsError(f"{where}: layers must hold at least one layer")
    shape = network.input
    if shape.crop * 2 >= min(shape.height, shape.width):
        raise ParamsError(
            f"{where}: crop is {shape.crop}, which leaves nothing of {shape.height}x{shape.width}"
        )
    if shape.n_inputs > MAX_INPUTS:
        raise ParamsError(f"{where}: {shape.n_inputs} inputs, expected at most {MAX_INPUTS}")
    _check_input(shape, f"{where}: input")
    post = shape.post
    for index, layer in enumerate(network.layers):
        _check_layer(layer, post, network, f"{where}: layers[{index}]")
        post = layer.post
    _check_learning(network, where)
    if network.layers[-1].kind != "dense":
        raise ParamsError(f"{where}: the last layer is {network.layers[-1].kind}, expected dense")
    if network.layers[-1].phased:
        raise ParamsError(f"{where}: the last layer is phased, expected one that fires at once")
    _check_resets(network, where)


def _check_input(shape: InputSpec, where: str) -> None:
    events = shape.encoding == "events"
    if events != (shape.step_us > 0):
        raise ParamsError(
            f"{where}.step_us is {shape.step_us} with encoding {shape.encoding!r}, expected at "
            "least 1 with 'events' and 0 with others"
        )
    if not events and shape.channels != 1:
        raise ParamsError(f"{where}.channels is {shape.channels} without events, expected 1")


def _check_resets(network: NetworkSpec, where: str) -> None:
    """Who may fire more than once: all neurons of hidden layers, or none."""
    n_layers, readout = len(network.layers), network.readout
    if network.input.encoding != "latency" and not network.multi_spike:
        raise ParamsError(
            f"{where}: readout is {readout!r} with input {network.input.encoding!r}, whose neurons "
            "fire more than once; expected 'spike_count' or 'potential'"
        )
    if network.multi_spike and network.learning:
        raise ParamsError(f"{where}: learning needs the readout 'first_spike', not {readout!r}")
    for index, layer in enumerate(network.layers):
        if isinstance(layer, PoolSpec):
            continue
        once = not network.multi_spike or (index == n_layers - 1 and readout == "potential")
        if once != (layer.reset == "never"):
            raise ParamsError(
                f"{where}: layers[{index}].reset is {layer.reset!r} with the readout {readout!r}, "
                f"expected {'never' if once else 'zero or subtract'}"
            )
        if once and layer.leak_shift:
            raise ParamsError(
                f"{where}: layers[{index}].leak_shift is {layer.leak_shift} without a reset, "
                "expected 0"
            )
        if network.multi_spike and (layer.psp != "step" or layer.phased):
            what = "phased" if layer.phased else f"psp {layer.psp!r}"
            raise ParamsError(
                f"{where}: layers[{index}] has {what} with the readout {readout!r}, expected psp "
                "'step'"
            )


def _check_learning(network: NetworkSpec, where: str) -> None:
    for index in network.learning_layers:
        layer = network.layers[index]
        if not isinstance(layer, DenseSpec) or layer.psp == "triangle":
            what = layer.kind if not isinstance(layer, DenseSpec) else "psp 'triangle'"
            raise ParamsError(
                f"{where}: layers[{index}] has {what}: only dense layers with psp 'step' or 'ramp' "
                "can learn; let the last layer learn only, or change the network"
            )
        assert network.learning
        if network.learning.shadow_bits < layer.weight_bits:
            raise ParamsError(
                f"{where}: learning.shadow_bits is {network.learning.shadow_bits}, expected at "
                f"least the {layer.weight_bits} bits of the weights of layers[{index}]"
            )


def _check_layer(layer: LayerSpec, feeding: Shape, network: NetworkSpec, where: str) -> None:
    if isinstance(layer, DenseSpec):
        if layer.n_pre != feeding.n:
            raise ParamsError(f"{where}.n_pre is {layer.n_pre}, but {feeding.n} neurons feed it")
    elif layer.pre != feeding:
        raise ParamsError(
            f"{where} takes {_by(layer.pre)}, but {_by(feeding)} feed it "
            "(height x width x channels)"
        )
    if not 0 < layer.n_post <= MAX_NEURONS:
        raise ParamsError(f"{where} has {layer.n_post} neurons, expected 1..{MAX_NEURONS}")
    if isinstance(layer, PoolSpec):
        return
    if (layer.psp == "triangle") != (layer.tau_steps > 0):
        raise ParamsError(
            f"{where}.tau_steps is {layer.tau_steps} with psp {layer.psp!r}, "
            "expected at least 1 with 'triangle' and 0 with others"
        )
    if layer.phased and layer.psp != "ramp":
        raise ParamsError(f"{where}.psp is {layer.psp!r} in a phased layer, expected 'ramp'")
    if isinstance(layer, ConvSpec) and layer.padding >= layer.size:
        raise ParamsError(
            f"{where}.padding is {layer.padding}, expected less than size, {layer.size}"
        )
    needed = layer.min_potential_bits(network.n_steps, multi_spike=network.multi_spike)
    if layer.potential_bits < needed:
        raise ParamsError(
            f"{where}.potential_bits is {layer.potential_bits}, too narrow: {layer.n_fan_in} "
            f"inputs of weight up to {layer.max_weight} need {needed} with psp {layer.psp!r}"
        )


def _by(shape: Shape) -> str:
    return "x".join(str(size) for size in shape)
