"""The queue against Python's own, under random stalls at both ends."""

import gc
from collections import deque

import numpy as np
import pytest
from amaranth.sim import Simulator

from hwgen.hdl.adapters.fifo import Fifo


@pytest.mark.parametrize("depth", [2, 8, 256])
@pytest.mark.parametrize(("p_put", "p_take"), [(0.5, 0.5), (1.0, 0.3), (0.3, 1.0), (1.0, 1.0)])
def test_fifo_is_a_queue(depth: int, p_put: float, p_take: float) -> None:
    dut = Fifo(9, depth=depth)
    rng = np.random.default_rng(depth)
    n_cycles = 6 * depth + 300
    values = rng.integers(0, 512, n_cycles).tolist()
    queue: deque[int] = deque()
    seen = {"full": False, "taken": 0, "deepest": 0}

    async def testbench(ctx):
        held, accepted = None, True
        for value in values:
            # A source may not withdraw or change what it offers.
            if accepted or not ctx.get(dut.i.valid):
                ctx.set(dut.i.valid, bool(rng.random() < p_put))
                ctx.set(dut.i.payload, value)
            ctx.set(dut.o.ready, bool(rng.random() < p_take))
            payload = ctx.get(dut.o.payload) if ctx.get(dut.o.valid) else None
            assert held in (None, payload), "what is offered must stay until it is taken"
            held = payload
            if payload is not None and ctx.get(dut.o.ready):
                assert payload == queue.popleft()
                held, seen["taken"] = None, seen["taken"] + 1
            if ctx.get(dut.i.valid) and ctx.get(dut.i.ready):
                queue.append(ctx.get(dut.i.payload))
            seen["full"] |= not ctx.get(dut.i.ready)
            seen["deepest"] = max(seen["deepest"], len(queue))
            accepted = ctx.get(dut.i.ready)
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    assert seen["taken"] > 50
    if p_put == p_take == 1.0:
        assert seen["taken"] >= n_cycles - 3, "a word a cycle"
    if p_put > 2 * p_take:
        assert seen["full"]
        assert seen["deepest"] == depth + 1  # one word waits in the output register


@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
@pytest.mark.parametrize("depth", [0, 1, 3, 255])
def test_other_depths_are_refused(depth: int) -> None:
    with pytest.raises(
        ValueError, match=rf"^depth must be a power of two, at least 2, not {depth}"
    ):
        Fifo(16, depth=depth)
    gc.collect()  # the refused component complains, here, that nobody used it
