"""Words in frames on the serial line, as the host sends and reads them (docs/link.md).

A frame that the line has damaged is no frame: its check sum is wrong, and it is dropped.
"""

from binascii import crc_hqx
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hwgen.protocol.words import ESCAPE, FLAG, FLIP, WINDOW, Frame

_DOWN, _UP = 3, 4  # bytes of a header, to the board and back
_CRC_BYTES = 2
_MAX_BYTES = _UP + 2 * WINDOW + _CRC_BYTES  # longer ones are garbage


@dataclass(frozen=True, kw_only=True)
class HostFrame:
    """To the board. `number`: of the first of `words`; `taken`: words from the board that came."""

    kind: Frame
    session: int
    number: int = 0
    taken: int = 0
    words: tuple[int, ...] = ()

    def encode(self) -> bytes:
        """The bytes of the frame, flags included; counts are cut to modulo 256."""
        header = bytes([self.kind << 6 | self.session, self.number & 0xFF, self.taken & 0xFF])
        return _framed(header + _bytes(self.words))


@dataclass(frozen=True, kw_only=True)
class DeviceFrame:
    """From the board. Counts of words are modulo 256.

    `faults`: frames it has dropped, modulo 4; `number`: of the first of `words`; `taken`: words
    that came whole and in order; `used`: of those, that the core has taken.
    """

    session: int
    faults: int
    number: int
    taken: int
    used: int
    words: tuple[int, ...] = ()

    def encode(self) -> bytes:
        """The bytes of the frame, flags included."""
        header = bytes([self.faults << 6 | self.session, self.number, self.taken, self.used])
        return _framed(header + _bytes(self.words))


class Deframer:
    """Bytes to frames. `n_faults`: frames that were none, with a wrong sum or length."""

    def __init__(self, *, down: bool = False) -> None:
        """down: of the frames that a board gets."""
        self._n_header = _DOWN if down else _UP
        self._body = bytearray()
        self._escaped = False
        self.n_faults = 0

    def feed(self, data: bytes) -> Iterator[DeviceFrame | HostFrame]:
        """Frames that end in these bytes; what is left waits for the next bytes.

        Frames with a wrong sum or length are counted in `n_faults`, and left out.
        """
        for byte in data:
            if byte == FLAG:
                # Two flags in a row are the end of one frame and the beginning of the next.
                if self._body or self._escaped:
                    yield from self._ended()
                self._body.clear()
                self._escaped = False
            elif byte == ESCAPE:
                self._escaped = True
            # Noise without a flag must not fill memory. One byte too many stays, so that the length
            # is wrong.
            elif len(self._body) <= _MAX_BYTES:
                self._body.append(byte ^ FLIP if self._escaped else byte)
                self._escaped = False

    def _ended(self) -> Iterator[DeviceFrame | HostFrame]:
        body, n = bytes(self._body), self._n_header
        n_words, odd = divmod(len(body) - n - _CRC_BYTES, 2)
        if self._escaped or odd or not 0 <= n_words <= WINDOW or _crc(body):
            self.n_faults += 1
            return
        words = tuple(int.from_bytes(body[i : i + 2], "big") for i in range(n, len(body) - 2, 2))
        if self._n_header == _UP:
            first, number, taken, used = body[:n]
            yield DeviceFrame(
                session=first & 0x3F,
                faults=first >> 6,
                number=number,
                taken=taken,
                used=used,
                words=words,
            )
        elif body[0] >> 6 in tuple(Frame):
            kind, session = Frame(body[0] >> 6), body[0] & 0x3F
            yield HostFrame(kind=kind, session=session, number=body[1], taken=body[2], words=words)
        else:
            self.n_faults += 1


def _bytes(words: Sequence[int]) -> bytes:
    return b"".join(word.to_bytes(2, "big") for word in words)


def _crc(data: bytes) -> int:
    """CRC-16/IBM-3740: of a body with its own sum behind it, 0."""
    return crc_hqx(data, 0xFFFF)


def _framed(body: bytes) -> bytes:
    whole = body + _crc(body).to_bytes(_CRC_BYTES, "big")
    escaped = b"".join(
        bytes([ESCAPE, byte ^ FLIP]) if byte in (FLAG, ESCAPE) else bytes([byte]) for byte in whole
    )
    return bytes([FLAG]) + escaped + bytes([FLAG])
