"""Transports that do what lines do."""

import random

from hwgen.host import Transport


class BadLine:
    """Each byte, either way, is lost, has a bit changed, or gets another one in front of it, each
    with a chance of `rate`. `n_hurt` counts."""

    def __init__(self, transport: Transport, rate: float, seed: int) -> None:
        self._transport, self._rate, self._rng = transport, rate, random.Random(seed)
        self.n_hurt = 0

    def write(self, data: bytes) -> None:
        self._transport.write(self._hurt(data))

    def read(self, timeout_s: float) -> bytes:
        return self._hurt(self._transport.read(timeout_s))

    def close(self) -> None:
        self._transport.close()

    def _hurt(self, data: bytes) -> bytes:
        hurt = bytearray()
        for byte in data:
            kind = int(self._rng.random() / self._rate) if self._rate else 3
            self.n_hurt += kind < 3
            if kind == 1:
                byte ^= 1 << self._rng.randrange(8)
            if kind == 2:
                hurt.append(self._rng.randrange(256))
            if kind:
                hurt.append(byte)
        return bytes(hurt)
