"""The serial wrapper around a stand-in for the core, spoken to bit by bit."""

import gc
from collections.abc import Iterator

import pytest
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator
from samples import learning_params, random_spike_times

from hwgen import protocol
from hwgen.events import sample_tokens
from hwgen.golden.student import Student
from hwgen.hdl import top
from hwgen.hdl.core import SpikeCore
from hwgen.hdl.stream import result_layout, token_stream, vector
from hwgen.hdl.top import UartTop
from hwgen.pack import packed

DIVISOR = 4
END_OF_STEP, END_OF_SAMPLE = b"\x40\x00", b"\x80\x00"


class StubCore(wiring.Component):
    """Takes a token every `period` cycles. A sample's label is its number of spikes, its step its
    number of steps. Its result comes `latency` cycles after its end, or after its first step if it
    is `early`. Register n reads 0x11223300 + n, register 15 reads 0."""

    learning_layers = range(0)

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


def decode(levels: list[int]) -> Iterator[int]:
    """Bytes on a line sampled once a cycle."""
    position = 0
    while 0 in levels[position:]:
        position = levels.index(0, position)
        bits = [levels[position + DIVISOR * n + DIVISOR // 2] for n in range(10)]
        assert (bits[0], bits[9]) == (0, 1), f"no frame at cycle {position}"
        yield sum(bit << n for n, bit in enumerate(bits[1:9]))
        position += 10 * DIVISOR - 1


class Talk:
    """What came out of one conversation."""

    def __init__(self) -> None:
        self.answer = b""
        self.tokens: list[tuple[int, int]] = []
        self.error = 0
        self.toggle = 0


def talk(
    core: StubCore, sent: bytes, *, bad_stop: frozenset[int] = frozenset(), rest_cycles: int = 4000
) -> Talk:
    """Send bytes back to back (those at positions `bad_stop` without a stop bit), then listen."""
    dut = UartTop(core, DIVISOR)
    result = Talk()
    levels: list[int] = []
    n_cycles = len(sent) * 12 * DIVISOR + rest_cycles

    async def host_out(ctx):
        for position, byte in enumerate(sent):
            is_bad = position in bad_stop
            bits = [0, *[byte >> n & 1 for n in range(8)], not is_bad]
            for bit in [*bits, 1] if is_bad else bits:
                ctx.set(dut.rx, bit)
                await ctx.tick().repeat(DIVISOR)
        await ctx.tick().repeat(rest_cycles)
        result.error, result.toggle = ctx.get(dut.error), ctx.get(dut.toggle)

    async def host_in(ctx):
        for _ in range(n_cycles):
            levels.append(ctx.get(dut.tx))
            await ctx.tick()

    async def watch_tokens(ctx):
        for _ in range(n_cycles):
            if ctx.get(core.i.valid) and ctx.get(core.i.ready):
                result.tokens.append((ctx.get(core.i.payload.kind), ctx.get(core.i.payload.index)))
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    for testbench in (host_out, host_in, watch_tokens):
        simulator.add_testbench(testbench, background=testbench is not host_out)
    simulator.run()
    result.answer = bytes(decode(levels))
    return result


def test_words_become_tokens_and_results_bytes() -> None:
    sent = b"\x00\x05" + b"\x00\x63" + END_OF_STEP + b"\x00\x11" + END_OF_STEP + END_OF_SAMPLE
    sent += END_OF_STEP + END_OF_SAMPLE
    result = talk(StubCore(), sent)
    assert result.tokens == [(0, 5), (0, 99), (1, 0), (0, 17), (1, 0), (2, 0), (1, 0), (2, 0)]
    assert result.answer == b"\x03\x02" + b"\x80\x01"  # 3 spikes, 2 steps; then 1 step: by_spike
    assert (result.error, result.toggle) == (0, 0)


def test_registers_are_read_high_byte_first() -> None:
    result = talk(StubCore(), b"\xc0\x00\xc0\x07")
    assert result.answer == bytes.fromhex("11223300 11223307")
    assert result.tokens == []


@pytest.mark.parametrize("request_word", [b"\xc0\x10", b"\xc0\x27", b"\xff\xff"])
def test_a_register_beyond_the_map_is_no_alias(request_word: bytes) -> None:
    assert talk(StubCore(), request_word).answer == b"\x00\x00\x00\x00"


@pytest.mark.parametrize("period", [1, 50, 400])
@pytest.mark.parametrize("latency", [1, 300])
def test_answers_come_whole_and_in_the_order_of_the_questions(period: int, latency: int) -> None:
    sample = b"\x00\x01" + END_OF_STEP + END_OF_SAMPLE
    sent = sample + b"\xc0\x03" + sample + sample + b"\xc0\x04" + b"\xc0\x05"
    result = talk(StubCore(period=period, latency=latency), sent, rest_cycles=8000)
    one, read = b"\x81\x01", b"\x11\x22\x33"
    assert result.answer == one + read + b"\x03" + one + one + read + b"\x04" + read + b"\x05"
    assert result.error == 0
    assert result.toggle == 1


@pytest.mark.parametrize("latency", range(76, 88))
def test_a_result_that_comes_while_a_register_is_read_is_not_lost(latency: int) -> None:
    # The request reaches the core some 80 cycles after the step that decides, early.
    sent = b"\x00\x01" + END_OF_STEP + b"\xc0\x03" + END_OF_SAMPLE
    result = talk(StubCore(latency=latency, early=True), sent, rest_cycles=500)
    one, read = b"\x01\x00", b"\x11\x22\x33\x03"
    assert result.answer in (one + read, read + one)


@pytest.mark.parametrize("high", [0x00, 0x20, 0x01])
def test_a_spike_beyond_the_index_of_the_core_is_no_alias(high: int) -> None:
    result = talk(StubCore(n_inputs=128), bytes([high, 0x85 if high == 0 else 5]) + END_OF_SAMPLE)
    # It comes as the highest index, for which no core has an input.
    assert result.tokens == [(0, 127), (2, 0)]
    assert result.answer == b"\x01\x00"


@pytest.mark.parametrize("half_word", [b"\x40", b"\x00\x40"])
def test_a_byte_without_stop_bit_raises_error_and_realigns(half_word: bytes) -> None:
    """The broken byte is the last of `half_word`: the first of a word, or the second."""
    sent = b"\x00\x01" + half_word + END_OF_STEP + END_OF_SAMPLE
    result = talk(StubCore(), sent, bad_stop=frozenset({1 + len(half_word)}))
    assert result.tokens == [(0, 1), (1, 0), (2, 0)]
    assert result.answer == b"\x81\x01"
    assert result.error == 1


def test_a_slow_core_is_waited_for_up_to_the_depth_of_the_fifo(monkeypatch) -> None:
    monkeypatch.setattr(top, "FIFO_WORDS", 8)
    burst = b"".join(bytes([0, n]) for n in range(8)) + END_OF_SAMPLE
    # A word arrives in 80 cycles and is taken in 160: 9 words fall behind by less than 8.
    result = talk(StubCore(period=160), burst)
    assert result.tokens == [(0, n) for n in range(8)] + [(2, 0)]
    assert result.error == 0


def test_a_lost_word_is_not_silent(monkeypatch) -> None:
    monkeypatch.setattr(top, "FIFO_WORDS", 8)
    result = talk(StubCore(period=2000), b"".join(bytes([0, n]) for n in range(20)))
    assert result.tokens == [(0, n) for n in range(len(result.tokens))]
    assert 0 < len(result.tokens) < 20
    assert result.error == 1


@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
def test_more_classes_than_a_label_has_bits_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^an answer has room for 128 classes, the core has more"):
        UartTop(StubCore(n_classes=129), DIVISOR)
    gc.collect()  # the refused component complains, here, that nobody used it


@pytest.mark.parametrize(("spram", "shadow_bits"), [(False, 8), (True, 10)])
def test_a_core_learns_over_the_line(spram, shadow_bits) -> None:
    """Filled, taught, and asked for its weights; register requests in between."""
    params = learning_params("phased/ramp", 4, "1x4-3-3", shadow_bits=shadow_bits)
    lanes, layers = (2, 3), params.spec.learning_layers
    inputs, labels = random_spike_times(3, 4, params), [0, 1, -1, 2]
    sent = b""
    for n in layers if spram else ():
        shadows = packed(params.shadows[n], params.spec.layers[n], lanes[n])
        sent += protocol.shadows_request(n, write=True) + protocol.shadow_words(shadows.tolist())
    student, expected = Student(params), b""
    for times, label in zip(inputs, labels, strict=True):
        tokens = sample_tokens(times, params.spec.n_steps, lesson=label + 1)
        sent += b"".join(map(protocol.token_word, tokens))
        trace = student.learn_one(times, label)
        step = int(trace.decision_steps[0])
        by_spike = (step < params.spec.n_steps) << protocol.BY_SPIKE_BIT
        expected += bytes([int(trace.decisions[0]) | by_spike, step])
    assert student.params.digest != params.digest
    for n in layers:
        sent += protocol.shadows_request(n) + protocol.register_request(protocol.Register.VERSION)
        shadows = packed(student.shadows(n), params.spec.layers[n], lanes[n])
        n_bytes = (shadow_bits + 7) // 8
        expected += b"".join(x.to_bytes(n_bytes, "big", signed=True) for x in shadows.tolist())
        expected += protocol.VERSION.to_bytes(4, "big")
    # No layer 5, and no shadow weights of two kinds at once: registers beyond the map.
    sent += b"\xc1\x05" + b"\xc3\x00" + (b"" if spram else b"\xc2\x00")
    expected += bytes(8 if spram else 12)
    core = SpikeCore(params, lanes, spram=spram)
    result = talk(core, sent, rest_cycles=5000)
    assert result.answer == expected
    assert result.error == 0


def test_a_question_for_weights_within_a_sample_is_dropped_and_blocks_nothing() -> None:
    """Else the line would wait for ever for weights that do not come, or for their end."""
    params = learning_params("phased/ramp", 4, "1x4-3-3", shadow_bits=10)
    times = random_spike_times(3, 1, params)[0]
    trace = Student(params).learn_one(times, -1)
    words = [protocol.token_word(token) for token in sample_tokens(times, params.spec.n_steps)]
    words.insert(2, protocol.shadows_request(0))
    words.insert(4, protocol.shadows_request(1, write=True))
    sent = b"".join(words)
    sent += protocol.register_request(protocol.Register.VERSION)
    sent += protocol.register_request(protocol.Register.DROPPED)
    core = SpikeCore(params, (2, 3), spram=True)
    shadows = b""
    for n in params.spec.learning_layers:  # it is to be filled first, as it is in SPRAM
        values = packed(params.shadows[n], params.spec.layers[n], (2, 3)[n])
        shadows += protocol.shadows_request(n, write=True)
        shadows += protocol.shadow_words(values.tolist())
    result = talk(core, shadows + sent, rest_cycles=5000)
    step = int(trace.decision_steps[0])
    by_spike = (step < params.spec.n_steps) << protocol.BY_SPIKE_BIT
    expected = bytes([int(trace.decisions[0]) | by_spike, step])
    assert result.answer == expected + protocol.VERSION.to_bytes(4, "big") + (2).to_bytes(4, "big")
