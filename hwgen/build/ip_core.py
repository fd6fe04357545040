"""A core with a bus, as those take it who build systems: Verilog, FuseSoC `.core`, C header."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import hwgen
from hwgen.errors import HwgenError
from hwgen.files import write_atomic
from hwgen.hdl.verilog import soc_verilog
from hwgen.network.design import Design
from hwgen.network.params import Params
from hwgen.protocol import register_map
from hwgen.protocol import words as protocol_words
from hwgen.protocol.tokens import Kind

# Of Verilator's lint: docs/architecture.md, "Verilog". The last two are of learning units.
WAIVERS = (
    *("CASEINCOMPLETE", "DECLFILENAME", "PROCASSINIT", "UNUSEDSIGNAL", "WIDTHEXPAND", "WIDTHTRUNC"),
    *("ASCRANGE", "CMPCONST"),
)


@dataclass(frozen=True)
class IpCore:
    """Files that were written, side by side."""

    verilog: Path
    core: Path
    header: Path
    n_lines: int  # of Verilog


def write(design: Design, bus: register_map.Bus, verilog: Path) -> IpCore:
    """Write `verilog`, whose name ends in .v, and beside it a .core and a .h of the same name.

    bus: "axi" or "wishbone". Raises `HwgenError` on another ending.
    """
    if verilog.suffix != ".v":
        raise HwgenError(f"--output is '{verilog}', expected a name that ends in .v")
    core, header = verilog.with_suffix(".core"), verilog.with_suffix(".h")
    text = soc_verilog(design, bus)
    write_atomic(verilog, text)
    write_atomic(core, core_text(design.params, bus, verilog.name, header.name))
    write_atomic(header, header_text(design, bus))
    return IpCore(verilog, core, header, text.count("\n"))


def core_text(params: Params, bus: register_map.Bus, verilog: str, header: str) -> str:
    """A FuseSoC core description (CAPI2)."""
    name, top = _identifier(params.name).lower(), register_map.TOPS[bus]
    waivers = ", ".join(f"-Wno-{name}" for name in WAIVERS)
    about = (
        f"Spiking neural network {params.name}, {params.spec.shape}, {bus}, params {params.digest}"
    )
    return f"""CAPI=2:
# Written by hwgen {hwgen.__version__}; see docs/soc.md there.
name: "hwgen:snn:{name}_{bus}:{hwgen.__version__}"
description: {json.dumps(about)}

filesets:
  rtl:
    files:
      - {json.dumps(verilog)}
    file_type: verilogSource-2005
  software:
    files:
      - {json.dumps(header)}
    file_type: user

targets:
  default:
    filesets: [rtl]
    toplevel: {top}
  lint:
    filesets: [rtl]
    toplevel: {top}
    flow: lint
    flow_options:
      tool: verilator
      verilator_options: [{waivers}]
"""


def header_text(design: Design, bus: register_map.Bus) -> str:
    """A C header: the map, words, and what is particular to this network."""
    params, learns, fills = design.params, design.learns, design.is_filled
    spec, prefix = params.spec, _identifier(params.name).upper()
    places = register_map.register_map(bus, learns=learns, fills=learns and fills)
    guard = f"HWGEN_{prefix}_{bus.upper()}_H"
    lines = [
        f"/* {register_map.TOPS[bus]}: {params.name}, {spec.shape}. "
        "Registers: 32 bits, whole words only.",
        f"   params {params.digest}; hwgen {hwgen.__version__}, docs/soc.md. */",
        f"#ifndef {guard}",
        f"#define {guard}",
        "",
    ]
    for place in places:
        comment = f"/* {place.access}: {place.text} */"
        lines.append(f"#define HWGEN_{place.name:12} 0x{place.address:02X}u {comment}")
    lines += ["", *_bits(bus, learns, fills), ""]
    values = {
        "ID0": f"0x{params.digest[:8].upper()}u",
        "ID1": f"0x{params.digest[8:16].upper()}u",
        "N_INPUTS": f"{spec.input.n_inputs}u",
        "N_STEPS": f"{spec.n_steps}u",
        # Values come in as bit planes, so many END_OF_STEPs a sample.
        **({"N_PLANES": f"{spec.n_input_steps}u"} if spec.input.encoding == "direct" else {}),
        "N_CLASSES": f"{spec.n_classes}u",
    }
    lines += [f"#define {prefix}_{name:9} {value}" for name, value in values.items()]
    return "\n".join([*lines, "", "#endif", ""])


def _bits(bus: register_map.Bus, learns: bool, fills: bool) -> list[str]:
    """Bits of registers, and words to the core and back."""
    bits = {
        "CONTROL_EARLY_EXIT": register_map.EARLY_EXIT_BIT,
        "CONTROL_RESET": register_map.RESET_BIT,
    }
    if bus == "wishbone":
        bits |= {"STATUS_ROOM": register_map.ROOM_BIT, "STATUS_RESULT": register_map.ANSWER_BIT}
        bits |= {"STATUS_SHADOW": register_map.SHADOW_BIT} if learns else {}
        bits |= {"STATUS_FILL": register_map.FILL_BIT} if learns and fills else {}
        bits |= {"VALID": register_map.VALID_BIT}
    words = {
        "SPIKE(input)": f"(0x{Kind.SPIKE << protocol_words.INDEX_BITS:04X}u | (input))",
        "END_OF_STEP": f"0x{Kind.END_OF_STEP << protocol_words.INDEX_BITS:04X}u",
        "END_OF_SAMPLE": f"0x{Kind.END_OF_SAMPLE << protocol_words.INDEX_BITS:04X}u",
    }
    if learns:
        first = f"0x{Kind.END_OF_SAMPLE << protocol_words.INDEX_BITS:04X}u"
        words["LESSON(label)"] = f"({first} | ((label) + 1u))"
        words["READ_SHADOWS(layer)"] = f"(0x{protocol_words.shadows_request(0):04X}u | (layer))"
    if learns and fills:
        request = protocol_words.shadows_request(0, write=True)
        words["WRITE_SHADOWS(layer)"] = f"(0x{request:04X}u | (layer))"
    mask = (1 << protocol_words.LABEL_BITS) - 1
    words |= {
        "BY_SPIKE(result)": f"((result) >> {protocol_words.BY_SPIKE_BIT} & 1u)",
        "LABEL(result)": f"((result) >> {protocol_words.STEP_BITS} & 0x{mask:02X}u)",
        "STEP(result)": f"((result) & 0x{(1 << protocol_words.STEP_BITS) - 1:02X}u)",
    }
    lines = [f"#define HWGEN_{name:18} (1u << {bit})" for name, bit in bits.items()]
    return lines + [f"#define HWGEN_{name:21} {text}" for name, text in words.items()]


def _identifier(name: str) -> str:
    """A name that C and FuseSoC take."""
    cleaned = re.sub(r"\W", "_", name, flags=re.ASCII)
    return f"n{cleaned}" if cleaned[:1].isdigit() else cleaned
