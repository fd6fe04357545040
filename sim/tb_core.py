"""Test bench of `hwgen_core`: all layers, decisions, final potentials and registers against golden.

Reads `job.json`, `inputs.npy` and `params.safetensors` from the folder in HWGEN_JOB; writes
`result.json`, and the number of samples done to `progress`. With stalls, a reset cuts off other
samples before, tokens that the core must drop go in between, and registers are asked for.
"""

import json
import os
import random
from contextlib import suppress
from pathlib import Path

import cocotb
import numpy as np
import outcome
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge
from scoreboard import BrokenError, Scoreboard, expected_registers

from hwgen.network import params_file
from hwgen.protocol.tokens import Kind, Token, sample_tokens
from hwgen.protocol.words import VERSION, Register
from hwgen.verification.mismatch import HANG, UNKNOWN

JOB = Path(os.environ["HWGEN_JOB"])
QUIET_CYCLES = 20_000  # nothing moves for so long, and for two more a neuron: a deadlock
STRAYS = 8  # of so many stalls, one is a token that the core must drop
LONG = 64  # of so many waits for the receiver of results, one is so long that the core must stop
LONG_CYCLES = 300


def width(n: int) -> int:
    return max(1, (n - 1).bit_length())


def signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


class Neurons:
    """Which neuron the fields of a token name: channel, column, row, or an index of a vector."""

    def __init__(self, shape) -> None:
        self.shape = shape
        if shape.height == shape.width == 1:
            self.widths = (width(shape.channels), 0, 0)
        else:
            self.widths = tuple(width(n) for n in (shape.channels, shape.width, shape.height))

    def index(self, bits: int) -> int:
        """The index of the neuron; -1 if there is no such place."""
        fields = []
        for n_bits in self.widths:
            fields.append(bits & ((1 << n_bits) - 1))
            bits >>= n_bits
        channel, column, row = fields
        if channel >= self.shape.channels or column >= self.shape.width or row >= self.shape.height:
            return -1
        return (row * self.shape.width + column) * self.shape.channels + channel


class LayerMonitor:
    """Watches a layer's output stream and its probe; both are ports of the layer's module."""

    def __init__(self, handle, layer, lanes, board) -> None:
        self.valid, self.ready = handle.o__valid, handle.o__ready
        self.payload = handle.o__payload
        self.board, self.neurons = board, Neurons(layer.post)
        self.lanes, self.n_filters = lanes, layer.n_thresholds
        self.has_state = layer.has_weights
        if self.has_state:
            self.strobe, self.block = handle.probe_strobe, handle.probe_block
            self.word = handle.probe_word
            self.bits = layer.potential_bits
            self.lane_bits = layer.potential_bits + layer.slope_bits + 1  # and whether it fired
            self.n_blocks = -(-layer.n_thresholds // lanes)  # words of a position
        self.held = None

    def sample(self, cycle: int) -> bool:
        """Look at this cycle's signals; whether something moved."""
        moved = self.has_state and bool(self.strobe.value)
        if moved:
            self._word(int(self.block.value), int(self.word.value), cycle)
        payload = int(self.payload.value) if self.valid.value else -1
        if self.held is not None:
            self.board.held(self.held, payload, cycle)
        self.held = payload if self.valid.value and not self.ready.value else None
        if not (self.valid.value and self.ready.value):
            return moved
        self._token(payload & 3, payload >> 2, cycle)
        return True

    def _token(self, kind: int, place: int, cycle: int) -> None:
        if kind == Kind.SPIKE:
            self.board.spike(self.neurons.index(place), cycle)
        elif kind == Kind.END_OF_STEP:
            self.board.end_of_step(cycle)
        elif kind == Kind.END_OF_SAMPLE:
            self.board.end_of_sample(cycle)
        elif self.has_state:  # a final potential, for the readout
            value = place >> sum(self.neurons.widths) & ((1 << self.bits) - 1)
            self.board.shown(self.neurons.index(place), signed(value, self.bits), cycle)

    def _word(self, block: int, word: int, cycle: int) -> None:
        position, block = divmod(block, self.n_blocks)
        potentials = {}
        for lane in range(min(self.lanes, self.n_filters - block * self.lanes)):
            value = word >> (lane * self.lane_bits) & ((1 << self.bits) - 1)
            index = position * self.n_filters + block * self.lanes + lane
            potentials[index] = signed(value, self.bits)
        self.board.word(potentials, cycle)


class Bench:
    """Drives samples, watches everything, one wake-up a clock cycle."""

    def __init__(self, dut, params, lanes, board, rng, stall) -> None:
        self.dut, self.params, self.board = dut, params, board
        self.out_valid, self.out_ready, self.in_ready = dut.o__valid, dut.o__ready, dut.i__ready
        self.finished = dut.readout.finished
        self.index_bits = len(dut.i__payload) - 2
        self.accepts, self.inside, self.in_flight, self.busy_cycles = False, False, 0, 0
        self.rng, self.stall, self.cycle, self.moved = rng, stall, 0, 0
        self.deaf = 0  # cycles in which no result is taken
        self.quiet_limit = QUIET_CYCLES + 2 * sum(layer.n_post for layer in params.spec.layers)
        self.started: list[int] = []  # cycle in which a sample's first token went in
        self.decided: list[int] = []  # cycle in which its result came out
        self.labels: list[int] = []
        self.monitors = [
            LayerMonitor(getattr(dut, f"layer_{index}"), layer, lanes[index], board.layer(index))
            for index, layer in enumerate(params.spec.layers)
        ]

    async def edge(self) -> None:
        await RisingEdge(self.dut.clk)
        self.cycle += 1
        try:
            self.look()
        except ValueError:  # of an X or Z
            self.board.broken(UNKNOWN, sample=len(self.decided), cycle=self.cycle)
        if self.stall:
            if not self.deaf and self.rng.random() < self.stall:
                is_long = self.rng.random() < 1 / LONG
                self.deaf = self.rng.randrange(LONG_CYCLES) + 1 if is_long else 1
            self.dut.o__ready.value = int(not self.deaf)
            self.deaf -= self.deaf > 0
            if self.rng.random() < self.stall:
                self.dut.reg_addr.value = self.rng.randrange(len(Register))
        if self.cycle - self.moved >= self.quiet_limit:
            self.board.broken(HANG, sample=len(self.decided), cycle=self.cycle)

    def look(self) -> None:
        """Take note of a cycle's signals."""
        # A sample is inside from the cycle after its first token until the readout has done.
        self.busy_cycles += self.inside or self.in_flight > 0
        self.in_flight -= int(self.finished.value)
        self.accepts = bool(self.in_ready.value)
        for monitor in self.monitors:
            if monitor.sample(self.cycle):
                self.moved = self.cycle
        if self.out_valid.value and self.out_ready.value:
            self._result(int(self.dut.o__payload.value))

    def _result(self, payload: int) -> None:
        label_bits = width(self.params.spec.n_classes)
        label, rest = payload & ((1 << label_bits) - 1), payload >> label_bits
        sample, self.moved = len(self.decided), self.cycle
        self.decided.append(self.cycle)
        self.labels.append(label)
        if sample < len(self.board.trace.decisions):
            self.board.decision(sample, label, rest & 0xFF, rest >> 8, self.cycle)

    async def put(self, token) -> None:
        """Until a token is taken."""
        while self.rng.random() < self.stall:
            await self.edge()
        self.dut.i__payload.value = token.index << 2 | token.kind
        self.dut.i__valid.value = 1
        await self.edge()
        while not self.accepts:
            await self.edge()
        self.moved = self.cycle
        self.dut.i__valid.value = 0
        self.in_flight += token.kind == Kind.END_OF_SAMPLE
        if token.kind != Kind.POTENTIAL:
            self.inside = token.kind != Kind.END_OF_SAMPLE

    async def send(self, tokens) -> None:
        """The tokens of a sample."""
        for position, token in enumerate(tokens):
            if position and self.rng.random() < self.stall / STRAYS:
                await self.put(self.stray())
                self.board.n_dropped += 1
            await self.put(token)
            if position == 0:
                self.started.append(self.cycle)

    def stray(self) -> Token:
        """A spike of no input, if an index can say so, or a POTENTIAL."""
        n, n_inputs = 1 << self.index_bits, self.params.spec.input.n_inputs
        if n_inputs < n and self.rng.random() < 0.5:
            return Token(Kind.SPIKE, self.rng.randrange(n_inputs, n))
        return Token(Kind.POTENTIAL, self.rng.randrange(n))

    async def run(self, inputs, order, done) -> None:
        for index, times in enumerate(inputs):
            await self.send(sample_tokens(times, self.params.spec.n_input_steps, order))
            (JOB / "progress").write_text(str(done + index + 1))
            if self.board.mismatch:
                return
        await self.finish(len(inputs))

    async def finish(self, n) -> None:
        """Wait for the last of n samples, and see whether all have come."""
        last = self.monitors[-1].board
        while len(self.decided) < n or last.sample < n:
            await self.edge()
        for _ in range(4):
            await self.edge()
        self.board.compare("decisions", n, len(self.decided), cycle=self.cycle)
        for monitor in self.monitors:
            monitor.board.finish(self.cycle)


async def read_register(dut, register) -> int:
    dut.reg_addr.value = int(register)
    await RisingEdge(dut.clk)
    await RisingEdge(dut.clk)
    await RisingEdge(dut.clk)
    return int(dut.reg_data.value)


async def reset(dut, early_exit: bool) -> None:
    dut.rst.value = 1
    for signal in (dut.i__valid, dut.i__payload, dut.reg_addr):
        signal.value = 0
    dut.o__ready.value = 1
    dut.early_exit.value = int(early_exit)
    for _ in range(2):
        await RisingEdge(dut.clk)
    dut.rst.value = 0
    await RisingEdge(dut.clk)


async def interrupt(dut, params, inputs, rng) -> None:
    """Reset that cuts off two other samples, anywhere: nothing of them may be left."""
    pair = [inputs[rng.randrange(len(inputs))] for _ in range(2)]
    tokens = [token for times in pair for token in sample_tokens(times, params.spec.n_input_steps)]
    await reset(dut, False)
    dut.i__valid.value = 1
    for token in tokens[: rng.randrange(len(tokens))]:
        dut.i__payload.value = token.index << 2 | token.kind
        for _ in range(QUIET_CYCLES):
            await RisingEdge(dut.clk)
            if dut.i__ready.value == 1:
                break


async def check_registers(dut, params, inputs, board, busy_cycles) -> None:
    digest = params.digest
    expected = {
        Register.ID0: int(digest[:8], 16),
        Register.ID1: int(digest[8:16], 16),
        Register.VERSION: VERSION,
        Register.CYCLES: busy_cycles,
    }
    expected |= expected_registers(params, inputs, board.trace, board.first_only)
    expected[Register.DROPPED] = board.n_dropped
    for register, value in expected.items():
        got = await read_register(dut, register)
        board.compare("registers", value, got, index=int(register))


@cocotb.test()
async def core_equals_golden(dut) -> None:
    """Each pass of the job: all samples from reset, with its stalls and its early exit."""
    job = json.loads((JOB / "job.json").read_text())
    params = params_file.load(JOB / "params.safetensors")
    everything = np.load(JOB / "inputs.npy")
    n_done = 0
    cocotb.start_soon(Clock(dut.clk, 10, "ns", impl="gpi").start())
    passes = []
    for number, options in enumerate(job["passes"]):
        inputs = everything[: options["n_samples"]]
        board = Scoreboard(params, inputs, options["early_exit"])
        seed = job["seed"] + number
        bench = Bench(dut, params, job["lanes"], board, random.Random(seed), options["stall"])
        if options["stall"]:
            await interrupt(dut, params, everything, bench.rng)
        await reset(dut, options["early_exit"])
        with suppress(BrokenError):
            await bench.run(inputs, np.random.default_rng(seed), n_done)
        n_done += len(inputs)
        if board.mismatch is None:
            await check_registers(dut, params, inputs, board, bench.busy_cycles)
        latencies = [end - start for start, end in zip(bench.started, bench.decided, strict=False)]
        passes.append(
            options
            | board.to_json()
            | {"latency_cycles": latencies, "n_cycles": bench.cycle}
            | {"decisions": bench.labels, "undecided": board.trace.undecided.tolist()}
        )
        outcome.write(JOB, {"passes": passes})
        if board.mismatch:
            raise AssertionError(f"{board.mismatch}")
