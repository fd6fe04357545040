"""What host and gateware must agree on: the event word and the register map. Standard library only.

An event word is 16 bits, sent high byte first: two bits of kind, fourteen of index. Kinds 0..2 are
those of `hwgen.events.Kind`; kind 3 asks for the register whose number is the index, and is
answered by its four bytes, high byte first. Each sample is answered by a result of two bytes: the
label (bit 7: decided by a spike), then the step.

Of a core that learns, kind 3 with the index `READ_SHADOWS` plus the number of a layer that learns
asks for its shadow weights: each as many bytes as it needs, high byte first, sign extended, in the
order of `hwgen.pack.packed`. If they lie in SPRAM, `WRITE_SHADOWS` says that they follow: each a
word of 16 bits.
"""

from collections.abc import Iterable
from enum import IntEnum

from hwgen.events import Token

VERSION = 1  # of this protocol and register map
READ_REGISTER = 3  # the kind of a request word
INDEX_BITS = 14
READ_SHADOWS, WRITE_SHADOWS = 1 << 8, 2 << 8
BY_SPIKE_BIT = 7


class Register(IntEnum):
    """32-bit registers of the core, read only."""

    ID0 = 0  # digest of the params, first four bytes
    ID1 = 1  # digest of the params, next four bytes
    VERSION = 2
    SHAPE = 3  # n_steps << 16 | n_classes
    SAMPLES = 4  # samples finished since reset; the counters wrap
    EVENTS = 5  # input spikes taken
    SPIKES = 6  # spikes of all layers
    CYCLES = 7  # clock cycles in which a sample was inside the core
    SYNAPTIC_OPS = 8  # weights added to neurons, those that have fired included
    DROPPED = 9  # tokens taken that mean nothing: see docs/contract.md, section 7


def token_word(token: Token) -> bytes:
    """The two bytes of a token."""
    return (token.kind << INDEX_BITS | token.index).to_bytes(2, "big")


def register_request(register: Register) -> bytes:
    """The two bytes that ask for a register."""
    return (READ_REGISTER << INDEX_BITS | register).to_bytes(2, "big")


def shadows_request(layer: int, *, write: bool = False) -> bytes:
    """The two bytes that ask for the shadow weights of a layer, or say that they follow."""
    index = (WRITE_SHADOWS if write else READ_SHADOWS) + layer
    return (READ_REGISTER << INDEX_BITS | index).to_bytes(2, "big")


def shadow_words(shadows: Iterable[int]) -> bytes:
    """Shadow weights as they follow."""
    return b"".join(shadow.to_bytes(2, "big", signed=True) for shadow in shadows)
