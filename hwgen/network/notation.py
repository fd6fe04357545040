"""Hidden layers as the field writes them, ``20C5-P2-1000``, to specs. Standard library only."""

import re
from typing import Any, TypedDict, Unpack

from hwgen.network.layers.conv2d import ConvSpec
from hwgen.network.layers.dense import DenseSpec
from hwgen.network.layers.kinds import LayerSpec, narrowest
from hwgen.network.layers.neurons import Fires, Order, Psp, Reset
from hwgen.network.layers.pool2d import PoolSpec
from hwgen.network.layers.shape import Shape
from hwgen.network.spec import YOUNGER, Readout

_WORD = re.compile(
    r"P(?P<pool>[1-9]\d*)"
    r"|(?P<n>[1-9]\d*)(?:C(?P<size>[1-9]\d*)(?:s(?P<stride>[1-9]\d*))?(?:p(?P<padding>\d+))?)?"
)


class NeuronFields(TypedDict, total=False):
    """What files say of neurons (`Neurons`); left out: those that fire once, of the step PSP."""

    psp: Psp
    tau_steps: int
    phased: bool
    reset: Reset
    leak_shift: int
    leak_times: int
    fraction_bits: int
    bias_bits: int
    order: Order
    fires: Fires


def layers(
    hidden: str,
    first: Shape,
    n_classes: int,
    *,
    n_steps: int,
    weight_bits: int,
    readout: Readout = "first_spike",
    input_bits: int = 0,
    **neurons: Unpack[NeuronFields],
) -> tuple[LayerSpec, ...]:
    """Specs of the hidden layers and of the dense output layer, with the narrowest potentials.

    `phased` is said of the hidden layers; with the readout "potential", so are reset, leak and all
    else that only neurons have that fire again.
    `hidden` is words joined by ``-``: ``1000`` is a dense layer, ``20C5s2p1`` 20 filters of 5 x 5
    with stride 2 and padding 1 (1 and 0 if left out), ``P2`` pooling of 2 x 2. Empty: none.
    Raises ValueError on anything else. Shapes that cannot be are refused by `Params.check`.

    first: of the input; input_bits: of its values, if it is "direct". Thresholds and weights are no
    part of it.
    """
    common: dict[str, Any] = {"weight_bits": weight_bits, "potential_bits": 0, **neurons}
    phased = common.pop("phased", False)
    multi_spike = readout != "first_spike"
    made: list[LayerSpec] = []
    shape = first
    words = hidden.split("-") if hidden else []
    for index, word in enumerate([*words, str(n_classes)]):
        common["phased"] = phased and index < len(words)
        if readout == "potential" and index == len(words):
            common |= {"reset": "never", "leak_shift": 0, **YOUNGER}
        common["input_bits"] = 0 if index else input_bits
        match = _WORD.fullmatch(word)
        if not match:
            raise ValueError(f"{word!r} is no layer; expected words like '20C5', 'P2' or '1000'")
        picture: dict[str, Any] = dict(zip(("height", "width", "channels"), shape, strict=True))
        layer: LayerSpec
        if match["pool"]:
            layer = PoolSpec(**picture, size=int(match["pool"]))
        elif match["size"]:
            conv = ConvSpec(
                **picture,
                filters=int(match["n"]),
                size=int(match["size"]),
                stride=int(match["stride"] or 1),
                padding=int(match["padding"] or 0),
                **common,
            )
            layer = narrowest(conv, n_steps, multi_spike=multi_spike)
        else:
            full = DenseSpec(n_pre=shape.n, n_post=int(match["n"]), **common)
            layer = narrowest(full, n_steps, multi_spike=multi_spike)
        made.append(layer)
        shape = layer.post
    return tuple(made)
