"""What goes down the pipeline of a layer: slots, each for one word of the layer's state."""

from amaranth.lib import data, enum, wiring
from amaranth.lib.wiring import In, Out

from hwgen.hdl.stream import index_bits
from hwgen.network.layers.kinds import WeightedSpec
from hwgen.protocol.memory import n_blocks


class Op(enum.Enum, shape=2):  # type: ignore[call-arg]
    """What a slot of the pipeline does with its word."""

    ADD = 0  # add the weight word: to the potentials (step PSP), or to the slopes
    COMPARE = 1  # the end of a step: fire where the potential exceeds the threshold
    CLEAR = 2  # back to the state at rest
    PASS = 3  # nothing: the end of a step in which no potential has changed


def n_state_words(layer: WeightedSpec, lanes: int) -> int:
    """Words of a layer's state: at each position, one a block of channels.

    That is height x width x blocks; of a dense layer, blocks.
    """
    height, width, channels = layer.post
    return height * width * n_blocks(channels, lanes)


def state_members(layer: WeightedSpec, *, lanes: int, is_output: bool) -> dict[str, wiring.Member]:
    """Members of what keeps the state of a layer's neurons: see `single_spike.State`.

    lanes: neurons a word. `potentials` exists only with `is_output`. Signed fields of a word are
    side by side, lane 0 in the low bits.
    """
    slot = slot_layout(layer, n_state_words(layer, lanes))
    members = {
        "advance": In(1),
        "take": In(1),
        "b": In(slot),
        "c": In(slot),
        "d": In(slot),
        "block": In(index_bits(n_blocks(layer.post.channels, lanes))),
        "weights": In(lanes * layer.weight_bits),
        "fires": In(lanes),
        "exceeds": Out(lanes),
        "fired": Out(lanes),
        "word": Out(lanes * (layer.potential_bits + layer.slope_bits + 1)),
    }
    if is_output:
        members["potentials"] = Out(lanes * layer.potential_bits)
    return members


def slot_layout(layer: WeightedSpec, n_words: int) -> data.StructLayout:
    """A slot: `last` of those of its token; `closing`, if that passes a token on (reset, and
    a step in which a two-phase layer does not fire: none); `knee`, if weights count -2 times;
    `drive`, if potentials rise by their drives and not by their slopes; `plane`, of a layer that
    takes values only: the bit of a value that an ADD is of.

    n_words: words of the layer's state, which `word` counts from 0. A slot that is not `valid`
    means nothing.
    """
    bits = {"last": 1, "closing": 1, "knee": 1, "drive": 1}
    if layer.input_bits:
        bits["plane"] = index_bits(layer.input_bits)
    return data.StructLayout({"valid": 1, "op": Op, "word": index_bits(n_words), **bits})
