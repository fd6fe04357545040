"""What a processor sees of a core in a system on a chip: one map for wrappers, C header and docs.

Streams carry words of `hwgen.protocol.words`; here are the registers: 32 bits each, at byte
addresses.
"""

from dataclasses import dataclass
from typing import Literal

from hwgen.protocol.words import Register

Bus = Literal["axi", "wishbone"]
BUSES: tuple[Bus, ...] = ("axi", "wishbone")
TOPS: dict[Bus, str] = {"axi": "hwgen_axi", "wishbone": "hwgen_wishbone"}
ADDRESS_BITS = 8

CONTROL, STATUS, TOKEN, RESULT, SHADOW, FILL = range(0x40, 0x58, 4)
EARLY_EXIT_BIT, RESET_BIT = 0, 1  # of CONTROL
ROOM_BIT, ANSWER_BIT, SHADOW_BIT, FILL_BIT = range(4)  # of STATUS
VALID_BIT = 31  # of RESULT and SHADOW: there was one
# Of a Wishbone access to TOKEN or FILL: then it ends with an error, and has written nothing.
PATIENCE = 1 << 16  # cycles

_TEXT = {
    Register.ID0: "digest of the params, first four bytes",
    Register.ID1: "digest of the params, next four bytes",
    Register.VERSION: "of the words and registers",
    Register.SHAPE: "steps in bits 31..16, classes below",
    Register.SAMPLES: "samples finished; counters are since reset, and wrap",
    Register.EVENTS: "input spikes taken",
    Register.SPIKES: "spikes of all layers",
    Register.CYCLES: "cycles in which a sample was inside",
    Register.SYNAPTIC_OPS: "weights added to neurons",
    Register.DROPPED: "tokens taken that mean nothing",
}


@dataclass(frozen=True)
class BusRegister:
    """`access`: "r", "w" or "rw".

    `name`: as in C, upper case. `address`: in bytes. `text`: what is in it, for tables and
    comments.
    """

    name: str
    address: int
    access: str
    text: str


def register_map(bus: Bus, *, learns: bool = False, fills: bool = False) -> list[BusRegister]:
    """Registers of a core behind a bus, lowest address first. `fills`: it has shadows in SPRAM.

    bus: over AXI there are identity, counters and CONTROL only. Addresses are in bytes, of words of
    32 bits (`docs/soc.md`). learns: the core has a learning unit.
    """
    found = [BusRegister(r.name, 4 * r, "r", _TEXT[r]) for r in Register]
    found.append(BusRegister("CONTROL", CONTROL, "rw", "bit 0 early exit, bit 1 resets the core"))
    if bus == "axi":  # what else there is has streams of its own
        return found
    room = "bit 0 TOKEN has room, 1 a result waits, 2 a shadow weight waits, 3 FILL has room"
    found += [
        BusRegister("STATUS", STATUS, "r", room),
        BusRegister("TOKEN", TOKEN, "w", "word to the core, bits 15..0"),
        BusRegister("RESULT", RESULT, "r", "bit 31 there was one, bits 15..0 the word; takes it"),
    ]
    if learns:
        text = "bit 31 there was one, 16 last of its layer, 15..0 the weight; takes it"
        found.append(BusRegister("SHADOW", SHADOW, "r", text))
    if fills:
        found.append(BusRegister("FILL", FILL, "w", "shadow weight to the core, bits 15..0"))
    return found
