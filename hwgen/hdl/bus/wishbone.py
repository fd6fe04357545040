"""The core for a system with Wishbone B4: everything at registers, one access at a time."""

from amaranth.hdl import Cat, ClockDomain, ClockSignal, Module, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.hdl.bus.words import WordCore
from hwgen.protocol import register_map


class WishboneTop(wiring.Component):
    """Ports as `docs/soc.md` says, by their names in Verilog: a slave of classic standard cycles.

    TOKEN and FILL have room for a word; from there it goes to the core. So the bus is free while
    the core works, and never has to withdraw what it offers the core. `irq_o`: a result waits.
    """

    def __init__(self, core: wiring.Component) -> None:
        """core: a `SpikeCore` or anything with its ports."""
        self._words = WordCore(core)
        super().__init__(
            {
                "wb_clk_i": In(1),
                "wb_rst_i": In(1),
                "wb_cyc_i": In(1),
                "wb_stb_i": In(1),
                "wb_we_i": In(1),
                "wb_adr_i": In(register_map.ADDRESS_BITS),
                "wb_sel_i": In(4),
                "wb_dat_i": In(32),
                "wb_dat_o": Out(32),
                "wb_ack_o": Out(1),
                "wb_err_o": Out(1),
                "irq_o": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """`WordCore`, a word of room in front of each stream in, and the answer to an access."""
        m = Module()
        m.domains.sync = ClockDomain()
        m.d.comb += [ClockSignal().eq(self.wb_clk_i), ResetSignal().eq(self.wb_rst_i)]
        m.submodules.words = words = self._words
        asked = self.wb_cyc_i & self.wb_stb_i & ~self.wb_ack_o & ~self.wb_err_o
        answers = Signal()  # the core's register of the address has come
        # A core that takes nothing must not hold the bus for ever: then the access ends with an
        # error, and the processor can do something else.
        tired = Signal(range(register_map.PATIENCE))
        m.d.comb += [words.reg_addr.eq(self.wb_adr_i[2:]), self.irq_o.eq(words.results.valid)]
        # Not while the register on their way out is reset.
        m.d.sync += [answers.eq(asked & ~words.reset), words.reset.eq(0), tired.eq(0)]
        m.d.sync += [self.wb_ack_o.eq(0), self.wb_err_o.eq(0)]
        free = {register_map.TOKEN: _hold(m, words.tokens, words.reset)}
        if words.fills:
            free[register_map.FILL] = _hold(m, words.fill, words.reset)
        with m.If(asked & answers):
            m.d.sync += [answers.eq(0), self.wb_err_o.eq(1)]
            with m.If(self.wb_sel_i.all()), m.Switch(Cat(self.wb_adr_i[2:], self.wb_we_i)):
                for place in register_map.register_map(
                    "wishbone", learns=words.learns, fills=words.fills
                ):
                    if "r" in place.access:
                        with m.Case(place.address >> 2):
                            self._acknowledge(m)
                            self._read(m, place.address, free)
                    if "w" in place.access:
                        with m.Case(place.address >> 2 | 1 << register_map.ADDRESS_BITS - 2):
                            self._write(m, place.address, free, tired, answers)
        return m

    def _acknowledge(self, m: Module) -> None:
        m.d.sync += [self.wb_ack_o.eq(1), self.wb_err_o.eq(0)]

    def _read(self, m: Module, address: int, free) -> None:
        words = self._words
        value = words.reg_data
        if address == register_map.CONTROL:
            value = words.early_exit << register_map.EARLY_EXIT_BIT
        elif address == register_map.STATUS:
            value = (
                free[register_map.TOKEN] << register_map.ROOM_BIT
                | words.results.valid << register_map.ANSWER_BIT
            )
            if words.learns:
                value |= words.shadows.valid << register_map.SHADOW_BIT
            if words.fills:
                value |= free[register_map.FILL] << register_map.FILL_BIT
        elif address == register_map.RESULT:
            m.d.comb += words.results.ready.eq(1)
            value = words.results.payload & words.results.valid.replicate(16)
            value |= words.results.valid << register_map.VALID_BIT
        elif address == register_map.SHADOW:
            m.d.comb += words.shadows.ready.eq(1)
            value = words.shadows.payload.as_value() & words.shadows.valid.replicate(17)
            value |= words.shadows.valid << register_map.VALID_BIT
        m.d.sync += self.wb_dat_o.eq(value)

    def _write(self, m: Module, address: int, free, tired, answers) -> None:
        words = self._words
        if address == register_map.CONTROL:
            self._acknowledge(m)
            m.d.sync += [
                words.early_exit.eq(self.wb_dat_i[register_map.EARLY_EXIT_BIT]),
                words.reset.eq(self.wb_dat_i[register_map.RESET_BIT]),
            ]
            return
        held = words.tokens if address == register_map.TOKEN else words.fill
        with m.If(free[address]):
            self._acknowledge(m)
            m.d.sync += [held.payload.eq(self.wb_dat_i), held.valid.eq(1)]
        with m.Elif(tired != register_map.PATIENCE - 1):  # else the error that is set already
            m.d.sync += [self.wb_err_o.eq(0), answers.eq(1), tired.eq(tired + 1)]


def _hold(m: Module, target, reset):
    """A word for `target` in a register; whether that is free."""
    with m.If(target.ready | reset):
        m.d.sync += target.valid.eq(0)
    return ~target.valid
