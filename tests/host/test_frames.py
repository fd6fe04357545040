"""Frames as bytes: made, read, and damaged."""

from binascii import crc_hqx

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwgen.host.frames import Deframer, DeviceFrame, HostFrame
from hwgen.protocol.words import ESCAPE, FLAG, FRAME_WORDS, WINDOW, Frame

BYTES = st.integers(0, 255)
WORDS = st.lists(st.integers(0, 0xFFFF), max_size=FRAME_WORDS).map(tuple)
UPS = st.builds(
    DeviceFrame,
    session=st.integers(0, 63),
    number=BYTES,
    taken=BYTES,
    used=BYTES,
    faults=st.integers(0, 3),
    words=WORDS,
)
DOWNS = st.builds(
    HostFrame,
    kind=st.sampled_from(Frame),
    session=st.integers(0, 63),
    number=BYTES,
    taken=BYTES,
    words=WORDS,
)


def test_a_frame_byte_by_byte() -> None:
    # The sum is that of CRC-16/IBM-3740, whose check value for "123456789" is 0x29B1.
    words = (0x3536, 0x3738)
    up = DeviceFrame(session=0x31, faults=0, number=0x32, taken=0x33, used=0x34, words=words)
    assert up.encode() == bytes.fromhex("7e 3132333435363738 a12b 7e")
    other = DeviceFrame(session=0x31, faults=2, number=0x32, taken=0x33, used=0x34, words=words)
    assert other.encode()[1] == 0xB1


def test_flags_and_escapes_are_escaped() -> None:
    words = (FLAG << 8 | ESCAPE,)
    assert bytes.fromhex("7d5e 7d5d") in HostFrame(kind=Frame.DATA, session=1, words=words).encode()


def test_counts_go_modulo_256() -> None:
    frame = HostFrame(kind=Frame.POLL, session=63, number=0x1F7, taken=0x203)
    assert frame.encode()[1:4] == bytes([0x7F, 0xF7, 0x03])


@given(frames=st.lists(UPS, max_size=4), split=st.integers(1, 50))
def test_frames_come_back(frames: list[DeviceFrame], split: int) -> None:
    unframer = Deframer()
    data = b"".join(frame.encode() for frame in frames)
    pieces = [data[i : i + split] for i in range(0, len(data), split)]
    assert [frame for piece in pieces for frame in unframer.feed(piece)] == frames
    assert unframer.n_faults == 0


@given(frame=DOWNS)
def test_frames_to_the_board_come_back(frame: HostFrame) -> None:
    assert list(Deframer(down=True).feed(frame.encode())) == [frame]


@given(frame=UPS, data=st.data())
def test_a_damaged_frame_is_none_and_the_next_one_is_read(frame: DeviceFrame, data) -> None:
    raw = bytearray(frame.encode())
    position = data.draw(st.integers(1, len(raw) - 2))
    raw[position] ^= 1 << data.draw(st.integers(0, 7))
    unframer = Deframer()
    assert list(unframer.feed(bytes(raw) + frame.encode())) == [frame]
    assert unframer.n_faults >= 1


@given(garbage=st.binary(max_size=400), frame=UPS)
def test_garbage_before_a_frame_costs_no_frame(garbage: bytes, frame: DeviceFrame) -> None:
    *_, last = Deframer().feed(garbage + frame.encode())
    assert last == frame


@pytest.mark.parametrize("n_words", [WINDOW + 1, 1000])
def test_a_frame_that_is_too_long_is_none(n_words: int) -> None:
    frame = DeviceFrame(session=1, number=0, taken=0, used=0, faults=0, words=(7,) * n_words)
    unframer = Deframer()
    assert (list(unframer.feed(frame.encode())), unframer.n_faults) == ([], 1)


def test_a_kind_that_is_none() -> None:
    whole = HostFrame(kind=Frame.SYNC, session=1).encode()
    unframer = Deframer(down=True)
    body = bytes([3 << 6 | 1, 0, 0])
    other = bytes([FLAG]) + body + crc_hqx(body, 0xFFFF).to_bytes(2, "big") + bytes([FLAG])
    assert list(unframer.feed(other + whole)) == [HostFrame(kind=Frame.SYNC, session=1)]
    assert unframer.n_faults == 1
