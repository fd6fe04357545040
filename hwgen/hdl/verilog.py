"""Verilog text of a core: the same text on every run and every machine."""

from amaranth.back import verilog
from amaranth.lib import wiring

import hwgen
from hwgen.hdl.bus.axi import AxiTop
from hwgen.hdl.bus.wishbone import WishboneTop
from hwgen.hdl.core import SpikeCore
from hwgen.network.design import Design
from hwgen.protocol import register_map

TOP = "hwgen_core"
_WRAPPERS = {"axi": AxiTop, "wishbone": WishboneTop}


def to_verilog(design: Design) -> str:
    """The core as Verilog, module `hwgen_core`; ports are documented in `docs/architecture.md`.

    In place of a part's large memories there are such for simulators.

    Verilog-2005, with a header that names the params by their digest. Raises `ParamsError` if they
    break the contract, ValueError if lanes are out of range.
    """
    return _text(SpikeCore(design), TOP, design)


def soc_verilog(design: Design, bus: register_map.Bus) -> str:
    """The core with a bus as Verilog, module `register_map.TOPS[bus]`; ports: `docs/soc.md`.

    bus: "axi" or "wishbone". Raises as `to_verilog`; ValueError, too, of a core whose weights are
    loaded or that has too many classes for an answer.
    """
    return _text(_WRAPPERS[bus](SpikeCore(design)), register_map.TOPS[bus], design)


def _text(component: wiring.Component, top: str, design: Design) -> str:
    params = design.params
    # Positions of source text would differ from machine to machine, and with each change of a
    # comment.
    text: str = verilog.convert(component, name=top, emit_src=False, strip_internal_attrs=True)
    header = (
        f"// {top}: {params.name}, {params.spec.shape}, {params.spec.n_steps} steps\n"
        f"// params {params.digest}\n"
        f"// lanes {' '.join(map(str, design.lanes))}\n"
        f"// hwgen {hwgen.__version__}\n"
    )
    return header + text
