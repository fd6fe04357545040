"""Compiled cores, right ones and wrong ones."""

from dataclasses import replace

from amaranth.hdl import Signal

from hwgen.hdl.verilog import to_verilog
from hwgen.hdl.weights.readback import Readback
from hwgen.network.design import Design
from hwgen.verification import compiled_core
from hwgen.verification.cxxrtl_session import Compiled


def build(net, lanes, cache, text=None, bench=None):
    text = text or to_verilog(Design(net, lanes))
    library = compiled_core.library(text, net.spec.layers, cache=cache, bench=bench)
    return Compiled(library, net, lanes)


SHADOWS = "shadow weights"


def taught(net, **how):
    """The same, but it learns otherwise."""
    return replace(net, spec=replace(net.spec, learning=replace(net.spec.learning, **how)))


class EndsEarly(Readback):
    """Says at the end of every word that it was the last."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.o.payload.last.eq(1)
        return m


class Flickers(Readback):
    """Withdraws what it offers."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        on = Signal()
        m.d.sync += on.eq(~on)
        with m.If(on):
            m.d.comb += self.o.valid.eq(0)
        return m


def wrong_core(net, lanes, **how):
    """The Verilog of a core that learns otherwise, but calls itself by the right digest."""
    wrong = taught(net, **how)
    text = to_verilog(Design(wrong, lanes))
    for part in (slice(0, 8), slice(8, 16)):
        text = text.replace(
            f"32'd{int(wrong.digest[part], 16)}", f"32'd{int(net.digest[part], 16)}"
        )
    return text
