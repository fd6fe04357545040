"""The host against a board, compiled, over its line: good lines, bad ones, and other boards."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bad_lines import BadLine
from formal.planted import Fault, planted
from reporters import Heard
from samples import learning_params, random_network, random_spike_times
from stand_ins import needs

from hwgen.errors import LinkError, ToolError
from hwgen.golden import Golden
from hwgen.golden.online import OnlineNetwork
from hwgen.host import Device, Recorder, Replay, SerialPort, simulated
from hwgen.host.frames import Deframer, DeviceFrame, HostFrame
from hwgen.host.line import Line
from hwgen.host.simulated import SimulatedBoard, SimulatedPort
from hwgen.network.design import Design
from hwgen.network.params import Params
from hwgen.protocol import words
from hwgen.protocol.words import FRAME_WORDS, Frame, Register

LANES = (4, 5)


@pytest.fixture(scope="module")
def params() -> Params:
    return random_network(3, "1x20-8-5", weight_bits=3)


@pytest.fixture(scope="module")
def library(params: Params, tmp_path_factory) -> Path:
    needs("yosys")
    cache = tmp_path_factory.mktemp("board")
    return simulated.compile_board(Design(params, LANES), early_exit=False, cache=cache)


def agrees(device: Device, params: Params, n: int) -> bool:
    """Whether n samples have golden's answers."""
    inputs = random_spike_times(9, n, params)
    trace, got = Golden(params).run(inputs), device.run(inputs)
    by_spike = trace.decision_steps < params.spec.n_steps
    return (
        np.array_equal(got.decisions, trace.decisions)
        and np.array_equal(got.steps, trace.decision_steps)
        and np.array_equal(got.by_spike, by_spike)
    )


def test_answers_and_counters_are_goldens(library: Path, params: Params) -> None:
    inputs = random_spike_times(9, 200, params)
    heard = Heard()
    with Device(SimulatedBoard(library), params) as device:
        device.run(inputs, reporter=heard)
        assert agrees(device, params, 150)
        assert device.registers(Register.VERSION) == {Register.VERSION: words.VERSION}
        counters = device.counters(350)
        assert (device.line.n_dropped, device.line.n_repeats) == (0, 0)
    assert heard.advances[-1] == (200, 200)
    assert heard.advances == sorted(heard.advances)
    assert {total for _, total in heard.advances} == {200}
    again = random_spike_times(9, 150, params)
    n_events = sum(int((x < params.spec.n_steps).sum()) for x in (inputs, again))
    assert counters[Register.EVENTS] == n_events
    assert counters[Register.DROPPED] == 0


@pytest.mark.parametrize(("spram", "shadow_bits"), [(False, 8), (True, 10)])
@pytest.mark.parametrize("rate", [0.0, 1 / 1500])
def test_training_samples_and_weights_over_the_line(
    tmp_path: Path, spram: bool, shadow_bits: int, rate: float
) -> None:
    """A training sample that came twice, or not at all, would leave other weights."""
    params = learning_params("phased/ramp", 4, "1x4-3-3", shadow_bits=shadow_bits)
    lanes, layers = (2, 3), params.spec.learning_layers
    design = Design(params, lanes)
    design = design.all_loaded() if spram else design
    library = simulated.compile_board(design, early_exit=False)
    inputs, labels = random_spike_times(3, 150, params), np.arange(150) % 4 - 1
    online = OnlineNetwork(params)
    traces = [online.train_sample(*sample) for sample in zip(inputs, labels.tolist(), strict=True)]
    line, heard = BadLine(SimulatedBoard(library), rate, seed=1), Heard()
    with Device(line, params, lanes=lanes) as device:
        for n in layers if spram else ():
            device.fill(n, params.shadows[n])
        got = device.run(inputs, labels)
        learnt = device.read_weights(reporter=heard)
    # 4 inputs of 2 words of 2 lanes each; 3 inputs of a word of 3.
    assert {(16, 16), (9, 9)} <= set(heard.advances)
    assert got.decisions.tolist() == [int(trace.decisions[0]) for trace in traces]
    for n in layers:
        assert np.array_equal(learnt.shadows[n], online.shadows(n))
        assert not np.array_equal(learnt.shadows[n], params.shadows[n])
    assert learnt.provenance["parent"] == params.digest
    assert (line.n_hurt > 0) == (rate > 0)


def test_garbage_on_the_line_is_no_trouble(library: Path, params: Params) -> None:
    board = SimulatedBoard(library)
    board.write(np.random.default_rng(5).bytes(5000))
    with Device(board, params, session=9) as device:
        assert agrees(device, params, 20)


def test_another_core_is_refused(library: Path, params: Params) -> None:
    other = replace(params, name="other", weights=tuple(-w for w in params.weights))
    expected = f"^the core is that of params {params.digest[:16]}, expected {other.digest[:16]} "
    with pytest.raises(LinkError, match=expected):
        Device(SimulatedBoard(library), other)


def test_another_version_is_refused(library: Path, params: Params, monkeypatch) -> None:
    monkeypatch.setattr(words, "VERSION", 7)
    with pytest.raises(LinkError, match=r"^the core speaks version 2 of the protocol, expected 7"):
        Device(SimulatedBoard(library), params)


def test_a_board_that_was_reset_is_noticed(library: Path, params: Params) -> None:
    class Reset(SimulatedBoard):
        """As if the button were pressed: another board, just begun."""

        def press(self) -> None:
            other = SimulatedBoard(library)
            self._board, other._board = other._board, self._board
            other.close()

    board = Reset(library)
    with Device(board, params) as device:
        board.press()
        with pytest.raises(LinkError, match=r"^the board was reset, or another program"):
            agrees(device, params, 3)


class Silence:
    """Nobody is there. Keeps what was written."""

    def __init__(self) -> None:
        self.written, self.timeouts, self.closed = b"", [], False

    def write(self, data: bytes) -> None:
        self.written += data

    def read(self, timeout_s: float) -> bytes:
        self.timeouts.append(timeout_s)
        return b""

    def close(self) -> None:
        self.closed = True


def test_silence_is_given_up(params: Params) -> None:
    silence = Silence()
    with pytest.raises(LinkError, match=r"^the board does not answer; is it this port"):
        Device(silence, params)
    assert silence.closed
    assert silence.written.count(b"\x7e") == 2 * len(silence.timeouts)
    assert sum(silence.timeouts) < 15


class Babble(Silence):
    """Somebody else is there."""

    def read(self, timeout_s: float) -> bytes:
        return bytes(range(100))


def test_babble_is_given_up(library: Path, params: Params, monkeypatch) -> None:
    with pytest.raises(LinkError, match=r"^the board does not answer; is it this port"):
        Device(Babble(), params)
    board = SimulatedBoard(library)
    with Device(board, params) as device:
        monkeypatch.setattr(board, "read", Babble().read)
        with pytest.raises(LinkError, match=r"^the board answers no more: 0 words of 20 have come"):
            device.registers()


def test_a_recording_plays_again(library: Path, params: Params, tmp_path: Path) -> None:
    path = tmp_path / "line.jsonl"
    with Device(Recorder(SimulatedBoard(library), path), params, session=3) as device:
        assert agrees(device, params, 10)
    with Device(Replay(path), params, session=3) as device:
        assert agrees(device, params, 10)
        with pytest.raises(LinkError, match=r"line\.jsonl: ends here, after \d+ lines"):
            device.registers()
    with pytest.raises(LinkError, match=r"line 1: something else is written now"):
        Device(Replay(path), params, session=4)
    path.write_text("what is this")
    with pytest.raises(LinkError, match=r"line\.jsonl: no recording of a line"):
        Replay(path)


def test_a_pseudo_terminal_is_a_serial_port(library: Path, params: Params) -> None:
    with SimulatedPort(library) as port:
        for _ in range(2):  # one host after the other
            with Device(SerialPort(port.name, 1_000_000), params) as device:
                assert agrees(device, params, 30)


def test_a_port_that_is_not_there() -> None:
    with pytest.raises(LinkError, match=r"^/dev/none: cannot be opened .*; serial ports here: "):
        SerialPort("/dev/none", 115200)


def test_a_library_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "core.so").write_text("no")
    with pytest.raises(ToolError, match=r"core\.so: not a compiled board"):
        SimulatedBoard(tmp_path / "core.so")


class Raw:
    """Frames to and from a board, without the manners of a host."""

    def __init__(self, library: Path) -> None:
        self.board, self.unframer = SimulatedBoard(library), Deframer()

    def say(self, kind: Frame, session: int = 3, **fields: Any) -> list[DeviceFrame]:
        """A frame; what comes back, until nothing does."""
        self.board.write(HostFrame(kind=kind, session=session, **fields).encode())
        heard: list[DeviceFrame] = []
        while data := self.board.read(0.01):
            heard += (up for up in self.unframer.feed(data) if isinstance(up, DeviceFrame))
        return heard


VERSIONS = (words.register_request(Register.VERSION),) * FRAME_WORDS
ANSWERS = (0, words.VERSION) * FRAME_WORDS


def answers_that_stay_until_they_are_taken(library: Path) -> None:
    """They fill the memory, then questions do; a frame that has no room is dropped whole."""
    raw = Raw(library)
    (hello,) = raw.say(Frame.SYNC)
    assert hello == DeviceFrame(session=3, number=0, taken=0, used=0, faults=0)
    sent = came = 0
    for _ in range(3):  # counts are modulo 256
        first = raw.say(Frame.DATA, number=sent, taken=came, words=VERSIONS)
        assert sum((up.words for up in first), ()) == ANSWERS
        raw.say(Frame.DATA, number=sent + 64, taken=came, words=VERSIONS)
        last = raw.say(Frame.DATA, number=sent + 128, taken=came, words=VERSIONS[:63])[-1]
        assert last.taken == (sent + 191) % 256
        more = raw.say(Frame.DATA, number=sent + 191, taken=came, words=VERSIONS[:40])
        assert more[-1].taken == last.taken
        sent += 191
        # Those that the host says it has not, again.
        assert raw.say(Frame.POLL, number=sent, taken=came)[0].words == ANSWERS
        got = ANSWERS
        for _ in range(8):
            for up in raw.say(Frame.POLL, number=sent, taken=came + len(got)):
                if up.number == (came + len(got)) % 256:
                    got += up.words
        assert got == (ANSWERS * 3)[: 2 * 191]
        came += len(got)


def strangers_are_told_the_session_and_not_heeded(library: Path) -> None:
    raw = Raw(library)
    (told,) = raw.say(Frame.DATA, words=VERSIONS)  # no session has begun
    assert (told.session, told.taken) == (0, 0)
    raw.say(Frame.SYNC)
    (told,) = raw.say(Frame.DATA, session=4, words=VERSIONS)
    assert (told.session, told.taken, told.words) == (3, 0, ())
    assert raw.say(Frame.DATA, number=5, words=VERSIONS)[-1].taken == 0  # some before are missing
    assert raw.say(Frame.DATA, words=VERSIONS[:1])[-1].taken == 1


def sessions_begin_anew(library: Path, params: Params) -> None:
    """Even in the middle of a sample, and of an answer."""
    board = SimulatedBoard(library)
    Line(board, session=1).exchange([0x0001, 0x4000, 0x0002], 0)
    board.write(HostFrame(kind=Frame.DATA, session=1, number=3, words=VERSIONS).encode())
    for _ in range(40):
        board.read(0.001)
    with Device(board, params, session=2) as device:
        assert agrees(device, params, 20)


def bad_lines_change_no_answer(library: Path, params: Params, seed: int) -> None:
    """Some byte of every second full frame is hurt."""
    line = BadLine(SimulatedBoard(library), 1 / 900, seed)
    with Device(line, params) as device:
        assert agrees(device, params, 300)
        assert device.counters(300)[Register.SAMPLES] == 300
        assert device.line.n_dropped > 0
        assert device.line.n_repeats > 0
    assert line.n_hurt > 20


def all_of(library: Path, params: Params) -> None:
    answers_that_stay_until_they_are_taken(library)
    strangers_are_told_the_session_and_not_heeded(library)
    sessions_begin_anew(library, params)
    for seed in range(2):
        bad_lines_change_no_answer(library, params, seed)


def test_answers_stay_until_they_are_taken(library: Path) -> None:
    answers_that_stay_until_they_are_taken(library)


def test_strangers(library: Path) -> None:
    strangers_are_told_the_session_and_not_heeded(library)


def test_sessions(library: Path, params: Params) -> None:
    sessions_begin_anew(library, params)


@pytest.mark.parametrize("seed", range(4))
def test_bad_lines(library: Path, params: Params, seed: int) -> None:
    bad_lines_change_no_answer(library, params, seed)


FAULTS = [
    Fault("link/frames", " & check.match_detected)", ")"),
    Fault(
        "link/frames", "is_special = (byte == FLAG) | (byte == ESCAPE)", "is_special = byte == FLAG"
    ),
    Fault("link/link", "is_next & ~overflow", "~overflow"),
    Fault("link/link", "is_next & ~overflow", "is_next"),
    Fault("link/link", "self._sent.eq(self._kept), ", ""),
    Fault("link/link", "ahead != self._used ^ WINDOW", "1"),
    Fault(
        "link/link", "(ahead != self._used ^ WINDOW) & ~overflow", "ahead != self._used ^ WINDOW"
    ),
    Fault("link/link", "self._put != self._kept ^ WINDOW", "1"),
    Fault("link/link", "(session == self.session) & (session != 0)", "1"),
    Fault("link/link", "ahead + (wrote & ~is_low)", "ahead + ~is_low"),
    Fault("link/link", "aborted | (position == self._sent)", "position == self._sent"),
    Fault("top", "ResetInserter(link.reset)(self._commands)", "self._commands"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_in_the_gateware_is_found(fault: Fault, tmp_path: Path) -> None:
    params = random_network(3, "1x20-3", weight_bits=3)
    with planted(fault):
        library = simulated.compile_board(Design(params, (3,)), early_exit=False, cache=tmp_path)
    with pytest.raises((AssertionError, LinkError, ValueError)):
        all_of(library, params)
