"""The serial line against bit patterns written down by hand, not against itself."""

import gc
from collections.abc import Iterable

import pytest
from amaranth.sim import Simulator

from hwgen.hdl.link.uart import Receiver, Transmitter

DIVISORS = [4, 5, 12, 25, 104]
# Start bit, eight data bits low to high, stop bit.
FRAMES = {
    0x00: "0000000001",
    0xFF: "0111111111",
    0x55: "0101010101",
    0xA3: "0110001011",
    0x01: "0100000001",
    0x80: "0000000011",
}


def frame(byte: int) -> str:
    return FRAMES[byte]


def wave(bits: str, divisor: float) -> list[int]:
    """Line levels, one a cycle; a divisor that is no integer models a sender with its own clock."""
    n_cycles = round(len(bits) * divisor)
    return [int(bits[min(int(cycle / divisor), len(bits) - 1)]) for cycle in range(n_cycles)]


class Received:
    def __init__(self) -> None:
        self.data: list[int] = []
        self.n_framing = 0
        self.n_overrun = 0


def receive(levels: Iterable[int], divisor: int, *, stalled_until: int = 0) -> Received:
    """Play levels into a receiver; take bytes from cycle `stalled_until` on."""
    dut = Receiver(divisor)
    result = Received()

    async def testbench(ctx):
        for cycle, level in enumerate([*levels, *[1] * (2 * divisor + 8)]):
            ctx.set(dut.rx, level)
            ctx.set(dut.o.ready, cycle >= stalled_until)
            if ctx.get(dut.o.valid) and ctx.get(dut.o.ready):
                result.data.append(ctx.get(dut.o.payload))
            result.n_framing += ctx.get(dut.framing)
            result.n_overrun += ctx.get(dut.overrun)
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    return result


@pytest.mark.parametrize("divisor", DIVISORS)
def test_receives_back_to_back_bytes(divisor: int) -> None:
    text = "".join(frame(byte) for byte in FRAMES)
    result = receive(wave("11" + text, divisor), divisor)
    assert result.data == list(FRAMES)
    assert (result.n_framing, result.n_overrun) == (0, 0)


@pytest.mark.parametrize("gap", ["1", "11111", "1" * 23])
def test_receives_bytes_with_gaps(gap: str) -> None:
    result = receive(wave(gap.join(["", frame(0xA3), frame(0x80), frame(0x55)]), 7), 7)
    assert result.data == [0xA3, 0x80, 0x55]


@pytest.mark.parametrize("error", [0.97, 1.03])
def test_bears_a_sender_three_percent_off(error: float) -> None:
    text = "1" + "".join(frame(byte) for byte in FRAMES)
    result = receive(wave(text, 16 * error), 16)
    assert result.data == list(FRAMES)
    assert result.n_framing == 0


def test_a_sender_ten_percent_off_is_not_understood() -> None:
    result = receive(wave("1" + frame(0x80) * 3, 16 * 1.10), 16)
    assert result.data != [0x80] * 3


@pytest.mark.parametrize("divisor", [8, 16, 104])
def test_a_glitch_is_no_start_bit(divisor: int) -> None:
    glitch = [1] * divisor + [0] * (divisor // 2 - 1) + [1] * divisor
    assert receive(glitch, divisor).data == []
    result = receive(glitch + wave(frame(0xA3), divisor), divisor)
    assert result.data == [0xA3]
    assert result.n_framing == 0


def test_a_byte_without_stop_bit_is_dropped_and_counted() -> None:
    bad = frame(0xA3)[:-1] + "0"
    result = receive(wave("1" + bad + "1" + frame(0x55), 8), 8)
    assert result.data == [0x55]
    assert result.n_framing == 1


def test_a_break_gives_one_error_and_no_byte() -> None:
    result = receive(wave("1" + "0" * 40 + "1" + frame(0x01), 8), 8)
    assert result.data == [0x01]
    assert result.n_framing == 1


def test_an_untaken_byte_stays_and_the_next_is_counted_lost() -> None:
    levels = wave("1" + frame(0xA3) + frame(0x55) + frame(0x80), 8)
    result = receive(levels, 8, stalled_until=8 * 25)
    assert result.data == [0xA3, 0x80]
    assert result.n_overrun == 1


@pytest.mark.parametrize("divisor", DIVISORS)
@pytest.mark.parametrize("gap", [0, 1, 37])
def test_transmits(divisor: int, gap: int) -> None:
    dut = Transmitter(divisor)
    levels: list[int] = []

    async def drive(ctx):
        for byte in FRAMES:
            await ctx.tick().repeat(gap) if gap else None
            ctx.set(dut.i.valid, 1)
            ctx.set(dut.i.payload, byte)
            await ctx.tick().until(dut.i.ready)
            ctx.set(dut.i.valid, 0)
            ctx.set(dut.i.payload, 0xC6)  # the byte must have been captured

    async def watch(ctx):
        for _ in range((11 * divisor + gap) * (len(FRAMES) + 1)):
            levels.append(ctx.get(dut.tx))
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(drive)
    simulator.add_testbench(watch)
    simulator.run()

    for byte in FRAMES:
        start = levels.index(0)
        expected = [int(bit) for bit in frame(byte) for _ in range(divisor)]
        assert levels[start : start + 10 * divisor] == expected, f"byte {byte:#04x}"
        del levels[: start + 10 * divisor]
    assert 0 not in levels


@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
@pytest.mark.parametrize("component", [Receiver, Transmitter])
def test_too_fast_a_line_is_refused(component: type) -> None:
    with pytest.raises(ValueError, match=r"^divisor must be at least 4, not 3$"):
        component(3)
    gc.collect()  # the refused component complains, here, that nobody used it
