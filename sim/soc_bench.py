"""What a core with a bus must do, whichever the bus; `tb_axi` and `tb_wishbone` know the pins.

Reads `job.json`, `inputs.npy` and `params.safetensors` from the folder in HWGEN_JOB, of a core that
learns `labels.npy`, too; writes `result.json`. Everything is compared with golden.
"""

import json
import os
import random
from abc import ABC, abstractmethod
from pathlib import Path

import cocotb
import numpy as np
import outcome
from cocotb.triggers import ClockCycles, Event, First, RisingEdge, SimTimeoutError, with_timeout
from scoreboard import expected_registers

from hwgen.golden.network import Golden, joined
from hwgen.golden.online import OnlineNetwork
from hwgen.network import params_file
from hwgen.network.learning import NO_LABEL
from hwgen.network.spikes import n_spikes
from hwgen.protocol import register_map
from hwgen.protocol import words as protocol_words
from hwgen.protocol.memory import n_blocks, packed, unpacked
from hwgen.protocol.tokens import Kind, Token, sample_tokens
from hwgen.protocol.words import Register
from hwgen.verification.mismatch import HANG, HELD

JOB = Path(os.environ["HWGEN_JOB"])
CLOCK_NS = 10
LIMIT_CYCLES = 30_000  # for all of it: ten times what it takes
TAIL_READS = 2000  # of a register, until it says what it must
OKAY = 0
END_OF_STEP = Token(Kind.END_OF_STEP)


class Verdict:
    """Counts what was compared, keeps the first difference, and says when there is one: then there
    is no need to go on."""

    def __init__(self) -> None:
        self.n_compared = 0
        self.mismatch: dict[str, object] | None = None
        self.found = Event()

    def __call__(self, what: str, sample: int, expected: int, got: int) -> None:
        self.n_compared += 1
        if expected != got and self.mismatch is None:
            self.mismatch = {"what": what, "sample": sample, "expected": expected, "got": got}
            self.found.set()


class Held:
    """A stream whose source is the design: what waits must not change, nor go."""

    def __init__(self, name, compare, valid, ready, *payload) -> None:
        self.name, self.compare = name, compare
        self.valid, self.ready, self.payload = valid, ready, payload
        self.waits: list[int] | None = None

    def look(self) -> list[int] | None:
        """At a clock edge: what is handed over there, if anything."""
        offered = [int(signal.value) for signal in self.payload] if self.valid.value else None
        if self.waits is not None:
            self.compare(f"{HELD}: {self.name}", -1, True, offered == self.waits)
        taken = bool(self.valid.value) and bool(self.ready.value)
        self.waits = None if taken else offered
        return offered if taken else None


class Port(ABC):
    """How a bench reaches the core. Pauses are random, by `stall` and `rng`."""

    def __init__(self, dut, clock, params, lanes, compare, rng, stall) -> None:
        self.dut, self.clock, self.params, self.lanes = dut, clock, params, lanes
        self.compare, self.rng, self.stall = compare, rng, stall

    no_register = OKAY  # the response where there is none
    refused = OKAY  # the response to what the register does not do

    @abstractmethod
    async def start(self) -> None:
        """Clock, reset, monitors."""

    @abstractmethod
    async def send(self, words) -> None:
        """Words to the core; returns when they have been taken."""

    @abstractmethod
    async def answers(self, n) -> list[int]:
        """The next n results."""

    @abstractmethod
    async def shadows(self, n) -> list[tuple[int, int]]:
        """The next n shadow weights, each a word and whether it is the last."""

    @abstractmethod
    async def fill(self, values) -> None:
        """Shadow weights to the core."""

    @abstractmethod
    async def read(self, address) -> tuple[int, int]:
        """A register, and the response."""

    @abstractmethod
    async def write(self, address, value, n_bytes=4) -> int:
        """The low bytes of a register; the response."""

    @abstractmethod
    async def interrupted(self, control, first, cut, answer) -> None:
        """Reset the core by writing `control`, behind the words `first` of a sample, whose result
        is `answer`, and `cut` of another one; nothing of what waits comes behind it."""

    @abstractmethod
    async def cut_short(self) -> None:
        """Reset the core while it sends shadow weights; those of before are gone, too."""

    async def watch_core(self) -> None:
        """The tokens that the wrapper offers the core stay, too, but for a reset."""
        core, reset = self.dut.words.core, self.dut.words.reset
        held = Held("core.i", self.compare, core.i__valid, core.i__ready, core.i__payload)
        while True:
            await RisingEdge(self.clock)
            if reset.value:
                held.waits = None
            held.look()


async def expect(port, what, address, value) -> None:
    got, response = await port.read(address)
    port.compare(f"response to reading {what}", -1, OKAY, response)
    port.compare(what, -1, value, got)


async def reach(port, register, value) -> None:
    """Wait until a counter has its value."""
    for _ in range(TAIL_READS):
        if (await port.read(4 * register))[0] == value:
            break
    await expect(port, register.name, 4 * register, value)


async def check_map(port) -> None:
    """Who the core is; what there is not is refused, and does nothing."""
    digest = port.params.digest
    await expect(port, "ID0", 4 * Register.ID0, int(digest[:8], 16))
    await expect(port, "ID1", 4 * Register.ID1, int(digest[8:16], 16))
    await expect(port, "VERSION", 4 * Register.VERSION, protocol_words.VERSION)
    for address in (0x28, 0x3C, 0x58, 0x80, 0xC0, 0xFC):
        _, response = await port.read(address)
        port.compare(f"response to reading {address:#x}", -1, port.no_register, response)
        response = await port.write(address, 3)
        port.compare(f"response to writing {address:#x}", -1, port.no_register, response)
    for address in (4 * Register.ID0, 4 * Register.DROPPED):
        response = await port.write(address, 3)
        port.compare(f"response to writing {address:#x}", -1, port.refused, response)
    for n_bytes in (1, 2, 3):
        response = await port.write(register_map.CONTROL, 3, n_bytes)
        port.compare(f"response to {n_bytes} bytes", -1, port.refused, response)
        await expect(port, "CONTROL", register_map.CONTROL, 0)


def answers_of(trace, params) -> list[int]:
    """The words of the results."""
    steps, n_steps = trace.decision_steps.tolist(), params.spec.n_steps
    return [
        (step < n_steps) << protocol_words.BY_SPIKE_BIT | label << protocol_words.STEP_BITS | step
        for label, step in zip(trace.decisions.tolist(), steps, strict=True)
    ]


class Reference:
    """The samples, and what golden says of them."""

    def __init__(self, params, inputs, labels) -> None:
        self.params, self.inputs = params, inputs
        self.online = None
        self.labels = [NO_LABEL] * len(inputs)
        if labels is None:
            self.trace = Golden(params).run(inputs)
        else:
            self.online, self.labels = OnlineNetwork(params), labels.tolist()
            pairs = zip(inputs, self.labels, strict=True)
            self.trace = joined([self.online.train_sample(*pair) for pair in pairs])
        self.answers = answers_of(self.trace, params)

    def words(self, sample, label=None) -> list[int]:
        label = self.labels[sample] if label is None else label
        tokens = sample_tokens(self.inputs[sample], self.params.spec.n_input_steps, label=label)
        return [protocol_words.token_word(token) for token in tokens]


async def run(port, reference, early_exit) -> None:
    """All samples, from reset."""
    n = len(reference.inputs)
    words = [word for sample in range(n) for word in reference.words(sample)]
    sending = cocotb.start_soon(port.send(words))
    for sample, got in enumerate(await port.answers(n)):
        port.compare("answer", sample, reference.answers[sample], got)
    await sending
    await reach(port, Register.SAMPLES, n)
    expected = expected_registers(reference.params, reference.inputs, reference.trace, early_exit)
    for register, value in expected.items():
        await expect(port, register.name, 4 * register, value)
    cycles, _ = await port.read(4 * Register.CYCLES)
    port.compare("busy for at least a cycle", -1, True, cycles > 0)
    if early_exit and not reference.params.spec.has_raster:  # else all comes before a decision
        events, _ = await port.read(4 * Register.EVENTS)
        all_events = int(n_spikes(reference.inputs, reference.params.spec.n_steps).sum())
        port.compare("early exit leaves input out", -1, True, events < all_events)


async def interrupt(port, reference, control) -> None:
    """Reset in the middle of a sample, with a result that waits: nothing of them is left."""
    trace = Golden(reference.params).run(reference.inputs[:2])
    first, second = (reference.words(sample, label=NO_LABEL) for sample in (0, 1))
    # Not beyond its decision: with a result that waits, the core may take no more then.
    ends = [at for at, word in enumerate(second) if word == protocol_words.token_word(END_OF_STEP)]
    ends.append(len(second) - 1)
    last = ends[-1 if reference.params.spec.has_raster else int(trace.decision_steps[1])]
    cut = second[: max(1, port.rng.randrange(last + 1))]
    await port.interrupted(control, first, cut, answers_of(trace, reference.params)[0])
    await expect(port, "ID0", 4 * Register.ID0, int(port.params.digest[:8], 16))
    await expect(port, "CONTROL", register_map.CONTROL, control & 1)
    for register in (Register.SAMPLES, Register.EVENTS, Register.CYCLES, Register.DROPPED):
        await expect(port, register.name, 4 * register, 0)


async def strays(port, reference) -> None:
    """Words that mean nothing are dropped, and no label that there is not is learnt."""
    n, before = port.params.spec.input.n_inputs, len(reference.inputs)
    (events, _), first = await port.read(4 * Register.EVENTS), reference.words(0, label=NO_LABEL)
    alias = 1 << protocol_words.INDEX_BITS - 1
    words = [n, alias, alias | n - 1, 0xC005, 0xC1FF, 0xC300, 0xFFFF]
    await port.send(words + first[:-1] + [first[-1] | alias | 1])
    await port.answers(1)
    await reach(port, Register.SAMPLES, before + 1)
    await expect(port, "DROPPED", 4 * Register.DROPPED, len(words))
    own = int(n_spikes(reference.inputs[:1], port.params.spec.n_steps).sum())
    await expect(port, "EVENTS", 4 * Register.EVENTS, events + own)


async def read_shadows(port, reference, when) -> None:
    for layer in port.params.spec.learning_layers:
        spec, lanes = port.params.spec.layers[layer], port.lanes[layer]
        n = n_blocks(spec.n_post, lanes) * spec.n_pre * lanes
        await port.send([protocol_words.shadows_request(layer)])
        got = await port.shadows(n)
        port.compare(f"end of the shadow weights {when}", -1, 1, got[-1][1])
        port.compare(f"ends of the shadow weights {when}", -1, 1, sum(last for _, last in got))
        values = np.array([word for word, _ in got], np.uint16).view(np.int16)
        values = unpacked(values, spec, lanes)
        for (pre, post), value in np.ndenumerate(reference.online.shadows(layer)):
            what = f"shadow weight {layer}.{pre}.{post} {when}"
            port.compare(what, -1, int(value), int(values[pre, post]))


async def scenario(port, reference) -> None:
    params, learns = port.params, reference.online is not None
    await port.start()
    await check_map(port)
    if hasattr(port.dut.words.core, "fill__valid"):
        for layer in params.spec.learning_layers:
            values = packed(params.shadows[layer], params.spec.layers[layer], port.lanes[layer])
            await port.send([protocol_words.shadows_request(layer, write=True)])
            await port.fill(protocol_words.shadow_words(values.tolist()))
    await interrupt(port, reference, 2)
    await run(port, reference, False)
    if learns:
        await read_shadows(port, reference, "behind the samples")
    await strays(port, reference)
    if learns:
        await port.send([protocol_words.shadows_request(params.spec.learning_layers[0])])
        await port.shadows(2)
        await port.cut_short()
        await read_shadows(port, reference, "in the end")
    else:
        await port.write(register_map.CONTROL, 1)
        await expect(port, "CONTROL", register_map.CONTROL, 1)
        await interrupt(port, reference, 3)
        await run(port, reference, True)
    await ClockCycles(port.clock, 50)


async def judge(dut, clock, make) -> None:
    """Run a bench; `make` its port."""
    job = json.loads((JOB / "job.json").read_text())
    params = params_file.load(JOB / "params.safetensors")
    labels = JOB / "labels.npy"
    reference = Reference(
        params, np.load(JOB / "inputs.npy"), np.load(labels) if labels.is_file() else None
    )
    compare = Verdict()
    rng = random.Random(job["seed"])
    port = make(dut, clock, params, job["lanes"], compare, rng, job["stall"])
    try:
        running = cocotb.start_soon(scenario(port, reference))
        await with_timeout(First(running, compare.found.wait()), LIMIT_CYCLES * CLOCK_NS, "ns")
    except SimTimeoutError:
        compare(HANG, -1, 1, 0)
    except ValueError as error:  # of an X or Z
        compare(f"value ({error})", -1, 1, 0)
    result = {"n_compared": compare.n_compared, "mismatch": compare.mismatch}
    outcome.write(JOB, result)
    assert compare.mismatch is None, f"mismatch: {compare.mismatch}"
