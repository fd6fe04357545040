"""Test bench of `UartTop`, as RTL or as a netlist on a board's pins: talks to it over the line.

Reads `job.json`, `inputs.npy` and `params.safetensors` from the folder in HWGEN_JOB; writes
`result.json`. Everything is compared with golden: decisions, their steps, and the registers.
"""

import json
import logging
import os
from pathlib import Path

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, Timer
from cocotbext.uart import UartSink, UartSource

from hwgen import params as params_file
from hwgen.events import sample_tokens
from hwgen.golden import Golden
from hwgen.protocol import BY_SPIKE_BIT, VERSION, Register, register_request, token_word

JOB = Path(os.environ["HWGEN_JOB"])
CLOCK_NS = 20
START_CYCLES = 600  # longer than the power-on reset of any board here
N_POLLS = 50
ANSWER_CYCLES = 100_000  # an answer takes far less, once its question is through


class Comparison:
    """Counts what was compared; keeps the first difference."""

    def __init__(self) -> None:
        self.n_compared = 0
        self.mismatch: dict[str, object] | None = None

    def __call__(self, what: str, sample: int, expected: int, got: int) -> None:
        self.n_compared += 1
        if expected != got and self.mismatch is None:
            self.mismatch = {"what": what, "sample": sample, "expected": expected, "got": got}


class Host:
    """The other end of the line."""

    def __init__(self, rx, tx, divisor: int) -> None:
        # Half a nanosecond up, because both ends cut the bit time to whole nanoseconds.
        self.byte_cycles = 10 * divisor
        baud = 1e9 / (CLOCK_NS * divisor + 0.5)
        self.source, self.sink = UartSource(rx, baud=baud), UartSink(tx, baud=baud)
        self.source.log.setLevel(logging.WARNING)
        self.sink.log.setLevel(logging.WARNING)

    async def ask(self, question: bytes, n_answer: int) -> bytes | None:
        """Send, then wait for an answer of that length; None if it does not come."""
        await self.source.write(question)
        await self.source.wait()
        for _ in range(ANSWER_CYCLES // self.byte_cycles):
            if self.sink.count() >= n_answer:
                break
            await Timer(self.byte_cycles * CLOCK_NS, "ns")
        return bytes(self.sink.read_nowait(n_answer)) if self.sink.count() >= n_answer else None

    async def register(self, register: Register) -> int:
        answer = await self.ask(register_request(register), 4)
        return -1 if answer is None else int.from_bytes(answer, "big")


def expected_registers(params, inputs, trace, early_exit: bool) -> dict[Register, int]:
    """What golden says the counters must be after all samples."""
    n_steps = params.spec.n_steps
    expected = {Register.SAMPLES: len(inputs), Register.DROPPED: 0}
    if not early_exit:
        expected[Register.EVENTS] = int((inputs < n_steps).sum())
        expected[Register.SPIKES] = sum(int((t < n_steps).sum()) for t in trace.spike_times)
        expected[Register.SYNAPTIC_OPS] = int(trace.synaptic_ops.sum()) % 2**32
    return expected


@cocotb.test()
async def top_equals_golden(dut) -> None:
    job = json.loads((JOB / "job.json").read_text())
    params = params_file.load(JOB / "params.safetensors")
    inputs = np.load(JOB / "inputs.npy")
    trace, n_steps = Golden(params).run(inputs), params.spec.n_steps
    compare = Comparison()

    cocotb.start_soon(Clock(getattr(dut, job["clock"]), CLOCK_NS, "ns").start())
    host = Host(getattr(dut, job["rx"]), getattr(dut, job["tx"]), job["divisor"])
    if job["reset"]:
        getattr(dut, job["reset"]).value = 1
        await ClockCycles(getattr(dut, job["clock"]), 2)
        getattr(dut, job["reset"]).value = 0
    await ClockCycles(getattr(dut, job["clock"]), START_CYCLES)

    identity = {
        Register.ID0: int(params.digest[:8], 16),
        Register.ID1: int(params.digest[8:16], 16),
        Register.VERSION: VERSION,
        Register.SHAPE: n_steps << 16 | params.spec.n_classes,
    }
    for register, value in identity.items():
        compare(register.name, -1, value, await host.register(register))
    for index, times in enumerate(inputs):
        words = b"".join(token_word(token) for token in sample_tokens(times, n_steps))
        answer = await host.ask(words, 2) or b"\xff\xff"
        step = int(trace.decision_steps[index])
        compare("by_spike", index, step < n_steps, answer[0] >> BY_SPIKE_BIT)
        compare("label", index, int(trace.decisions[index]), answer[0] & 2**BY_SPIKE_BIT - 1)
        compare("step", index, step, answer[1])
    for _ in range(N_POLLS):  # a sample is answered before its last events have left the core
        if await host.register(Register.SAMPLES) == len(inputs):
            break
    for register, value in expected_registers(params, inputs, trace, job["early_exit"]).items():
        compare(register.name, -1, value, await host.register(register))
    compare("busy for at least a cycle", -1, True, await host.register(Register.CYCLES) > 0)
    compare("bytes too many", -1, 0, host.sink.count())

    result = {"n_compared": compare.n_compared, "mismatch": compare.mismatch}
    (JOB / "result.json").write_text(json.dumps(result))
    assert compare.mismatch is None, f"mismatch: {compare.mismatch}"
