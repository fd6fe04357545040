"""Benches for one layer of the core: tokens in, spike times, state words and additions out."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from amaranth.hdl import Module, Signal, Value
from amaranth.lib import memory
from hdl_streams import LIMIT_CYCLES, collect, decoded, drive, simulate, until
from numpy.typing import NDArray

from hwgen.golden import neuron
from hwgen.hdl.memory.bank import StateBank
from hwgen.network.layers.shape import Shape
from hwgen.protocol.tokens import Kind

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


def random_times(seed: int, n: int, n_pre: int, n_steps: int) -> NDArray[np.uint8]:
    """Spike times uint8 [n, n_pre]: crowded, sparse, crowded, empty samples, with an empty step."""
    rng = np.random.default_rng(seed)
    times = rng.integers(0, n_steps, (n, n_pre))
    density = np.resize([0.8, 0.2, 0.6, 0.0], (n, 1))
    silent = rng.random((n, n_pre)) >= density
    empty_step = rng.integers(0, n_steps, (n, 1))
    return np.where(silent | (times == empty_step), n_steps, times).astype(np.uint8)


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
    """The same, with the kernel events of the layer's PSP as golden has them; into a two-phase
    layer with the steps in which it fires."""
    if layer.phased:
        for token in sample_payloads(times, layer.pre, n_steps, rng):
            if token["kind"] == Kind.END_OF_SAMPLE:
                yield from [payload(Kind.END_OF_STEP, 0, layer.pre, drive=1)] * n_steps
            yield token | {"drive": 0}
        return
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


class HostileBank(StateBank):
    """A word that is read while it is written comes out upside down: the part may do so, too."""

    def elaborate(self, platform: object) -> Module:
        if self.n_blocks == 1:
            return super().elaborate(platform)
        m = Module()
        m.submodules.memory = storage = memory.Memory(
            shape=self.width, depth=self.n_blocks, init=[]
        )
        read, write = storage.read_port(), storage.write_port()
        collides = Signal()
        with m.If(self.read_en):
            m.d.sync += collides.eq(self.write_en & (self.read_block == self.write_block))
        m.d.comb += [
            read.en.eq(self.read_en),
            read.addr.eq(self.read_block),
            self.read_data.eq(read.data ^ collides.replicate(self.width)),
            write.en.eq(self.write_en),
            write.addr.eq(self.write_block),
            write.data.eq(self.write_data),
        ]
        return m


def use_hostile_banks(monkeypatch: Any) -> None:
    """In all layers that are elaborated from now on."""
    for module in ("layers.dense", "neurons.single_spike", "layers.pool"):
        monkeypatch.setattr(f"hwgen.hdl.{module}.StateBank", HostileBank)


@dataclass
class Run:
    """What a layer did: its tokens; (block, word) of its probe; its additions."""

    tokens: list[Any] = field(default_factory=list)
    words: list[tuple[int, int]] = field(default_factory=list)
    n_ops: int = 0


def monitor(layer: Any, run: Run) -> Any:
    """A background bench that fills `run`."""

    async def watch(ctx: Any) -> None:
        signals = [layer.o.valid, layer.o.ready, Value.cast(layer.o.payload)]
        if hasattr(layer, "ops"):
            signals += [layer.ops, layer.probe_strobe, layer.probe_block, layer.probe_word]
        while True:
            _, _, valid, ready, bits, *rest = await ctx.tick().sample(*signals)
            if valid and ready:
                run.tokens.append(decoded(layer.o.payload, bits))
            if rest:
                run.n_ops += rest[0]
                if rest[1]:
                    run.words.append((rest[2], rest[3]))

    return watch


def run_layer(
    dut: Any, payloads: Iterable[Payload], n_samples: int, *, stall: float, seed: int
) -> Run:
    """Stream payloads through a layer until it has ended `n_samples` samples, and a bit longer."""
    run, ends = Run(), EndCounter()

    async def main(ctx: Any) -> None:
        await drive(ctx, dut.i, payloads, stall, seed)
        await until(ctx, lambda: ends(run.tokens) == n_samples, LIMIT_CYCLES, "END_OF_SAMPLE")
        for _ in range(20):
            await ctx.tick()

    async def take(ctx: Any) -> None:
        await collect(ctx, dut.o, [], stall, seed + 1)

    simulate(dut, main, take, monitor(dut, run))
    return run


def cycles_of_additions(dut: Any, payloads: Iterable[Payload]) -> list[int]:
    """The cycles, counted from the first, in which weights are added."""
    cycles: list[int] = []

    async def main(ctx: Any) -> None:
        await drive(ctx, dut.i, payloads, 0.0, 0)
        for _ in range(60):
            await ctx.tick()

    async def watch(ctx: Any) -> None:
        cycle = 0
        while True:
            _, _, n_ops = await ctx.tick().sample(dut.ops)
            cycles.extend([cycle] if n_ops else [])
            cycle += 1

    simulate(dut, main, watch)
    return [cycle - cycles[0] for cycle in cycles]


class EndCounter:
    """How many samples a growing list of tokens has ended."""

    def __init__(self) -> None:
        self._n_seen = self._n_ended = 0

    def __call__(self, tokens: list[Any]) -> int:
        new, self._n_seen = tokens[self._n_seen :], len(tokens)
        self._n_ended += sum(token["kind"] == Kind.END_OF_SAMPLE for token in new)
        return self._n_ended


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
