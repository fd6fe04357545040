"""Structures that Python and the compiled bench share: one table makes both sides of them.

`header` is the C++ side, which `compiled_core` compiles in with the bench of `sim/cxxrtl/`. A
library says what it was made with, and `require` refuses it if that is not what is here: a field in
another place would be memory written over.
"""

import ctypes
import hashlib
from collections.abc import Mapping, Sequence
from ctypes import c_char_p, c_double, c_int64, c_uint64, c_void_p
from dataclasses import dataclass
from typing import Any

from hwgen.errors import ToolError
from hwgen.verification.core_trace import UNSEEN, Moment
from hwgen.verification.mismatch import HANG, HELD

HEADER = "job.h"
# What no stream of a right core has, in the words of a `Mismatch`; what else may be wrong shows in
# the arrays. The last is none of a core, but of the way in which it was compiled.
FAULTS = {
    "TWICE": "spikes (the neuron fired before)",
    "NOBODY": "spikes (no such neuron)",
    "STEPS": "counts of END_OF_STEP",
    "TOO_MANY": "counts of samples",
    "UNSTEADY": HELD,
    "POTENTIALS": "counts of potentials",
    "SHOWN": "potentials (as the readout is told)",
    "SHADOWS": "counts of shadow weights",
    "HANG": HANG,
    "UNSETTLED": "",
}
_NUMBERS: dict[str, Any] = {"int64_t": c_int64, "uint64_t": c_uint64, "double": c_double}


@dataclass(frozen=True)
class Fields:
    """Fields of one C++ type, which must be eight bytes or a structure of this table."""

    kind: str
    names: str
    about: str = ""
    ctype: Any = None  # if `kind` is no number and no pointer into an array

    def pairs(self) -> list[tuple[str, Any]]:
        """For ctypes."""
        ctype = self.ctype or (c_void_p if "*" in self.kind else _NUMBERS[self.kind])
        return [(name, ctype) for name in self.names.split()]


def _pairs(table: Sequence[Fields]) -> list[tuple[str, Any]]:
    return [pair for fields in table for pair in fields.pairs()]


LAYER = (
    Fields("int64_t", "height width channels", "of its neurons"),
    Fields("int64_t", "n_sharing", "neurons of a position"),
    Fields("int64_t", "lanes", "of those, how many a state word has"),
    Fields("int64_t", "potential_bits lane_bits", "of a neuron; if all four are 0: none"),
    # multi_spike: [n, n_steps, n_neurons], given as 0: 1 where there was one
    Fields("uint8_t *", "times", "[n, n_neurons], given as n_steps: the step of the spike"),
    Fields("int32_t *", "potentials", "[n, n_neurons], given as UNSEEN: at the sample's end"),
    Fields("uint64_t *", "step_cycles", "[n, n_steps], given as 0: when END_OF_STEP came out"),
    Fields("int64_t", "n_shadows", "that the core sends when asked; 0: the layer learns nothing"),
    Fields("int32_t *", "shadows", "[n_shadows], in the order in which they came"),
    Fields("const int32_t *", "given", "[n_shadows], to fill the core with at first; null: no"),
)
FAULT = (Fields("int64_t", "kind sample layer step index expected got cycle"),)


class LayerJob(ctypes.Structure):
    """A layer: `Layer` in C++."""

    _fields_ = _pairs(LAYER)


class FaultRecord(ctypes.Structure):
    """`Fault` in C++; `kind` is a number in `FAULTS`."""

    _fields_ = _pairs(FAULT)


OnShadows = ctypes.CFUNCTYPE(c_int64, c_int64)
JOB = (
    Fields("int64_t", "n n_inputs n_steps label_bits"),
    Fields(
        "const uint8_t *",
        "inputs",
        "[n, n_inputs], times; is_raster: [n, n_input_steps, n_inputs] of 0 and 1",
    ),
    Fields("int64_t", "is_raster n_input_steps", "how samples come in"),
    Fields("int64_t", "multi_spike", "neurons may fire in each step"),
    Fields("int64_t", "early_exit"),
    Fields("int64_t", "quiet_cycles", "nothing moves for so long: the core hangs"),
    Fields("double", "stall", "chance of an idle cycle, each cycle, at each end"),
    Fields("int64_t", "stall_burst", "after which up to so many, less one, are idle, too"),
    Fields("uint64_t", "seed"),
    Fields("void *", "core", "of `hwgen_core`; null: a new one"),
    Fields("int64_t", "n_cuts", "resets that cut off other samples before the run, or -1"),
    Fields("const int64_t *", "cuts", "[n_cuts]: cycles before each"),
    Fields("int64_t *", "moments", "[n_cuts]: what each cut off, a `Moment`"),
    Fields("int64_t", "n_cut", "samples that had gone in whole at the first of them"),
    Fields("int64_t", "n_layers"),
    Fields("Layer *", "layers", ctype=ctypes.POINTER(LayerJob)),
    # For a core that learns; training_labels and every may both be 0.
    Fields("const int64_t *", "training_labels", "[n], index of the END_OF_SAMPLE; null: 0"),
    Fields("int64_t", "every", "all shadows are read after each so many samples, and the last"),
    Fields("int64_t", "reads_first", "and before the first, as sample -1"),
    Fields("int64_t", "shadow_bits"),
    Fields("OnShadows", "on_shadows", "all are read; 0 ends the run", OnShadows),
    Fields("int64_t", "n_registers"),
    Fields("uint32_t *", "registers", "[n_registers], when all is over"),
    Fields("uint32_t *", "least greatest", "[n_registers]: read on the way; given as ~0 and 0"),
    Fields("uint32_t *", "labels", "[n], and so the others"),
    Fields("uint8_t *", "steps by_spike"),
    Fields("uint64_t *", "started decided", "cycles: first token in, result out"),
    Fields("uint64_t *", "ended", "in which the END_OF_SAMPLE went in"),
    Fields("uint64_t *", "resumed", "in which the first token behind went in; given as 0"),
    Fields("uint64_t", "n_cycles", "until the last token came out"),
    Fields("uint64_t", "busy_cycles", "in which a sample was inside"),
    Fields("uint64_t", "n_dropped", "tokens given that mean nothing"),
    Fields("uint64_t", "n_idle", "in which the core would have taken one, but got none"),
    Fields("int64_t", "n_faults"),
    Fields("Fault", "fault", "the first", FaultRecord),
)


class SessionJob(ctypes.Structure):
    """A run of samples: `Job` in C++."""

    _fields_ = _pairs(JOB)


TABLES: Mapping[str, tuple[Sequence[Fields], type[ctypes.Structure]]] = {
    "Layer": (LAYER, LayerJob),
    "Fault": (FAULT, FaultRecord),
    "Job": (JOB, SessionJob),
}


def header() -> str:
    """Text of `job.h`: the structures, the enumerations, and what `require` asks a library for."""
    structs, places = "", []
    for name, (table, _) in TABLES.items():
        lines = [
            f"    {fields.kind} {one};" + (f"  // {fields.about}" if fields.about else "")
            for fields in table
            for one in fields.names.split()
        ]
        structs += f"struct {name} {{\n" + "\n".join(lines) + "\n};\n\n"
        places.append(f"sizeof({name})")
        places += [f"offsetof({name}, {one})" for fields in table for one in fields.names.split()]
    return (
        "// Generated by hwgen.verification.cxxrtl_abi.\n#pragma once\n\n"
        "#include <cstddef>\n#include <cstdint>\n\n"
        f"enum FaultKind {{ {', '.join(FAULTS)} }};\n"
        "// By the last token that the core had taken.\n"
        f"enum Moment {{ {', '.join(moment.name for moment in Moment)} }};\n"
        f"const int32_t UNSEEN = {UNSEEN + 1} - 1;\n"  # the literal alone would not fit
        "typedef int64_t (*OnShadows)(int64_t sample);\n\n"
        f"{structs}"
        f'const char LAYOUT[] = "{layout()}";\n'
        "const int64_t PLACES[] = {\n" + "".join(f"    {place},\n" for place in places) + "};\n"
    )


def layout() -> str:
    """A name of the tables: another order, type or number of anything gives another."""
    rows = [
        (name, fields.kind, fields.names) for name, (table, _) in TABLES.items() for fields in table
    ]
    return hashlib.sha256(repr((rows, list(FAULTS), list(Moment))).encode()).hexdigest()[:32]


def require(library: ctypes.CDLL, path: object) -> None:
    """Raise `ToolError` unless the library has all fields where they are here.

    Raises AttributeError if it does not say.
    """
    library.hwgen_layout.restype = c_char_p
    library.hwgen_places.restype = ctypes.POINTER(c_int64)
    says = (library.hwgen_layout() or b"").decode()
    if says != layout():
        raise ToolError(f"{path}: made with structures {says}, but these are {layout()}; remove it")
    places = library.hwgen_places()  # as many as here, for the tables are the same
    index = 0
    for name, (_, kind) in TABLES.items():
        wanted = [("size", ctypes.sizeof(kind))]
        wanted += [(one, getattr(kind, one).offset) for one, *_ in kind._fields_]
        for one, expected in wanted:
            if places[index] != expected:
                raise ToolError(
                    f"{path}: {name}.{one} is {places[index]} in C++, {expected} here; remove it"
                )
            index += 1
