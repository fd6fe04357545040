"""Words to a core and back: a stand-in for the core, and one that learns."""

import gc
import random
from collections.abc import Iterable

import pytest
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator
from samples import learning_params, random_spike_times

from hwgen.golden.network import Trace
from hwgen.golden.online import OnlineNetwork
from hwgen.hdl.bus.commands import Commands
from hwgen.hdl.core import SpikeCore
from hwgen.hdl.stream import result_layout, token_stream, vector
from hwgen.network.design import Design
from hwgen.protocol import words as protocol_words
from hwgen.protocol.memory import packed
from hwgen.protocol.tokens import sample_tokens

STEP, SAMPLE = 0x4000, 0x8000  # their ends
QUIET = 1000  # cycles in which nothing moves: the end; longer than a training sample


class StubCore(wiring.Component):
    """Takes a token every `period` cycles. A sample's label is its number of spikes, its step its
    number of steps. Its result comes `latency` cycles after its end, or after its first step if it
    is `early`. Register n reads 0x11223300 + n, register 15 reads 0."""

    learning_layers = fillable_layers = range(0)

    def __init__(
        self,
        *,
        n_inputs: int = 100,
        n_classes: int = 10,
        period: int = 1,
        latency: int = 1,
        early: bool = False,
    ) -> None:
        self._period, self._latency, self._early = period, latency, early
        super().__init__(
            {
                "i": In(token_stream(vector(n_inputs))),
                "o": Out(stream.Signature(result_layout(n_classes))),
                "early_exit": In(1),
                "reg_addr": In(4),
                "reg_data": Out(32),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        wait, delay = Signal(range(self._period + 1)), Signal(range(self._latency + 1))
        n_spikes, n_steps, decides = Signal(8), Signal(8), Signal()
        kind, result = self.i.payload.kind, self.o.payload
        m.d.comb += self.i.ready.eq((wait == 0) & ~self.o.valid & (delay == 0))
        with m.If(wait != 0):
            m.d.sync += wait.eq(wait - 1)
        with m.If(delay != 0):
            m.d.sync += [delay.eq(delay - 1), self.o.valid.eq(delay == 1)]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += wait.eq(self._period - 1)
            m.d.sync += [n_spikes.eq(n_spikes + (kind == 0)), n_steps.eq(n_steps + (kind == 1))]
            m.d.comb += decides.eq((kind == 1) & (n_steps == 0) if self._early else kind == 2)
            with m.If(decides):
                m.d.sync += [delay.eq(self._latency), result.by_spike.eq(n_steps[0])]
                m.d.sync += [result.label.eq(n_spikes), result.step.eq(n_steps)]
            with m.If(kind == 2):
                m.d.sync += [n_spikes.eq(0), n_steps.eq(0)]
        m.d.sync += self.reg_data.eq(Mux(self.reg_addr == 15, 0, 0x11223300 + self.reg_addr))
        return m


class Talk:
    """What came out of one conversation."""

    def __init__(self) -> None:
        self.answer: list[int] = []
        self.tokens: list[tuple[int, int]] = []
        self.toggle = 0


def talk(core, sent: Iterable[int], *, seed: int = 0, stall: float = 0.3) -> Talk:
    """Send words, with random pauses of both ends, until nothing has moved for long."""
    dut = Commands(core)
    result = Talk()
    rng = random.Random(seed)

    async def bench(ctx):
        words, quiet = list(sent), 0
        while quiet < QUIET:
            offers = bool(words) and (ctx.get(dut.i.valid) or rng.random() >= stall)
            takes = rng.random() >= stall
            ctx.set(dut.i.valid, offers)
            ctx.set(dut.i.payload, words[0] if words else 0)
            ctx.set(dut.o.ready, takes)
            quiet += 1
            if takes and ctx.get(dut.o.valid):
                result.answer.append(ctx.get(dut.o.payload))
                quiet = 0
            if ctx.get(core.i.valid) and ctx.get(core.i.ready):
                result.tokens.append((ctx.get(core.i.payload.kind), ctx.get(core.i.payload.index)))
                quiet = 0
            taken = offers and ctx.get(dut.i.ready)
            await ctx.tick()
            if taken:
                del words[0]
                ctx.set(dut.i.valid, 0)
                quiet = 0
        assert not words, f"{len(words)} words were not taken"
        result.toggle = ctx.get(dut.toggle)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return result


def test_words_become_tokens_and_results_words() -> None:
    sent = [0x0005, 0x0063, STEP, 0x0011, STEP, SAMPLE, STEP, SAMPLE]
    result = talk(StubCore(), sent)
    assert result.tokens == [(0, 5), (0, 99), (1, 0), (0, 17), (1, 0), (2, 0), (1, 0), (2, 0)]
    assert result.answer == [0x0302, 0x8001]  # 3 spikes, 2 steps; then 1 step: by_spike
    assert result.toggle == 0


def test_registers_are_read_high_word_first() -> None:
    result = talk(StubCore(), [0xC000, 0xC007])
    assert result.answer == [0x1122, 0x3300, 0x1122, 0x3307]
    assert result.tokens == []


@pytest.mark.parametrize("word", [0xC010, 0xC027, 0xFFFF])
def test_a_register_beyond_the_map_is_no_alias(word: int) -> None:
    assert talk(StubCore(), [word]).answer == [0, 0]


@pytest.mark.parametrize("period", [1, 50])
@pytest.mark.parametrize("latency", [1, 60])
@pytest.mark.parametrize("stall", [0.0, 0.5])
def test_answers_come_whole_and_in_the_order_of_the_questions(
    period: int, latency: int, stall: float
) -> None:
    sample = [0x0001, STEP, SAMPLE]
    sent = [*sample, 0xC003, *sample, *sample, 0xC004, 0xC005]
    result = talk(StubCore(period=period, latency=latency), sent, stall=stall)
    one = 0x8101
    assert result.answer == [one, 0x1122, 0x3303, one, one, 0x1122, 0x3304, 0x1122, 0x3305]
    assert result.toggle == 1


@pytest.mark.parametrize("latency", range(1, 12))
def test_a_result_that_comes_while_a_register_is_read_is_not_lost(latency: int) -> None:
    # The step decides early; the request is behind it.
    sent = [0x0001, STEP, 0xC003, SAMPLE]
    result = talk(StubCore(latency=latency, early=True), sent, stall=0.0)
    one, read = [0x0100], [0x1122, 0x3303]
    assert result.answer in (one + read, read + one)


@pytest.mark.parametrize("word", [0x0085, 0x2005, 0x0105])
def test_a_spike_beyond_the_index_of_the_core_is_no_alias(word: int) -> None:
    result = talk(StubCore(n_inputs=128), [word, SAMPLE])
    # It comes as the highest index, for which no core has an input.
    assert result.tokens == [(0, 127), (2, 0)]
    assert result.answer == [0x0100]


@pytest.mark.parametrize("word", [0x8081, 0xA001, 0x8101])
def test_a_label_beyond_the_index_of_the_core_is_none(word: int) -> None:
    result = talk(StubCore(n_inputs=128), [0x0005, word])
    assert result.tokens == [(0, 5), (2, 0)]


@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
def test_more_classes_than_a_label_has_bits_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^an answer has room for 128 classes, the core has more"):
        Commands(StubCore(n_classes=129))
    gc.collect()  # the refused component complains, here, that nobody used it


def result_word(trace: Trace, n_steps: int) -> int:
    step = int(trace.decision_steps[0])
    return (step < n_steps) << 15 | int(trace.decisions[0]) << 8 | step


@pytest.mark.parametrize(("spram", "shadow_bits"), [(False, 8), (True, 10)])
def test_a_core_learns(spram: bool, shadow_bits: int) -> None:
    """Filled, taught, and asked for its weights; register requests in between."""
    params = learning_params("phased/ramp", 4, "1x4-3-3", shadow_bits=shadow_bits)
    lanes, layers = (2, 3), params.spec.learning_layers
    inputs, labels = random_spike_times(3, 4, params), [0, 1, -1, 2]
    sent: list[int] = []
    for n in layers if spram else ():
        shadows = packed(params.shadows[n], params.spec.layers[n], lanes[n])
        sent += [
            protocol_words.shadows_request(n, write=True),
            *protocol_words.shadow_words(shadows.tolist()),
        ]
    online, expected = OnlineNetwork(params), []
    for times, label in zip(inputs, labels, strict=True):
        tokens = sample_tokens(times, params.spec.n_steps, label=label)
        sent += map(protocol_words.token_word, tokens)
        expected.append(result_word(online.train_sample(times, label), params.spec.n_steps))
    assert online.params.digest != params.digest
    for n in layers:
        sent += [
            protocol_words.shadows_request(n),
            protocol_words.register_request(protocol_words.Register.VERSION),
        ]
        shadows = packed(online.shadows(n), params.spec.layers[n], lanes[n])
        expected += [x % 2**16 for x in shadows.tolist()] + [0, protocol_words.VERSION]
    # No layer 5, and no shadow weights of two kinds at once: registers beyond the map.
    sent += [0xC105, 0xC300] + ([] if spram else [0xC200])
    expected += [0] * (4 if spram else 6)
    design = Design(params, lanes)
    core = SpikeCore(design.all_loaded() if spram else design)
    assert talk(core, sent).answer == expected


def test_a_question_for_weights_within_a_sample_is_dropped_and_blocks_nothing() -> None:
    """Else the line would wait for ever for weights that do not come, or for their end."""
    params = learning_params("phased/ramp", 4, "1x4-3-3", shadow_bits=10)
    times = random_spike_times(3, 1, params)[0]
    trace = OnlineNetwork(params).train_sample(times, -1)
    words = [
        protocol_words.token_word(token) for token in sample_tokens(times, params.spec.n_steps)
    ]
    words.insert(2, protocol_words.shadows_request(0))
    words.insert(4, protocol_words.shadows_request(1, write=True))
    words.append(protocol_words.register_request(protocol_words.Register.VERSION))
    words.append(protocol_words.register_request(protocol_words.Register.DROPPED))
    shadows: list[int] = []
    for n in params.spec.learning_layers:  # it is to be filled first, as it is in SPRAM
        values = packed(params.shadows[n], params.spec.layers[n], (2, 3)[n])
        shadows += [protocol_words.shadows_request(n, write=True)]
        shadows += protocol_words.shadow_words(values.tolist())
    answer = talk(SpikeCore(Design(params, (2, 3)).all_loaded()), shadows + words).answer
    result = result_word(trace, params.spec.n_steps)
    assert answer == [result, 0, protocol_words.VERSION, 0, 2]
