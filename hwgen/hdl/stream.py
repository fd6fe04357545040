"""Shapes of what flows through the core."""

from amaranth.hdl import signed
from amaranth.lib import data, stream
from amaranth.utils import bits_for

STEP_BITS = 8


def index_bits(n: int) -> int:
    """Bits that hold 0..n-1; at least one, so that every field exists."""
    return max(1, int(bits_for(n - 1)))


def token_layout(n: int, potential_bits: int | None = None) -> data.StructLayout:
    """A token (`hwgen.events.Kind`) of a layer of n neurons; its potential, if a width is given."""
    fields = {"kind": 2, "index": index_bits(n)}
    if potential_bits is not None:
        fields["potential"] = signed(potential_bits)
    return data.StructLayout(fields)


def token_stream(n: int, potential_bits: int | None = None) -> stream.Signature:
    return stream.Signature(token_layout(n, potential_bits))


def result_layout(n_classes: int) -> data.StructLayout:
    """The answer to a sample. `step` is that of the deciding spike, or the number of steps."""
    return data.StructLayout({"label": index_bits(n_classes), "step": STEP_BITS, "by_spike": 1})
