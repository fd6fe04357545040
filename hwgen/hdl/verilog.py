"""Verilog text of a core: the same text on every run and every machine."""

from collections.abc import Sequence

from amaranth.back import verilog
from amaranth.lib import wiring

import hwgen
from hwgen.hdl.bus.axi import AxiTop
from hwgen.hdl.bus.wishbone import WishboneTop
from hwgen.hdl.core import SpikeCore
from hwgen.network.params import Params
from hwgen.protocol import register_map

TOP = "hwgen_core"
_WRAPPERS = {"axi": AxiTop, "wishbone": WishboneTop}


def to_verilog(params: Params, lanes: Sequence[int], *, spram: bool | Sequence[int] = False) -> str:
    """The core as Verilog, module `hwgen_core`; ports are documented in `docs/architecture.md`.

    `spram`: as of `SpikeCore`; in place of the part's own memory there is one for simulators.
    """
    return _text(SpikeCore(params, lanes, spram=spram), TOP, params, lanes)


def soc_verilog(
    params: Params, lanes: Sequence[int], bus: register_map.Bus, *, spram: bool = False
) -> str:
    """The core with a bus as Verilog, module `register_map.TOPS[bus]`; ports: `docs/soc.md`."""
    core = SpikeCore(params, lanes, spram=spram)
    return _text(_WRAPPERS[bus](core), register_map.TOPS[bus], params, lanes)


def _text(component: wiring.Component, top: str, params: Params, lanes: Sequence[int]) -> str:
    text: str = verilog.convert(component, name=top, emit_src=False, strip_internal_attrs=True)
    header = (
        f"// {top}: {params.name}, {params.spec.shape}, {params.spec.n_steps} steps\n"
        f"// params {params.digest}\n"
        f"// lanes {' '.join(map(str, lanes))}\n"
        f"// hwgen {hwgen.__version__}\n"
    )
    return header + text
