"""The core for a system with AXI: words on AXI4-Streams, registers on AXI4-Lite."""

from amaranth.hdl import ClockDomain, ClockSignal, Module, Mux, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.hdl.bus.words import WordCore
from hwgen.protocol import register_map

OKAY, SLVERR, DECERR = 0, 2, 3  # responses


class AxiTop(wiring.Component):
    """Ports as `docs/soc.md` says, by their names in Verilog.

    No path leads from an input to an output but through a register, as AXI demands. What is offered
    on an output stays, even if CONTROL resets the core: the reset is over when that has been taken.
    """

    def __init__(self, core: wiring.Component) -> None:
        """core: a `SpikeCore` or anything with its ports."""
        self._words = words = WordCore(core)
        learnt: dict[str, wiring.Member] = {}
        if words.learns:
            learnt |= _stream("m_axis_shadows", Out, last=True)
        if words.fills:
            learnt |= _stream("s_axis_fill", In)
        super().__init__(
            {
                "aclk": In(1),
                "aresetn": In(1),
                **_stream("s_axis", In),
                **_stream("m_axis", Out, last=True),
                **learnt,
                "s_axil_awvalid": In(1),
                "s_axil_awready": Out(1),
                "s_axil_awaddr": In(register_map.ADDRESS_BITS),
                "s_axil_awprot": In(3),
                "s_axil_wvalid": In(1),
                "s_axil_wready": Out(1),
                "s_axil_wdata": In(32),
                "s_axil_wstrb": In(4),
                "s_axil_bvalid": Out(1),
                "s_axil_bready": In(1),
                "s_axil_bresp": Out(2),
                "s_axil_arvalid": In(1),
                "s_axil_arready": Out(1),
                "s_axil_araddr": In(register_map.ADDRESS_BITS),
                "s_axil_arprot": In(3),
                "s_axil_rvalid": Out(1),
                "s_axil_rready": In(1),
                "s_axil_rdata": Out(32),
                "s_axil_rresp": Out(2),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """`WordCore`, registers in front of all outputs, and the reset of CONTROL."""
        m = Module()
        m.domains.sync = ClockDomain()
        m.d.comb += [ClockSignal().eq(self.aclk), ResetSignal().eq(~self.aresetn)]
        m.submodules.words = words = self._words
        # AXI forbids to withdraw what was offered. So the core is reset in one cycle, but nothing
        # goes in until the old outputs have been taken.
        resetting = Signal()  # from the write until the outputs are empty
        waits = self.m_axis_tvalid
        m.d.comb += [
            words.tokens.valid.eq(self.s_axis_tvalid & ~resetting),
            words.tokens.payload.eq(self.s_axis_tdata),
            self.s_axis_tready.eq(words.tokens.ready & ~resetting),
            self.m_axis_tlast.eq(1),
        ]
        _offer(m, words.results, self.m_axis_tvalid, self.m_axis_tready)
        with m.If(words.results.valid & words.results.ready):
            m.d.sync += self.m_axis_tdata.eq(words.results.payload)
        if words.learns:
            waits = waits | self.m_axis_shadows_tvalid
            shadow = words.shadows.payload
            _offer(m, words.shadows, self.m_axis_shadows_tvalid, self.m_axis_shadows_tready)
            with m.If(words.shadows.valid & words.shadows.ready):
                m.d.sync += self.m_axis_shadows_tdata.eq(shadow.word)
                m.d.sync += self.m_axis_shadows_tlast.eq(shadow.last)
        if words.fills:
            m.d.comb += [
                words.fill.valid.eq(self.s_axis_fill_tvalid & ~resetting),
                words.fill.payload.eq(self.s_axis_fill_tdata),
                self.s_axis_fill_tready.eq(words.fill.ready & ~resetting),
            ]
        with m.If(~words.reset & ~waits):
            m.d.sync += resetting.eq(0)
        self._write(m, resetting)
        self._read(m, resetting)
        return m

    def _write(self, m: Module, resetting) -> None:
        """Address and data are taken together, in the cycle after both are there."""
        words = self._words
        takes = Signal()
        m.d.comb += [self.s_axil_awready.eq(takes), self.s_axil_wready.eq(takes)]
        with m.If(self.s_axil_bready):
            m.d.sync += self.s_axil_bvalid.eq(0)
        # Taken one after the other, address and data would need a register each.
        both = self.s_axil_awvalid & self.s_axil_wvalid
        m.d.sync += takes.eq(both & ~takes & ~self.s_axil_bvalid)
        # For one cycle, so that registers can be read while the outputs empty.
        m.d.sync += words.reset.eq(0)
        with m.If(takes):
            m.d.sync += self.s_axil_bvalid.eq(1)
            with m.Switch(self.s_axil_awaddr[2:]):
                for place in register_map.register_map("axi"):
                    with m.Case(place.address >> 2):
                        m.d.sync += self.s_axil_bresp.eq(SLVERR)
                        if place.address == register_map.CONTROL:
                            self._control(m, resetting)
                with m.Default():
                    m.d.sync += self.s_axil_bresp.eq(DECERR)

    def _control(self, m: Module, resetting) -> None:
        resets = self.s_axil_wdata[register_map.RESET_BIT]
        with m.If(self.s_axil_wstrb.all()):
            m.d.sync += [
                self.s_axil_bresp.eq(OKAY),
                self._words.early_exit.eq(self.s_axil_wdata[register_map.EARLY_EXIT_BIT]),
                self._words.reset.eq(resets),
                resetting.eq(resetting | resets),
            ]

    def _read(self, m: Module, resetting) -> None:
        """The core's registers come a cycle after their address."""
        words = self._words
        takes = Signal()
        address = self.s_axil_araddr[2:]
        m.d.comb += [self.s_axil_arready.eq(takes), words.reg_addr.eq(address)]
        with m.If(self.s_axil_rready):
            m.d.sync += self.s_axil_rvalid.eq(0)
        # Not while the register on their way out is reset.
        m.d.sync += takes.eq(self.s_axil_arvalid & ~takes & ~self.s_axil_rvalid & ~words.reset)
        with m.If(takes):
            m.d.sync += [
                self.s_axil_rvalid.eq(1),
                self.s_axil_rresp.eq(OKAY),
                self.s_axil_rdata.eq(words.reg_data),
            ]
            with m.Switch(address):
                with m.Case(register_map.CONTROL >> 2):
                    control = words.early_exit << register_map.EARLY_EXIT_BIT
                    m.d.sync += self.s_axil_rdata.eq(control | resetting << register_map.RESET_BIT)
                with m.Case(*(place.address >> 2 for place in register_map.register_map("axi"))):
                    pass
                with m.Default():
                    m.d.sync += [self.s_axil_rdata.eq(0), self.s_axil_rresp.eq(DECERR)]


def _stream(name: str, flow, *, last: bool = False) -> dict[str, wiring.Member]:
    """Ports of a stream of 16 bits."""
    ports = {f"{name}_tvalid": flow(1), f"{name}_tready": flow(1).flip(), f"{name}_tdata": flow(16)}
    return ports | ({f"{name}_tlast": flow(1)} if last else {})


def _offer(m: Module, source, valid, ready) -> None:
    """A word of `source` in registers, until it is taken. A word every other cycle at most."""
    m.d.comb += source.ready.eq(~valid)
    m.d.sync += valid.eq(Mux(valid, ~ready, source.valid))
