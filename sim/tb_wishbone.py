"""Test bench of `hwgen_wishbone`, by a master of its own; see `soc_bench`."""

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, Lock, RisingEdge
from soc_bench import CLOCK_NS, OKAY, Port, judge

from hwgen.protocol import register_map
from hwgen.protocol.words import Register

ERROR = 1
LONGEST = 1 << 17  # cycles of an access: it ends, whatever the core does


class Master:
    """A master of Wishbone B4, classic standard cycles, which pauses between and, with CYC high,
    within cycles; and the rules of a slave."""

    def __init__(self, dut, clock, compare, rng, stall) -> None:
        self.dut, self.clock, self.compare = dut, clock, compare
        self.rng, self.stall = rng, stall
        for name in ("cyc", "stb", "we", "adr", "sel", "dat"):
            getattr(dut, f"wb_{name}_i").value = 0

    async def watch(self) -> None:
        dut, before = self.dut, False
        while True:
            await RisingEdge(self.clock)
            ends = int(dut.wb_ack_o.value) + int(dut.wb_err_o.value)
            asked = bool(dut.wb_cyc_i.value) and bool(dut.wb_stb_i.value)
            self.compare("ACK or ERR", -1, True, ends < 2)
            self.compare("an end only of a cycle that goes on", -1, True, asked or not ends)
            self.compare("an end takes one clock", -1, False, bool(ends) and before)
            before = bool(ends)

    async def access(self, address, data=None, sel=15) -> tuple[int, int]:
        """Read, or write `data`; what was read, and whether it was an error."""
        dut = self.dut
        while self.rng.random() < self.stall:  # what is on the bus then is not for us
            dut.wb_cyc_i.value, dut.wb_stb_i.value = self.rng.choice([(0, 0), (0, 1), (1, 0)])
            self._drive(self.rng.randrange(256), self.rng.randrange(1 << 32), 15, 1)
            await RisingEdge(self.clock)
        dut.wb_cyc_i.value, dut.wb_stb_i.value = 1, 1
        self._drive(address, data or 0, sel, data is not None)
        for _ in range(LONGEST):
            await RisingEdge(self.clock)
            if dut.wb_ack_o.value or dut.wb_err_o.value:
                break
        else:
            self.compare(f"access to {address:#x} ends", -1, 1, 0)
        value, error = int(dut.wb_dat_o.value), int(dut.wb_err_o.value)
        dut.wb_stb_i.value = 0
        if self.rng.random() < 0.5 or not self.stall:
            dut.wb_cyc_i.value = 0
        if self.rng.random() < 0.5:  # else the next one follows at once
            await RisingEdge(self.clock)
        return value, error

    def _drive(self, address, data, sel, write) -> None:
        self.dut.wb_adr_i.value, self.dut.wb_dat_i.value = address, data
        self.dut.wb_sel_i.value, self.dut.wb_we_i.value = sel, int(write)


class WishbonePort(Port):
    no_register = refused = ERROR

    def __init__(self, dut, clock, params, lanes, compare, rng, stall) -> None:
        super().__init__(dut, clock, params, lanes, compare, rng, stall)
        self.master = Master(dut, clock, compare, rng, stall)
        self.lock = Lock()

    async def start(self) -> None:
        cocotb.start_soon(Clock(self.clock, CLOCK_NS, "ns").start())
        self.dut.wb_rst_i.value = 1
        await ClockCycles(self.clock, 3)
        self.dut.wb_rst_i.value = 0
        await RisingEdge(self.clock)
        cocotb.start_soon(self.master.watch())
        cocotb.start_soon(self.watch_core())

    async def _access(self, address, data=None, sel=15):
        """One at a time, of whoever asks."""
        async with self.lock:
            return await self.master.access(address, data, sel)

    async def read(self, address) -> tuple[int, int]:
        return await self._access(address)

    async def write(self, address, value, n_bytes=4) -> int:
        return (await self._access(address, value, (1 << n_bytes) - 1))[1]

    async def _put(self, address, words, bit) -> None:
        """Blindly now and then: such a write may wait long, and must not hurt."""
        for word in words:
            while (
                self.rng.random() < 0.7 and not (await self.read(register_map.STATUS))[0] >> bit & 1
            ):
                pass
            while await self.write(address, word) != OKAY:
                await RisingEdge(self.clock)

    async def send(self, words) -> None:
        await self._put(register_map.TOKEN, words, register_map.ROOM_BIT)

    async def fill(self, values) -> None:
        await self._put(register_map.FILL, values, register_map.FILL_BIT)

    async def _take(self, address, n) -> list[int]:
        """What a register gives that says whether it had anything."""
        found: list[int] = []
        while len(found) < n:
            got, response = await self.read(address)
            self.compare(f"response to reading {address:#x}", -1, OKAY, response)
            if got >> register_map.VALID_BIT:
                found.append(got & ~(1 << register_map.VALID_BIT))
            else:
                self.compare("no word where there is none", -1, 0, got)
        return found

    async def answers(self, n) -> list[int]:
        return await self._take(register_map.RESULT, n)

    async def shadows(self, n):
        return [(word & 0xFFFF, word >> 16) for word in await self._take(register_map.SHADOW, n)]

    async def _refusals(self) -> None:
        """What TOKEN and RESULT do not do."""
        for n_bytes in (1, 2, 3):
            response = await self.write(register_map.TOKEN, 0x3FFF, n_bytes)
            self.compare(f"response to {n_bytes} bytes of a token", -1, ERROR, response)
        self.compare(
            "response to reading TOKEN", -1, ERROR, (await self.read(register_map.TOKEN))[1]
        )
        self.compare(
            "response to writing RESULT", -1, ERROR, await self.write(register_map.RESULT, 0)
        )

    async def _waits(self, bit) -> None:
        while not (await self.read(register_map.STATUS))[0] >> bit & 1:
            pass

    async def _partial_reads(self, address) -> None:
        """Must not take the word."""
        for sel in (1, 7, 14):
            response = (await self._access(address, sel=sel))[1]
            self.compare(f"response to reading bytes of {address:#x}", -1, ERROR, response)

    async def _reset(self, control) -> None:
        self.compare("response to reset", -1, OKAY, await self.write(register_map.CONTROL, control))
        await ClockCycles(self.clock, 3)
        self.compare("irq_o", -1, False, bool(self.dut.irq_o.value))
        # No result, no shadow weight, and room.
        self.compare(
            "STATUS", -1, 1 << register_map.ROOM_BIT, (await self.read(register_map.STATUS))[0] & 7
        )
        self.compare("RESULT after the reset", -1, 0, (await self.read(register_map.RESULT))[0])

    async def interrupted(self, control, first, cut, answer) -> None:
        await self._refusals()
        await self.send(first)
        await self._waits(register_map.ANSWER_BIT)
        self.compare("irq_o", -1, True, bool(self.dut.irq_o.value))
        await self._partial_reads(register_map.RESULT)
        self.compare("result before the reset", -1, answer, (await self.answers(1))[0])
        self.compare("irq_o", -1, False, bool(self.dut.irq_o.value))
        await self.send(cut)
        await self._reset(control)
        await self.send(first)
        await self._waits(register_map.ANSWER_BIT)
        await self._reset(control)

    async def cut_short(self) -> None:
        await self._waits(register_map.SHADOW_BIT)
        await self._partial_reads(register_map.SHADOW)
        # The core takes none now: the first waits in the wrapper, the second in vain.
        self.compare("response to a token", -1, OKAY, await self.write(register_map.TOKEN, 0))
        self.compare("STATUS", -1, 0, (await self.read(register_map.STATUS))[0] & 1)
        self.compare("response to no room", -1, ERROR, await self.write(register_map.TOKEN, 1))
        await self._reset(1 << register_map.RESET_BIT)
        await ClockCycles(self.clock, 50)
        self.compare("EVENTS", -1, 0, (await self.read(4 * Register.EVENTS))[0])


@cocotb.test()
async def wishbone_equals_golden(dut) -> None:
    await judge(dut, dut.wb_clk_i, WishbonePort)
