"""Benches for one layer of the core: tokens in, spike times, state words and additions out."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hdl_streams import collect, drive, simulate, until
from numpy.typing import NDArray

from hwgen.events import Kind
from hwgen.golden import neuron
from hwgen.spec import Shape

Payload = dict[str, int]


def payload(kind: int, index: int, shape: Shape, **others: int) -> Payload:
    """Fields of a token: a neuron of a picture by its place, else by its index."""
    if shape.height == shape.width == 1:
        return {"kind": kind, "index": index, **others}
    row, column, channel = (int(i) for i in np.unravel_index(index, shape))
    return {"kind": kind, "row": row, "column": column, "channel": channel, **others}


def index_of(token: Any, shape: Shape) -> int:
    """The neuron of a token, as a linear index."""
    if shape.height == shape.width == 1:
        return int(token["index"])
    return int((token["row"] * shape.width + token["column"]) * shape.channels + token["channel"])


def sample_payloads(
    times: NDArray[np.uint8], shape: Shape, n_steps: int, rng: np.random.Generator
) -> Iterable[Payload]:
    """Tokens of samples, spike times uint8 [n, n_pre]; the spikes of a step are shuffled."""
    for sample in times:
        for step in range(n_steps):
            for index in rng.permutation(np.flatnonzero(sample == step)):
                yield payload(Kind.SPIKE, int(index), shape)
            yield payload(Kind.END_OF_STEP, 0, shape)
        yield payload(Kind.END_OF_SAMPLE, 0, shape)


def kernel_payloads(
    times: NDArray[np.uint8], layer: Any, n_steps: int, rng: np.random.Generator
) -> Iterable[Payload]:
    """The same, with the kernel events of the layer's PSP as golden has them."""
    if layer.psp != "triangle":
        yield from sample_payloads(times, layer.pre, n_steps, rng)
        return
    for sample in times:
        for step in range(n_steps):
            events = neuron.kernel_events(sample, step, layer)
            for index in rng.permutation(np.flatnonzero(events)):
                yield payload(Kind.SPIKE, int(index), layer.pre, knee=int(events[index] == -2))
            yield payload(Kind.END_OF_STEP, 0, layer.pre)
        yield payload(Kind.END_OF_SAMPLE, 0, layer.pre)


@dataclass
class Run:
    """What a layer did: its tokens; (block, word) of its probe; additions and cycles in all."""

    tokens: list[Any]
    words: list[tuple[int, int]]
    n_ops: int
    n_cycles: int


def run_layer(
    dut: Any,
    payloads: Iterable[Payload],
    n_samples: int,
    *,
    stall: float,
    seed: int,
    limit: int = 4000,
) -> Run:
    """Stream payloads through a layer until it has ended `n_samples` samples.

    It fails if nothing more comes out `limit` cycles after all has gone in.
    """
    run = Run([], [], 0, 0)

    async def main(ctx: Any) -> None:
        await drive(ctx, dut.i, payloads, stall, seed)
        await until(ctx, lambda: n_ended(run.tokens) == n_samples, limit, "END_OF_SAMPLE")
        run.n_cycles = n_cycles
        for _ in range(20):  # nothing may follow
            await ctx.tick()

    async def take(ctx: Any) -> None:
        await collect(ctx, dut.o, run.tokens, stall, seed + 1)

    n_cycles = 0

    async def watch(ctx: Any) -> None:
        nonlocal n_cycles
        while True:
            _, _, *seen = await ctx.tick().sample(
                dut.ops, dut.probe_strobe, dut.probe_block, dut.probe_word
            )
            run.n_ops += seen[0]
            if seen[1]:
                run.words.append((seen[2], seen[3]))
            n_cycles += 1

    simulate(dut, main, take, *([watch] if hasattr(dut, "ops") else []))
    return run


def n_ended(tokens: Iterable[Any]) -> int:
    """How many samples these tokens end."""
    return sum(token["kind"] == Kind.END_OF_SAMPLE for token in tokens)


def times_of(tokens: Iterable[Any], shape: Shape, n_steps: int) -> NDArray[np.int64]:
    """Spike times [n, n_post] from tokens; no neuron may fire twice, no step be missing."""
    samples, times, step = [], np.full(shape.n, n_steps), 0
    for token in tokens:
        if token["kind"] == Kind.SPIKE:
            index = index_of(token, shape)
            assert times[index] == n_steps, f"neuron {index} fired twice"
            times[index] = step
        else:
            assert index_of(token, shape) == 0 or token["kind"] == Kind.POTENTIAL
        if token["kind"] == Kind.END_OF_STEP:
            step += 1
        if token["kind"] == Kind.END_OF_SAMPLE:
            assert step == n_steps
            samples.append(times)
            times, step = np.full(shape.n, n_steps), 0
    return np.array(samples)


def potentials_of(words: Iterable[tuple[int, int]], layer: Any, lanes: int) -> NDArray[np.int64]:
    """Potentials [n, n_post] from the words of the probe, which come in order."""
    bits, lane_bits = layer.potential_bits, layer.potential_bits + layer.slope_bits + 1
    n_blocks = -(-layer.post.channels // lanes)
    n_words = layer.post.height * layer.post.width * n_blocks
    potentials: list[list[int]] = []
    for count, (block, word) in enumerate(words):
        assert block == count % n_words
        if block == 0:
            potentials.append([])
        n_lanes = min(lanes, layer.post.channels - block % n_blocks * lanes)
        fields = [word >> lane_bits * lane & (1 << bits) - 1 for lane in range(n_lanes)]
        potentials[-1] += [field - (field >> bits - 1 << bits) for field in fields]
    return np.array(potentials)
