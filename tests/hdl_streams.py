"""Drivers and monitors for Amaranth's simulator: seeded stalls, and the stream rules checked."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from amaranth.hdl import Elaboratable
from amaranth.sim import Simulator

CLOCK_PERIOD_S = 1e-6


async def drive(ctx: Any, stream: Any, payloads: Iterable[Any], stall: float, seed: int) -> None:
    """Put payloads into a stream; before each, idle with probability `stall` a cycle."""
    rng = np.random.default_rng(seed)
    for payload in payloads:
        while rng.random() < stall:
            await ctx.tick()
        ctx.set(stream.payload, payload)
        ctx.set(stream.valid, 1)
        await ctx.tick().until(stream.ready)
        ctx.set(stream.valid, 0)


async def collect(ctx: Any, stream: Any, into: list[Any], stall: float, seed: int) -> None:
    """Take payloads for ever, `ready` low with probability `stall` a cycle.

    Fails if `valid` falls, or the payload changes, before a transfer.
    """
    rng = np.random.default_rng(seed)
    waiting = None
    while True:
        ready = rng.random() >= stall
        ctx.set(stream.ready, ready)
        _, _, valid, payload = await ctx.tick().sample(stream.valid, stream.payload)
        if waiting is not None:
            assert valid, f"seed {seed}: valid fell before the transfer of {waiting}"
            assert payload == waiting, f"seed {seed}: payload changed from {waiting} to {payload}"
        waiting = payload if valid and not ready else None
        if valid and ready:
            into.append(payload)


async def until(ctx: Any, condition: Any, n_cycles: int, what: str) -> None:
    """Wait until `condition()`; fail after `n_cycles` (a deadlock)."""
    for _ in range(n_cycles):
        if condition():
            return
        await ctx.tick()
    raise AssertionError(f"{what}: nothing after {n_cycles} cycles")


def simulate(dut: Elaboratable, testbench: Any, *background: Any) -> None:
    """Run `testbench` to its end, with `background` benches beside it."""
    simulator = Simulator(dut)
    simulator.add_clock(CLOCK_PERIOD_S)
    simulator.add_testbench(testbench)
    for bench in background:
        simulator.add_testbench(bench, background=True)
    simulator.run()
