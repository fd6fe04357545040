"""Drivers and monitors for Amaranth's simulator: seeded stalls, and the stream rules checked."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from amaranth.hdl import Elaboratable, Module, Signal, Value
from amaranth.lib import data
from amaranth.sim import Simulator

CLOCK_PERIOD_S = 1e-6
LIMIT_CYCLES = 20_000  # nothing moves for so long: a deadlock


def decoded(payload: Any, bits: int) -> Any:
    """The fields of a payload that was sampled as plain bits, which is faster."""
    return data.Const(payload.shape(), bits) if isinstance(payload, data.View) else bits


async def drive(ctx: Any, stream: Any, payloads: Iterable[Any], stall: float, seed: int) -> None:
    """Put payloads into a stream; before each, idle with probability `stall` a cycle."""
    rng = np.random.default_rng(seed)
    for payload in payloads:
        while rng.random() < stall:
            await ctx.tick()
        ctx.set(stream.payload, payload)
        ctx.set(stream.valid, 1)
        for _ in range(LIMIT_CYCLES):
            _, _, ready = await ctx.tick().sample(stream.ready)
            if ready:
                break
        else:
            raise AssertionError(f"{payload} not taken in {LIMIT_CYCLES} cycles")
        ctx.set(stream.valid, 0)


async def collect(ctx: Any, stream: Any, into: list[Any], stall: float, seed: int) -> None:
    """Take payloads for ever, `ready` low with probability `stall` a cycle.

    Fails if `valid` falls, or the payload changes, before a transfer.
    """
    rng = np.random.default_rng(seed)
    waiting, bits = None, Value.cast(stream.payload)
    while True:
        ready = rng.random() >= stall
        ctx.set(stream.ready, ready)
        _, _, valid, payload = await ctx.tick().sample(stream.valid, bits)
        if waiting is not None:
            assert valid, f"seed {seed}: valid fell before the transfer of {waiting:#x}"
            changed = f"payload changed from {waiting:#x} to {payload:#x}"
            assert payload == waiting, f"seed {seed}: {changed}"
        waiting = payload if valid and not ready else None
        if valid and ready:
            into.append(decoded(stream.payload, payload))


async def until(ctx: Any, condition: Any, n_cycles: int, what: str) -> None:
    """Wait until `condition()`; fail after `n_cycles` (a deadlock)."""
    for _ in range(n_cycles):
        if condition():
            return
        await ctx.tick()
    raise AssertionError(f"{what}: nothing after {n_cycles} cycles")


def simulate(dut: Elaboratable, testbench: Any, *background: Any) -> None:
    """Run `testbench` to its end, with `background` benches beside it."""
    clocked = Module()  # which a design without registers is not
    clocked.submodules.dut = dut
    clocked.d.sync += Signal().eq(1)
    simulator = Simulator(clocked)
    simulator.add_clock(CLOCK_PERIOD_S)
    simulator.add_testbench(testbench)
    for bench in background:
        simulator.add_testbench(bench, background=True)
    simulator.run()
