"""What host and gateware must agree on (docs/link.md): words, registers, frames. No dependencies.

Two streams of 16-bit words cross the line in frames (`hwgen.host.frames`). A word to the core is
two bits of kind, fourteen of index. Kinds 0..2 are those of `hwgen.protocol.tokens.Kind`; kind 3
asks for the register whose number is the index, which is answered by two words, the high one first.
Each sample is answered by one word: bit 15: decided by a spike; seven bits of label; eight of step.

Of a core that learns, kind 3 with the index `READ_SHADOWS` plus the number of a layer that learns
asks for its shadow weights: each a word, sign extended, in the order of
`hwgen.protocol.memory.packed`. If they lie in SPRAM, `WRITE_SHADOWS` says that they follow. To a
core that does not learn, but has weights in SPRAM, it says that those follow, in the order of
`hwgen.protocol.memory.loaded_words`.
"""

from collections.abc import Iterable
from enum import IntEnum

from hwgen.protocol.tokens import Token

VERSION = 2  # of this protocol and register map
# The fourth kind of token, POTENTIAL, never comes from a host, so its number is free on the line.
READ_REGISTER = 3  # the kind of a request word
# With two bits of kind a word is 16 bits: two bytes of line, and the width of a block of an iCE40.
INDEX_BITS = 14
READ_SHADOWS, WRITE_SHADOWS = 1 << 8, 2 << 8
BY_SPIKE_BIT = 15
STEP_BITS = 8
# What 16 bits leave: 128 classes. Cores with more have no line (`hwgen.hdl.bus.words`).
LABEL_BITS = BY_SPIKE_BIT - STEP_BITS

# Frames: FLAG, header, words, check sum, FLAG. A byte that is FLAG or ESCAPE goes as ESCAPE, then
# itself with FLIP exchanged, as in RFC 1662.
FLAG, ESCAPE, FLIP = 0x7E, 0x7D, 0x20
# Half a window, so that one frame can be on the line while the board works on another.
FRAME_WORDS = 64  # most in a frame to the board
# Half of the range of a count modulo 256: what comes again can be told from what is new.
WINDOW = 128  # most that are on their way in each direction, or in a frame from the board
SESSIONS = range(1, 64)  # 0: none, as after a reset


class Frame(IntEnum):
    """The two high bits of a frame's first byte; the other six are the session.

    The fourth value, 3, is none: no host sends it.
    """

    DATA = 0
    POLL = 1  # as DATA; and words from the board that the host has not had come again
    SYNC = 2  # the session begins: the core is reset, nothing is on its way


class Register(IntEnum):
    """32-bit registers of the core, read only.

    Numbers are addresses of the core's port `reg_addr`. The contract's DROPPED is among them.
    """

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


# A register more, of a core that does not learn and has weights in SPRAM; it reads 0 in all others.
# Bit n: layer n waits for its weights. Bits 31..16: `hwgen.protocol.memory.lanes_sum` of the lanes.
UNLOADED = 10
MAX_UNLOADED = 16  # layers


def token_word(token: Token) -> int:
    """The word of a token, 16 bits: kind in bits 15..14, index in 13..0 (`docs/link.md`).

    No index of the contract needs more: there are at most 2 ** 14 inputs.
    """
    return token.kind << INDEX_BITS | token.index


def register_request(register: int) -> int:
    """The word that asks for a register, by its number; two words answer it, the high one first."""
    return READ_REGISTER << INDEX_BITS | register


def shadows_request(layer: int, *, write: bool = False) -> int:
    """The word that asks for the shadow weights of a layer, or says that they follow.

    layer: its number, 0 to 255. READ_SHADOWS and WRITE_SHADOWS lie beyond all registers, so one
    kind of word serves for three questions.
    """
    return READ_REGISTER << INDEX_BITS | (WRITE_SHADOWS if write else READ_SHADOWS) + layer


def shadow_words(shadows: Iterable[int]) -> list[int]:
    """Shadow weights as they follow.

    shadows: signed, at most 16 bits. Returns words 0 .. 0xFFFF, in two's complement.
    """
    return [shadow & 0xFFFF for shadow in shadows]
