"""Test bench of `hwgen_axi`, by the streams and the master of cocotbext-axi; see `soc_bench`."""

import logging
import re

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge, Timer
from cocotbext.axi import (
    AxiLiteBus,
    AxiLiteMaster,
    AxiStreamBus,
    AxiStreamSink,
    AxiStreamSource,
)
from soc_bench import CLOCK_NS, OKAY, Held, Port, judge

from hwgen.protocol import register_map
from hwgen.protocol.words import Register

N_AT_ONCE = 20
POKED = 0.1  # of all cycles
INPUT = re.compile(
    r"s_axis\w*_(tvalid|tdata)|m_axis\w*_tready|s_axil_((aw|w|ar)(valid|addr|data|strb)|[br]ready)"
)


class AxiPort(Port):
    no_register, refused = 3, 2  # DECERR, SLVERR

    def __init__(self, dut, clock, *rest) -> None:
        super().__init__(dut, clock, *rest)
        logging.getLogger("cocotb").setLevel(logging.WARNING)
        self.tokens = self._source("s_axis")
        self.results, self.words = self._sink("m_axis"), []
        self.has_shadows = hasattr(dut, "m_axis_shadows_tvalid")
        if self.has_shadows:
            self.weights, self.shadow_words = self._sink("m_axis_shadows"), []
        if hasattr(dut, "s_axis_fill_tvalid"):
            self.filling = self._source("s_axis_fill")
        bus = AxiLiteBus.from_prefix(dut, "s_axil")
        self.master = AxiLiteMaster(bus, clock, dut.aresetn, reset_active_level=False)
        both = self.master.write_if, self.master.read_if
        for channel in (both[0].aw_channel, both[0].w_channel, both[0].b_channel):
            channel.set_pause_generator(self._pauses())
        for channel in (both[1].ar_channel, both[1].r_channel):
            channel.set_pause_generator(self._pauses())

    def _pauses(self):
        while True:
            yield self.rng.random() < self.stall

    def _source(self, name):
        bus = AxiStreamBus.from_prefix(self.dut, name)
        source = AxiStreamSource(bus, self.clock, self.dut.aresetn, reset_active_level=False)
        source.set_pause_generator(self._pauses())
        return source

    def _sink(self, name):
        bus = AxiStreamBus.from_prefix(self.dut, name)
        sink = AxiStreamSink(bus, self.clock, self.dut.aresetn, reset_active_level=False)
        sink.set_pause_generator(self._pauses())
        return sink

    async def start(self) -> None:
        cocotb.start_soon(Clock(self.clock, CLOCK_NS, "ns").start())
        self.dut.aresetn.value = 0
        await ClockCycles(self.clock, 3)
        self.dut.aresetn.value = 1
        cocotb.start_soon(self._watch())
        cocotb.start_soon(self.watch_core())
        cocotb.start_soon(self._poke())

    async def _watch(self) -> None:
        """All that the design offers, whatever CONTROL says."""
        dut = self.dut
        results = self._held("m_axis", "t", "tdata", "tlast")
        others = [self._held("s_axil", "b", "bresp"), self._held("s_axil", "r", "rdata", "rresp")]
        if self.has_shadows:
            shadows = self._held("m_axis_shadows", "t", "tdata", "tlast")
        while True:
            await RisingEdge(self.clock)
            word = results.look()
            if word:
                self.words.append(word[0])
                self.compare("tlast", -1, 1, word[1])
            if self.has_shadows:
                word = shadows.look()
                if word:
                    self.shadow_words.append(tuple(word))
            for held in others:
                held.look()
            self.compare(
                "a response at a time",
                -1,
                False,
                bool(dut.s_axil_bvalid.value) and bool(dut.s_axil_awready.value),
            )

    async def _poke(self) -> None:
        """Inputs that change between clock edges must not move an output: AXI wants registers."""
        dut = self.dut
        ports = [signal for signal in dut if signal._name.startswith(("s_ax", "m_ax"))]
        inputs = [signal for signal in ports if INPUT.fullmatch(signal._name)]
        outputs = [signal for signal in ports if signal not in inputs]
        while True:
            await FallingEdge(self.clock)
            if self.rng.random() < POKED:
                before = [signal.value for signal in outputs]
                saved = [signal.value for signal in inputs]
                for signal in inputs:
                    signal.value = self.rng.randrange(1 << len(signal))
                await Timer(1, "ns")
                for signal, value in zip(outputs, before, strict=True):
                    same = str(signal.value) == str(value)
                    self.compare(f"{signal._name} between clock edges", -1, True, same)
                for signal, value in zip(inputs, saved, strict=True):
                    signal.value = value

    def _held(self, bus, channel, *payload) -> Held:
        valid, ready, *fields = (
            getattr(self.dut, f"{bus}_{name}")
            for name in (f"{channel}valid", f"{channel}ready", *payload)
        )
        return Held(f"{bus}_{channel}", self.compare, valid, ready, *fields)

    async def send(self, words) -> None:
        await self.tokens.send(b"".join(word.to_bytes(2, "little") for word in words))
        await self.tokens.wait()

    async def fill(self, values) -> None:
        await self.filling.send(b"".join(value.to_bytes(2, "little") for value in values))
        await self.filling.wait()

    async def _take(self, found, n):
        while len(found) < n:
            await RisingEdge(self.clock)
        taken = found[:n]
        del found[:n]
        return taken

    async def answers(self, n) -> list[int]:
        return await self._take(self.words, n)

    async def shadows(self, n):
        return await self._take(self.shadow_words, n)

    async def read(self, address) -> tuple[int, int]:
        answer = await self.master.read(address, 4)
        return int.from_bytes(answer.data, "little"), int(answer.resp)

    async def write(self, address, value, n_bytes=4) -> int:
        answer = await self.master.write(address, value.to_bytes(4, "little")[:n_bytes])
        return int(answer.resp)

    async def _reset(self, control, sink, valid) -> None:
        """While a word of a stream waits: the reset lasts until that has been taken."""
        while not valid.value:
            await RisingEdge(self.clock)
        self.compare("response to reset", -1, OKAY, await self.write(register_map.CONTROL, control))
        got, _ = await self.read(register_map.CONTROL)
        self.compare("reset goes on while a word waits", -1, control, got)
        sink.set_pause_generator(self._pauses())
        while (await self.read(register_map.CONTROL))[0] >> register_map.RESET_BIT & 1:
            pass
        await ClockCycles(self.clock, 5)

    async def interrupted(self, control, first, cut, answer) -> None:
        self.results.clear_pause_generator()
        self.results.pause = True
        await self.send(first + cut)
        await self._reset(control, self.results, self.dut.m_axis_tvalid)
        self.compare("results of before the reset", -1, 1, len(self.words))
        self.compare("result of before the reset", -1, answer, self.words.pop())
        digest = int(self.params.digest[:8], 16)
        for _ in range(N_AT_ONCE):  # registers can be read whenever the core is reset
            writing = cocotb.start_soon(self.write(register_map.CONTROL, control))
            self.compare("ID0 during a reset", -1, digest, (await self.read(4 * Register.ID0))[0])
            await writing

    async def cut_short(self) -> None:
        self.weights.clear_pause_generator()
        self.weights.pause = True
        await self._reset(1 << register_map.RESET_BIT, self.weights, self.dut.m_axis_shadows_tvalid)
        self.shadow_words.clear()


@cocotb.test()
async def axi_equals_golden(dut) -> None:
    await judge(dut, dut.aclk, AxiPort)
