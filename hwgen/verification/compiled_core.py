"""A core's Verilog as a library of machine code."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from hwgen.files import visible
from hwgen.hdl.verilog import TOP
from hwgen.network.layers.kinds import LayerSpec
from hwgen.package_data import package_data
from hwgen.progress import SILENT, Reporter
from hwgen.toolchain.cxxrtl import build, memories
from hwgen.verification.cxxrtl_abi import HEADER, header

_PORTS = ("o__valid", "o__ready", "o__payload")
_PROBES = ("probe_strobe", "probe_block", "probe_word")
# Ports of cores that learn, and what the bench calls a core that has them.
_MAY_HAVE = {"shadows__payload": "LEARNS", "fill__payload": "FILLS"}


def library(
    verilog: str,
    layers: Sequence[LayerSpec],
    *,
    cache: Path | None = None,
    bench: Mapping[str, str] | None = None,
    reporter: Reporter = SILENT,
) -> Path:
    """Path of the library for a core's Verilog; built if it is not in the cache.

    `cache` is a folder, by default the user's. `bench` replaces files of the bench (to plant a
    fault). Raises `ToolError`.
    """
    files = {path.name: path.read_text() for path in visible(package_data("sim") / "cxxrtl")}
    files |= {HEADER: header()} | dict(bench or {}) | memories(verilog)
    files |= {"layers.h": _layers(layers, verilog), "core.ys": _script(layers)}
    return build(files, "bench.cpp", cache=cache, reporter=reporter)


def _layers(layers: Sequence[LayerSpec], verilog: str) -> str:
    """`layers.h`: members of the C++ class that CXXRTL makes, as it spells their names."""
    kinds = ["NEURONS" if layer.has_weights else "POOL" for layer in layers]
    calls = " ".join(f"{kind}(p_layer__{index}_2e_)" for index, kind in enumerate(kinds))
    has = [f"#define {name}\n" for port, name in _MAY_HAVE.items() if port in verilog]
    return f"#define LAYERS(NEURONS, POOL) {calls}\n" + "".join(has)


def _script(layers: Sequence[LayerSpec]) -> str:
    """For yosys. What the bench looks at becomes outputs; the design itself is not touched."""
    wires = ["readout.finished"]
    for index, layer in enumerate(layers):
        names = _PORTS + _PROBES if layer.has_weights else _PORTS
        wires += [f"layer_{index}.{name}" for name in names]
    shown = " ".join(f"w:{wire}" for wire in wires)
    return (
        f"read_verilog core.v\nhierarchy -top {TOP}\nproc\nflatten\n"
        f"cd {TOP}\nexpose {shown}\ncd ..\nopt_clean\nwrite_cxxrtl -g0 core.cc\n"
    )
