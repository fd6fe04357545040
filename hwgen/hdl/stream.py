"""Shapes of what flows through the core."""

from collections.abc import Mapping

from amaranth.hdl import Const, signed
from amaranth.lib import data, stream
from amaranth.utils import bits_for

from hwgen.network.layers.kinds import WeightedSpec
from hwgen.network.layers.shape import Shape

STEP_BITS = 8


def index_bits(n: int) -> int:
    """Bits that hold 0..n-1; at least one, so that every field exists."""
    return max(1, int(bits_for(n - 1)))


def vector(n: int) -> Shape:
    """Neurons without places.

    `Shape(1, 1, n)`: one position with n channels.
    """
    return Shape(1, 1, n)


def is_feature_map(shape: Shape) -> bool:
    """Whether tokens name a neuron by its place and channel, not by one index."""
    return shape.height > 1 or shape.width > 1


Marks = Mapping[str, int]  # fields that tokens have besides, by name, and their bits
NO_MARKS: Marks = {}


def marks_of(layer: WeightedSpec) -> Marks:
    """Those that tokens into a layer have, if any.

    `knee`: this kernel event turns the slope of its input's triangle down, and counts -2 times the
    weight instead of once. `drive`: in this step a two-phase layer fires. `plane`: this spike is a
    bit of a value, and counts as so many weights as the bit is worth.
    """
    marks = {"knee": 1} if layer.neuron.has_knee else {}
    if layer.input_bits:
        marks["plane"] = index_bits(layer.input_bits)
    return marks | ({"drive": 1} if layer.neuron.two_phase else {})


def token_layout(
    shape: Shape, potential_bits: int | None = None, marks: Marks = NO_MARKS
) -> data.StructLayout:
    """A token (`hwgen.protocol.tokens.Kind`) of a layer, from bit 0: kind, then the neuron.

    The neuron is `index`, or, of a feature map, `channel`, `column`, `row`. Then its `potential`,
    if a width is given, and `marks`.
    """
    fields: dict[str, object] = {"kind": 2}
    if is_feature_map(shape):
        fields["channel"] = index_bits(shape.channels)
        fields["column"] = index_bits(shape.width)
        fields["row"] = index_bits(shape.height)
    else:
        fields["index"] = index_bits(shape.channels)
    if potential_bits is not None:
        fields["potential"] = signed(potential_bits)
    return data.StructLayout(fields | dict(marks))


def token_stream(
    shape: Shape, potential_bits: int | None = None, marks: Marks = NO_MARKS
) -> stream.Signature:
    """The stream of tokens as `token_layout` has them, with valid and ready."""
    return stream.Signature(token_layout(shape, potential_bits, marks))


def place(token: data.View, shape: Shape):
    """Row, column and channel of a token's neuron.

    Of a vector, row and column are 0 and the channel is the index.
    """
    if is_feature_map(shape):
        return token.row, token.column, token.channel
    return Const(0), Const(0), token.index


def result_layout(n_classes: int) -> data.StructLayout:
    """The answer to a sample. `step` is that of the deciding spike, or the number of steps.

    label: 0 .. n_classes - 1. step: 8 bits. by_spike: 1 if a spike decided (contract, section 6).
    """
    return data.StructLayout({"label": index_bits(n_classes), "step": STEP_BITS, "by_spike": 1})
