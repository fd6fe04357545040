"""Words over a line that may lose and damage them: the host's end of docs/link.md."""

from collections.abc import Iterator, Sequence

from hwgen.errors import LinkError
from hwgen.host.frames import Deframer, DeviceFrame, HostFrame
from hwgen.host.transport import Transport
from hwgen.progress import SILENT, Reporter
from hwgen.protocol.words import FRAME_WORDS, SESSIONS, WINDOW, Frame

_QUIET_S = 0.25  # no byte for so long: something was lost, or the core is busy
_MAX_QUIET_S = 2.0
_MAX_RETRIES = 8  # times in a row, each twice as long, that the board may be silent
_STALLED = 60  # times in a row that the board says nothing new
_MAX_NOISE = 20_000  # bytes in a row that are no frame
_IN_FLIGHT = WINDOW - 1  # words; one place is for the check sum
_MAX_UNACKED = WINDOW // 4  # words that came, before the board is told without being asked


class Line:
    """A session with a board."""

    def __init__(self, transport: Transport, *, session: int = 1) -> None:
        """session: 1 to 63, best another one than that before. Raises `LinkError`.

        Another session than before, so that answers still on the line from then are told apart.
        """
        if session not in SESSIONS:
            raise ValueError(f"session must be 1 to 63, not {session!r}")
        self._transport, self._session = transport, session
        self._deframer = Deframer()
        self._window = _Window()
        self.n_repeats = 0  # times that words had to be sent, or asked for, again
        self.n_faults = 0  # frames that the board has dropped
        self._faults = 0  # modulo 4, as it says
        self._handshake()

    @property
    def n_dropped(self) -> int:
        """Frames that were dropped because they were damaged, there or here."""
        return self.n_faults + self._deframer.n_faults

    def _handshake(self) -> None:
        """Begin the session."""
        # The answer to SYNC may be lost like any frame. SYNC twice does no harm: nothing has been
        # sent yet.
        for attempt in range(_MAX_RETRIES):
            self._transport.write(HostFrame(kind=Frame.SYNC, session=self._session).encode())
            quiet_s = min(_QUIET_S * 2**attempt, _MAX_QUIET_S)
            n_heard = 0
            # A wrong baud rate makes endless noise, and a read that always returns; `_MAX_NOISE`
            # ends it.
            while (data := self._transport.read(quiet_s)) and n_heard < _MAX_NOISE:
                n_heard += len(data)
                for frame in self._deframer.feed(data):
                    # What an old session has left on the line has another number, and is skipped.
                    if isinstance(frame, DeviceFrame) and frame.session == self._session:
                        self._faults = frame.faults
                        return
        raise LinkError(
            "the board does not answer; is it this port and baud rate, and is an hwgen bitstream "
            "loaded?"
        )

    def exchange(
        self,
        words: Sequence[int],
        n_answers: int,
        reporter: Reporter = SILENT,
    ) -> list[int]:
        """Send words, and wait until the board has them and that many words have come back.

        `reporter` hears how many there are. Raises `LinkError`.

        words: 16 bits each, of any number: the window cuts them into frames. n_answers: how many
        words must come back, no more and no less. Returns them in order.
        """
        window = self._window
        answers: list[int] = []
        window.queue(words)
        silent = stalled = n_noise = 0
        while window.n_queued or len(answers) < n_answers:
            for frame in window.frames(self._session):
                self._transport.write(frame.encode())
            # Twice as long each time: a core at work on a long sample says nothing, and is not to
            # be flooded.
            data = self._transport.read(min(_QUIET_S * 2**silent, _MAX_QUIET_S))
            n_noise += len(data)
            for answer in self._deframer.feed(data):
                n_noise = 0
                # A frame with nothing new is counted: a board that answers for ever and takes
                # nothing is stuck, though it is not silent.
                got = self._take(answer)
                stalled = stalled + 1 if got is None else 0
                answers += got or ()
                reporter.advance(len(answers), n_answers)
            # Noise counts as a sign of life here; `_MAX_NOISE` bounds it.
            if data:
                silent = 0
            else:
                silent, stalled = silent + 1, stalled + 1
                self._repeat()
            # More answers than questions would shift all that follow: it is as bad as none.
            lost = silent > _MAX_RETRIES or stalled > _STALLED or n_noise > _MAX_NOISE
            if lost or len(answers) > n_answers:
                raise LinkError(
                    f"the board answers {'too much' if answers[n_answers:] else 'no more'}: "
                    f"{len(answers)} words of {n_answers} have come, {window.n_queued} of "
                    f"{len(words)} are still to go; reset it, and begin again"
                )
        return answers

    def _take(self, frame: DeviceFrame | HostFrame) -> Sequence[int] | None:
        """Words that a frame brings; None if it says nothing new."""
        assert isinstance(frame, DeviceFrame)
        # Session 0 follows a reset of the board. What it had taken is gone, and nobody knows how
        # much of it the core had used.
        if frame.session != self._session:
            raise LinkError(
                "the board was reset, or another program talks to it: "
                f"its session is {frame.session}, not {self._session}; begin again"
            )
        got = self._window.take(frame)
        # The board says so in its next frame, so what it dropped is sent again at once, not after
        # the silence.
        if frame.faults != self._faults:  # it has dropped something just now
            self.n_faults += (frame.faults - self._faults) % 4
            self._faults = frame.faults
            self._repeat()
        return got

    def _repeat(self) -> None:
        self.n_repeats += 1
        self._window.repeat()

    def close(self) -> None:
        """Close the transport. The board keeps what it has; the next session begins it anew."""
        self._transport.close()


class _Window:
    """What was sent, and what is known of it. Counts of words since the session began."""

    def __init__(self) -> None:
        self._words: Sequence[int] = ()  # the last that were queued; all before them are whole
        # Counts here have no end; on the line they are modulo 256. `_unwrapped` puts them together.
        self._begun = 0  # so many
        self._sent = self._most = 0  # the next to send; how far it ever was
        self._whole = self._used = 0  # that the board has; that its core has
        self._received = self._acked = 0  # that have come; that the board knows to have come
        self._asks = False  # for what may be lost

    @property
    def n_queued(self) -> int:
        """Words that the board may not have."""
        return self._begun + len(self._words) - self._whole

    def queue(self, words: Sequence[int]) -> None:
        """To be sent, once there are none queued."""
        assert not self.n_queued
        self._words, self._begun = words, self._whole

    def repeat(self) -> None:
        """What the board may not have goes again; and ask for what may not have come."""
        # From the first word that the board may lack. Words it has already it drops by their
        # number.
        self._sent, self._asks = self._whole, True

    def frames(self, session: int) -> Iterator[HostFrame]:
        """What may be sent now."""
        while True:
            position = self._sent - self._begun
            # Counted from what the core has used, not from what has come: the board keeps words
            # until then.
            room = self._used + _IN_FLIGHT - self._sent
            words = tuple(self._words[position : position + min(FRAME_WORDS, room)])
            if not (words or self._asks or self._received - self._acked >= _MAX_UNACKED):
                return
            kind = Frame.POLL if self._asks else Frame.DATA
            yield HostFrame(
                kind=kind, session=session, number=self._sent, taken=self._received, words=words
            )
            self._sent += len(words)
            self._most = max(self._most, self._sent)
            self._acked, self._asks = self._received, False

    def take(self, frame: DeviceFrame) -> Sequence[int] | None:
        """Words that are the next in order, or none; None if nothing has changed at all."""
        before = self._whole, self._used, self._received
        # A frame that was late must not take a count back; `_unwrapped` lets it go forward only,
        # and no further than what was sent.
        self._whole = _unwrapped(self._whole, frame.taken, self._most)
        self._used = _unwrapped(self._used, frame.used, self._whole)
        self._sent = max(self._sent, self._whole)
        got: Sequence[int] = ()
        # Only the next in order counts. Words that came twice are no harm, words from beyond a gap
        # no use.
        if frame.number == self._received & 0xFF:
            got = frame.words
            self._received += len(got)
        elif frame.words and (frame.number - self._received) & 0xFF < WINDOW:
            self._asks = True  # some before these were lost
        return got if before != (self._whole, self._used, self._received) else None


def _unwrapped(known: int, told: int, most: int) -> int:
    """A count, of which the low byte was told; not before `known`, nor beyond `most`."""
    count = known + ((told - known) & 0xFF)
    return count if count <= most else known
