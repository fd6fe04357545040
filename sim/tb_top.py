"""Test bench of `UartTop`, as RTL or as a netlist on a board's pins: `hwgen.host` talks to it.

Reads `job.json`, `inputs.npy` and `params.safetensors` from the folder in HWGEN_JOB; writes
`result.json`, of its one pass. Compared with golden are decisions, their steps, and the registers.
"""

import json
import logging
import os
from contextlib import suppress
from pathlib import Path

import cocotb
import numpy as np
import outcome
from cocotb.clock import Clock
from cocotb.task import bridge, resume
from cocotb.triggers import ClockCycles
from cocotbext.uart import UartSink, UartSource
from scoreboard import BrokenError, Scoreboard, expected_registers

from hwgen.errors import LinkError
from hwgen.host import Device
from hwgen.network import params_file
from hwgen.protocol.words import Register

JOB = Path(os.environ["HWGEN_JOB"])
CLOCK_NS = 20
START_CYCLES = 600  # longer than the power-on reset of any board here
QUIET_CYCLES = 20_000  # what the host takes for a quarter of a second


class Pins:
    """The transport of a host: the line, in simulated time. Its methods run in another thread."""

    def __init__(self, rx, tx, divisor: int) -> None:
        # Half a nanosecond up, because both ends cut the bit time to whole nanoseconds.
        baud = 1e9 / (CLOCK_NS * divisor + 0.5)
        self.source, self.sink = UartSource(rx, baud=baud), UartSink(tx, baud=baud)
        self.source.log.setLevel(logging.WARNING)
        self.sink.log.setLevel(logging.WARNING)

    @resume
    async def write(self, data: bytes) -> None:
        await self.source.write(data)

    @resume
    async def read(self, timeout_s: float) -> bytes:
        await self.sink.wait(round(timeout_s * 4 * QUIET_CYCLES) * CLOCK_NS, "ns")
        return bytes(self.sink.read_nowait())

    def close(self) -> None:
        pass


class Answers:
    """What the host was told: a `decisions` a sample, and in `n_cycles` register CYCLES."""

    def __init__(self) -> None:
        self.decisions: list[int] = []
        self.n_cycles = 0


@bridge
def compare_all(pins: Pins, params, inputs, job, board: Scoreboard) -> Answers:
    """Weights, where the core waits for them; samples; registers. Until the line gives up."""
    told = Answers()
    try:
        # It compares the ID.
        with Device(pins, params, lanes=job["lanes"], session=5) as device:
            device.load()
            got = device.run(inputs)
            told.decisions = got.decisions.tolist()
            answers = zip(told.decisions, got.steps.tolist(), got.by_spike.tolist(), strict=True)
            for sample, answer in enumerate(answers):
                board.decision(sample, *answer, cycle=-1)
            registers = device.counters(len(inputs))
            told.n_cycles = registers[Register.CYCLES]
            expected = expected_registers(params, inputs, board.trace, board.first_only)
            for register, value in expected.items():
                board.compare("registers", value, registers[register], index=int(register))
            busy = int(told.n_cycles > 0)
            board.compare("registers", 1, busy, index=int(Register.CYCLES))
            board.compare("frames dropped", 0, device.line.n_dropped)
    except LinkError as error:
        with suppress(BrokenError):
            board.broken(f"answers ({error})")
    return told


@cocotb.test()
async def top_equals_golden(dut) -> None:
    job = json.loads((JOB / "job.json").read_text())
    params = params_file.load(JOB / "params.safetensors")
    (options,) = job["passes"]
    inputs = np.load(JOB / "inputs.npy")[: options["n_samples"]]
    board = Scoreboard(params, inputs, options["early_exit"])

    cocotb.start_soon(Clock(getattr(dut, job["clock"]), CLOCK_NS, "ns").start())
    pins = Pins(getattr(dut, job["rx"]), getattr(dut, job["tx"]), job["divisor"])
    if job["reset"]:
        getattr(dut, job["reset"]).value = 1
        await ClockCycles(getattr(dut, job["clock"]), 2)
        getattr(dut, job["reset"]).value = 0
    await ClockCycles(getattr(dut, job["clock"]), START_CYCLES)
    told = await compare_all(pins, params, inputs, job, board)

    done = options | board.to_json() | {"n_cycles": told.n_cycles, "decisions": told.decisions}
    done["undecided"] = board.trace.undecided.tolist()
    outcome.write(JOB, {"passes": [done]})
    assert board.mismatch is None, f"mismatch: {board.mismatch}"
