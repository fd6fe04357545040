"""Test bench of `UartTop`, as RTL or as a netlist on a board's pins: `hwgen.host` talks to it.

Reads `job.json`, `inputs.npy` and `params.safetensors` from the folder in HWGEN_JOB; writes
`result.json`. Everything is compared with golden: decisions, their steps, and the registers.
"""

import json
import logging
import os
from pathlib import Path

import cocotb
import numpy as np
import outcome
from cocotb.clock import Clock
from cocotb.task import bridge, resume
from cocotb.triggers import ClockCycles
from cocotbext.uart import UartSink, UartSource

from hwgen.errors import LinkError
from hwgen.golden import Golden
from hwgen.host import Device
from hwgen.network import params_file
from hwgen.network.spikes import n_spikes
from hwgen.protocol.words import Register

JOB = Path(os.environ["HWGEN_JOB"])
CLOCK_NS = 20
START_CYCLES = 600  # longer than the power-on reset of any board here
QUIET_CYCLES = 20_000  # what the host takes for a quarter of a second


class Comparison:
    """Counts what was compared; keeps the first difference."""

    def __init__(self) -> None:
        self.n_compared = 0
        self.mismatch: dict[str, object] | None = None

    def __call__(self, what: str, sample: int, expected: int, got: int) -> None:
        self.n_compared += 1
        if expected != got and self.mismatch is None:
            self.mismatch = {"what": what, "sample": sample, "expected": expected, "got": got}


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


def expected_registers(params, inputs, trace, early_exit: bool) -> dict[Register, int]:
    """What golden says the counters must be after all samples."""
    n_steps = params.spec.n_steps
    expected = {
        Register.SHAPE: n_steps << 16 | params.spec.n_classes,
        Register.SAMPLES: len(inputs),
        Register.DROPPED: 0,
    }
    if not early_exit:
        expected[Register.EVENTS] = int(n_spikes(inputs, n_steps).sum())
        expected[Register.SPIKES] = sum(
            int(n_spikes(layer, n_steps).sum()) for layer in trace.spike_times
        )
        expected[Register.SYNAPTIC_OPS] = int(trace.synaptic_ops.sum()) % 2**32
    return expected


@bridge
def compare_all(pins: Pins, params, inputs, job, compare: Comparison) -> None:
    trace, n_steps = Golden(params).run(inputs), params.spec.n_steps
    try:
        # It compares the ID.
        with Device(pins, params, lanes=job["lanes"], session=5) as device:
            device.load()
            answers = device.run(inputs)
            for index, step in enumerate(trace.decision_steps.tolist()):
                label = int(trace.decisions[index])
                compare("by_spike", index, step < n_steps, bool(answers.by_spike[index]))
                compare("label", index, label, int(answers.decisions[index]))
                compare("step", index, step, int(answers.steps[index]))
            registers = device.counters(len(inputs))
            expected = expected_registers(params, inputs, trace, job["early_exit"])
            for register, value in expected.items():
                compare(register.name, -1, value, registers[register])
            compare("busy for at least a cycle", -1, True, registers[Register.CYCLES] > 0)
            compare("frames dropped", -1, 0, device.line.n_dropped)
    except LinkError as error:
        compare(f"answers ({error})", -1, 1, 0)


@cocotb.test()
async def top_equals_golden(dut) -> None:
    job = json.loads((JOB / "job.json").read_text())
    params = params_file.load(JOB / "params.safetensors")
    inputs = np.load(JOB / "inputs.npy")
    compare = Comparison()

    cocotb.start_soon(Clock(getattr(dut, job["clock"]), CLOCK_NS, "ns").start())
    pins = Pins(getattr(dut, job["rx"]), getattr(dut, job["tx"]), job["divisor"])
    if job["reset"]:
        getattr(dut, job["reset"]).value = 1
        await ClockCycles(getattr(dut, job["clock"]), 2)
        getattr(dut, job["reset"]).value = 0
    await ClockCycles(getattr(dut, job["clock"]), START_CYCLES)
    await compare_all(pins, params, inputs, job, compare)

    result = {"n_compared": compare.n_compared, "mismatch": compare.mismatch}
    outcome.write(JOB, result)
    assert compare.mismatch is None, f"mismatch: {compare.mismatch}"
