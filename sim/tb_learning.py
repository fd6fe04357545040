"""Test bench of a `hwgen_core` that learns: as `tb_core`, and all shadow weights.

Samples come with labels (`labels.npy`, int64 [n], `NO_LABEL` of those not to be learnt). After
every `read_every` samples of a pass, and after the last, the core is asked for its shadow weights,
and what it sends is compared with golden's online network. A reset does not undo what was learnt,
so each pass goes on from the weights of the last. A core with the port `fill` is filled first.
"""

import json
import random
from contextlib import suppress

import cocotb
import numpy as np
import outcome
from cocotb.clock import Clock
from scoreboard import BrokenError, Scoreboard
from tb_core import JOB, Bench, check_registers, interrupt, reset, signed

from hwgen.golden.network import joined
from hwgen.golden.online import OnlineNetwork
from hwgen.network import params_file
from hwgen.protocol.memory import n_blocks, packed, unpacked
from hwgen.protocol.tokens import Kind, Token, sample_tokens
from hwgen.verification.mismatch import HELD

SHADOWS = "shadow weights"


class Expected:
    """What golden says: `trace` of all samples; of each sample the `shadows` behind it, by layer
    [n_pre, n_post], and how many of them it wrote (`n_written`); in the end `params`."""

    def __init__(self, params, inputs, labels) -> None:
        online, traces = OnlineNetwork(params), []
        self.shadows: list[dict[int, np.ndarray]] = []
        self.n_written: list[int] = []
        for times, label in zip(inputs, labels, strict=True):
            traces.append(online.train_sample(times, int(label)))
            layers = params.spec.learning_layers
            self.shadows.append({layer: online.shadows(layer).copy() for layer in layers})
            self.n_written.append(online.n_written)
        self.trace, self.params = joined(traces), online.params


class LearningBench(Bench):
    """Also asks for shadow weights, takes them, and compares."""

    def __init__(self, dut, params, lanes, board, rng, stall, expected) -> None:
        super().__init__(dut, params, lanes, board, rng, stall)
        self.lanes, self.expected = lanes, expected
        self.bits = params.spec.learning.shadow_bits
        self.valid, self.ready = dut.shadows__valid, dut.shadows__ready
        self.quiet_limit += 2 * params.spec.n_synapses  # an update is long
        self.words: list[int] = []  # that came since the last answer
        self.held = None  # the word that waits, and must not change
        self.resumed: list[int] = []  # cycle of the first token behind each sample
        self.ended = False  # a sample, by the last token

    def look(self) -> None:
        super().look()
        word = int(self.dut.shadows__payload.value) if self.valid.value else -1
        if self.held not in (None, word):
            self.board.broken(HELD, self.held, word, sample=len(self.decided) - 1, cycle=self.cycle)
        self.held = word if self.valid.value and not self.ready.value else None
        if self.valid.value and self.ready.value:
            self.words.append(word)
            self.moved = self.cycle

    async def edge(self) -> None:
        await super().edge()
        if self.stall:
            self.ready.value = int(self.rng.random() >= self.stall)

    async def put(self, token) -> None:
        await super().put(token)
        if self.ended:
            self.resumed.append(self.cycle)
        self.ended = token.kind == Kind.END_OF_SAMPLE

    async def fill(self) -> None:
        """Send the core the shadow weights that it is to begin with."""
        spec = self.params.spec
        for index in spec.learning_layers:
            await self.put(Token(Kind.POTENTIAL, len(spec.layers) + index))
            values = packed(self.params.shadows[index], spec.layers[index], self.lanes[index])
            for value in values.tolist():
                while self.rng.random() < self.stall:
                    await self.edge()
                self.dut.fill__payload.value = value & ((1 << self.bits) - 1)
                self.dut.fill__valid.value = 1
                await self.edge()
                while not self.dut.fill__ready.value:
                    await self.edge()
                self.dut.fill__valid.value = 0
                self.moved = self.cycle

    async def learn(self, inputs, labels, every, order, done) -> None:
        """All samples, and all that is to be compared but registers. `done`: samples before."""
        n, n_steps = len(inputs), self.params.spec.n_steps
        for sample, (times, label) in enumerate(zip(inputs, labels, strict=True)):
            await self.send(sample_tokens(times, n_steps, order, label=int(label)))
            if (sample + 1) % every == 0 or sample == n - 1:
                for layer in self.params.spec.learning_layers:
                    await self._read(sample, layer)
            (JOB / "progress").write_text(str(done + sample + 1))
            if self.board.mismatch:
                return
        await self.finish(n)
        self.board.compare(SHADOWS, 0, len(self.words), cycle=self.cycle)  # nothing unasked for

    async def _read(self, sample: int, layer: int) -> None:
        """Ask for the shadow weights of a layer, and compare them."""
        spec, lanes = self.params.spec.layers[layer], self.lanes[layer]
        n = n_blocks(spec.n_post, lanes) * spec.n_pre * lanes
        where = {"sample": sample, "layer": layer}
        self.board.compare(SHADOWS, 0, len(self.words), cycle=self.cycle, **where)
        self.words.clear()
        await self.put(Token(Kind.POTENTIAL, layer))
        while not self.words or not self.words[-1] >> self.bits:  # its highest bit: the last one
            await self.edge()
        where["cycle"] = self.cycle
        self.board.compare(SHADOWS, n, len(self.words), **where)
        if len(self.words) != n:
            return
        values = [signed(word & ((1 << self.bits) - 1), self.bits) for word in self.words]
        self.words.clear()
        wanted = self.expected.shadows[sample][layer]
        for (pre, post), got in np.ndenumerate(unpacked(np.array(values), spec, lanes)):
            expected = int(wanted[pre, post])
            self.board.compare(SHADOWS, expected, int(got), pre=pre, index=post, **where)


@cocotb.test()
async def core_learns_as_golden(dut) -> None:
    """Each pass of the job: all samples from reset, with its stalls."""
    job = json.loads((JOB / "job.json").read_text())
    params = params_file.load(JOB / "params.safetensors")
    inputs, labels = np.load(JOB / "inputs.npy"), np.load(JOB / "labels.npy")
    current, passes = params, []
    cocotb.start_soon(Clock(dut.clk, 10, "ns", impl="gpi").start())
    for number, options in enumerate(job["passes"]):
        expected = Expected(current, inputs, labels)
        current = expected.params
        board = Scoreboard(params, inputs, False, expected.trace)
        seed, stall = job["seed"] + number, options["stall"]
        bench = LearningBench(
            dut, params, job["lanes"], board, random.Random(seed), stall, expected
        )
        dut.shadows__ready.value = 1
        fills = number == 0 and hasattr(dut, "fill__valid")
        if fills:
            dut.fill__valid.value = 0
        if stall:
            await interrupt(dut, params, inputs, bench.rng)
        await reset(dut, False)
        if fills:
            await bench.fill()
        order, done = np.random.default_rng(seed), number * len(inputs)
        with suppress(BrokenError):
            await bench.learn(inputs, labels, options["read_every"], order, done)
        if board.mismatch is None:
            await check_registers(dut, params, inputs, board, bench.busy_cycles)
        last_steps = bench.monitors[-1].board.last_steps
        waits = zip(bench.decided, last_steps, bench.resumed, strict=False)
        last = bench.resumed[-1] if bench.resumed else bench.cycle
        first = bench.started[0] if bench.started else last
        passes.append(
            board.to_json()
            | {
                "decisions": bench.labels,
                "undecided": board.trace.undecided.tolist(),
                "waits": [after - max(result, step) for result, step, after in waits],
                "n_written": expected.n_written,
                "n_cycles": last - first,
            }
        )
        outcome.write(JOB, {"passes": passes})
        if board.mismatch:
            raise AssertionError(f"{board.mismatch}")
