"""Verilog text of a core: the same text on every run and every machine."""

from collections.abc import Sequence

from amaranth.back import verilog

import hwgen
from hwgen.hdl.core import SpikeCore
from hwgen.params import Params

TOP = "hwgen_core"


def to_verilog(params: Params, lanes: Sequence[int], *, spram: bool = False) -> str:
    """The core as Verilog, module `hwgen_core`; ports are documented in `docs/architecture.md`.

    `spram`: as of `SpikeCore`; in place of the part's own memory there is one for simulators.
    """
    core = SpikeCore(params, lanes, spram=spram)
    text: str = verilog.convert(core, name=TOP, emit_src=False, strip_internal_attrs=True)
    header = (
        f"// {TOP}: {params.name}, {params.spec.shape}, {params.spec.n_steps} steps\n"
        f"// params {params.digest}\n"
        f"// lanes {' '.join(map(str, lanes))}\n"
        f"// hwgen {hwgen.__version__}\n"
    )
    return header + text
