"""The serial line to the host: two streams of words, whole and in order (docs/link.md)."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen.hdl.link.frames import Deframer, Framer
from hwgen.hdl.link.uart import Receiver, Transmitter
from hwgen.protocol.words import WINDOW, Frame

_TOLD_BITS = 3  # of how many words are used: when these change, the host is told


class Link(wiring.Component):
    """Words from the host come out at `o`; words to it go in at `i`.

    A frame counts once it is whole and the next in order; until then its words wait in the memory
    behind those that count. Words to the host stay until it says that it has them. Both halves
    share one memory, which is one block of an iCE40.

    Members: `reset` strobes when a session begins: what is behind `o` and before `i` is to begin
    anew. `session` is its number, 0 if there is none. `faults` counts frames that were dropped,
    modulo 4; `fault`: some were in this session.
    """

    def __init__(self, divisor: int) -> None:
        """divisor: clock cycles a bit.

        A bit lasts divisor / clock frequency seconds. Below `uart.MIN_DIVISOR` elaboration raises
        ValueError.
        """
        self._divisor = divisor
        super().__init__(
            {
                "rx": In(1, init=1),
                "tx": Out(1, init=1),
                "o": Out(stream.Signature(16)),
                "i": In(stream.Signature(16)),
                "reset": Out(1),
                "session": Out(6),
                "faults": Out(2),
                "fault": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Receiver, transmitter and the memory of 2 x `WINDOW` words between them and the core."""
        m = Module()
        # `no_rw_check`: no word is read in the cycle in which it is written, because a word is
        # read only when it counts. Without the promise yosys puts a comparator and a bypass
        # around the block.
        m.submodules.words = words = memory.Memory(
            shape=16, depth=2 * WINDOW, init=[], attrs={"no_rw_check": 1}
        )
        self._read, self._write = words.read_port(), words.write_port()
        # Words since the session began, modulo 256: from the host, and to it.
        # The window is 128 words and counts are modulo 256, so "full" and "empty" differ, as does a
        # new word from the one sent again. With a window of 256 they would not.
        self._whole, self._used = Signal(8), Signal(8)
        self._put, self._sent, self._kept = Signal(8), Signal(8), Signal(8)
        # What is due: a frame to the host; from the first word on that it does not have.
        self._due, self._again = Signal(), Signal()
        fetches = Signal()  # words to the host go first: the line is slow, and must not wait
        self._send(m, fetches)
        self._pass_on(m, fetches)
        self._receive(m)
        return m

    def _receive(self, m: Module) -> None:
        m.submodules.receiver = receiver = Receiver(self._divisor)
        m.submodules.deframer = frame = Deframer()
        wiring.connect(m, receiver.o, frame.i)
        m.d.comb += [
            receiver.rx.eq(self.rx),
            frame.broken.eq(receiver.framing | receiver.overrun),
        ]
        # The header is kept, not acted on: only the check sum says whether it was what the host has
        # sent.
        session, kind, is_next, taken = Signal(6), Signal(2), Signal(), Signal(8)
        position = Signal(2)  # in the header
        high, is_low = Signal(8), Signal()
        # Words up to this one: it counts when the next begins, so that the check sum does not.
        # The check sum looks like a last word until the frame ends. It is written to memory, too,
        # behind those that count: hence a window of 127 for the host, and one place for the sum.
        ahead, wrote, overflow = Signal(8), Signal(), Signal()
        takes, has_room = Signal(), Signal()
        m.d.comb += [
            # A word is taken with its low byte, in one cycle, so the memory's write port is claimed
            # for one cycle in twenty bits of line: words from the core hardly ever wait.
            takes.eq(frame.strobe & (position == 3) & is_low),
            # XOR with the window is plus 128 modulo 256, without an adder. The ring is full when
            # `ahead` is a window beyond `used`.
            has_room.eq((ahead != self._used ^ WINDOW) & ~overflow),
        ]
        with m.If(frame.strobe):
            with m.Switch(position):
                with m.Case(0):
                    m.d.sync += Cat(session, kind).eq(frame.byte)
                with m.Case(1):
                    m.d.sync += is_next.eq(frame.byte == self._whole)
                with m.Case(2):
                    m.d.sync += taken.eq(frame.byte)
                with m.Default():
                    m.d.sync += [high.eq(frame.byte), is_low.eq(~is_low)]
                    m.d.sync += ahead.eq(ahead + (wrote & ~is_low))
            # The position stays at 3: a frame is as long as it is.
            m.d.sync += position.eq(position + (position != 3))
        with m.If(takes):
            # One word too many spoils the frame: else its tail would be lost, and its number still
            # counted.
            m.d.sync += [wrote.eq(1), overflow.eq(overflow | ~has_room)]

        word = Cat(frame.byte, high)
        self._store(m, takes, takes & has_room, ahead, word)
        good, known = Signal(), Signal()
        m.d.comb += [
            # A right sum is not enough. Half a word, or a frame without one, is none that a host
            # makes; a CRC of 16 bits lets one in 65 536 of those pass.
            good.eq(frame.good & ~is_low & wrote),
            # Session 0 is that after a reset: a frame of an old program must not count for it.
            known.eq((session == self.session) & (session != 0)),
            self.reset.eq(good & (kind == Frame.SYNC)),
        ]
        # Two bits of the header are left for `faults`, so it counts modulo 4. A count that wraps
        # between two frames hides faults, but no word: the next number still says what is missing.
        with m.If(frame.bad | (frame.good & ~good)):
            m.d.sync += [self.faults.eq(self.faults + 1), self.fault.eq(1)]
        with m.If(good):
            # Each good frame is answered, even one that was not the next. So a host that repeats
            # itself learns where it is, and does not wait for ever.
            m.d.sync += self._due.eq(1)
            with m.If(known):
                # No check of `taken` against what was sent: the frame has a right sum and the right
                # session, and the host never claims what it has not got.
                m.d.sync += self._kept.eq(taken)
                with m.If(kind == Frame.POLL):
                    m.d.sync += self._again.eq(1)
        with m.If(frame.good | frame.bad):
            m.d.sync += [position.eq(0), is_low.eq(0), wrote.eq(0), overflow.eq(0)]
            with m.If(good & known & is_next & ~overflow):
                m.d.sync += self._whole.eq(ahead)
            with m.Else():
                # The words of a frame that does not count stay in memory, but `ahead` goes back in
                # front of them: no trace of it is left.
                m.d.sync += ahead.eq(self._whole)
        with m.If(self.reset):
            counters = (self._whole, self._used, self._put, self._sent, self._kept, ahead)
            m.d.sync += [counter.eq(0) for counter in counters]
            m.d.sync += [self.fault.eq(0), self.session.eq(session), self._again.eq(0)]

    def _store(self, m: Module, takes: Signal, keeps, ahead: Signal, word) -> None:
        """One memory port for both directions; words from the host first."""
        m.d.comb += [
            # The line cannot wait, the core can: so words from the host go first at the one write
            # port.
            self.i.ready.eq(~takes & (self._put != self._kept ^ WINDOW)),
            self._write.en.eq(keeps | (self.i.valid & self.i.ready)),
            self._write.addr.eq(Mux(takes, ahead[:7], Cat(self._put[:7], 1))),
            self._write.data.eq(Mux(takes, word, self.i.payload)),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += self._put.eq(self._put + 1)

    def _pass_on(self, m: Module, fetches: Signal) -> None:
        """Words that count, from the memory to `o`."""
        gets, got = Signal(), Signal()
        m.d.comb += [
            # One word at a time, and none while the read port fetches for the line. `used` counts
            # when the word leaves memory; from then on its place may be written again.
            gets.eq(~fetches & ~got & ~self.o.valid & (self._used != self._whole)),
            self._read.en.eq(fetches | gets),
        ]
        # A word fetched in the cycle of a reset belongs to the session before; it must not reach
        # the core.
        m.d.sync += got.eq(gets & ~self.reset)
        with m.If(gets):
            m.d.sync += self._used.eq(self._used + 1)
        with m.If(self.reset):
            m.d.sync += self.o.valid.eq(0)
        with m.Elif(got):
            m.d.sync += [self.o.payload.eq(self._read.data), self.o.valid.eq(1)]
        with m.Elif(self.o.ready):
            m.d.sync += self.o.valid.eq(0)

    def _send(self, m: Module, fetches: Signal) -> None:
        """Frames to the host: when there are words, when it has sent a frame, when it may go on."""
        m.submodules.framer = framer = Framer()
        m.submodules.transmitter = transmitter = Transmitter(self._divisor)
        wiring.connect(m, framer.o, transmitter.i)
        m.d.comb += self.tx.eq(transmitter.tx)

        position, low = Signal(8), Signal(8)  # the word that goes out next; half of one
        told, aborted = Signal(_TOLD_BITS), Signal()
        # The top three bits of eight: every 32 words. Without it the host would have to poll to
        # learn that its window is open again.
        news = self._used[-_TOLD_BITS:] != told
        out = framer.i
        is_last = Signal()
        m.d.comb += [
            self._read.addr.eq(Mux(fetches, Cat(position[:7], 1), self._used[:7])),
            # What came in after the frame had begun is for the next one, so a frame ends, however
            # fast the core answers.
            is_last.eq(aborted | (position == self._sent)),  # of the words that were waiting
        ]
        with m.If(out.ready):
            m.d.sync += out.valid.eq(0)

        def offer(byte, last=0) -> None:
            m.d.sync += [out.valid.eq(1), out.payload.byte.eq(byte), out.payload.last.eq(last)]

        free = ~out.valid | out.ready
        with m.FSM():
            with m.State("idle"):
                # Go back to the last word that the host surely has. All after it are still in
                # memory: `i.ready` keeps `put` within a window of `kept`.
                with m.If(self._again):
                    m.d.sync += [self._sent.eq(self._kept), self._again.eq(0)]
                with m.Elif(self._due | (self._put != self._sent) | news):
                    m.d.sync += [self._due.eq(0), aborted.eq(0)]
                    m.next = "session"
            with m.State("session"), m.If(free):
                offer(Cat(self.session, self.faults))
                m.next = "number"
            with m.State("number"), m.If(free):
                # The number is fixed here, and `sent` jumps to the end of what waits: from now on
                # `position` walks towards it.
                offer(self._sent)
                m.d.sync += [position.eq(self._sent), self._sent.eq(self._put)]
                m.next = "taken"
            with m.State("taken"), m.If(free):
                offer(self._whole)
                m.next = "used"
            with m.State("used"), m.If(free):
                offer(self._used, last=is_last)
                m.d.sync += told.eq(self._used[-_TOLD_BITS:])
                m.next = "fetch"
            with m.State("fetch"):
                with m.If(out.payload.last):
                    m.next = "idle"
                with m.Elif(free):
                    m.d.comb += fetches.eq(1)
                    m.d.sync += position.eq(position + 1)
                    m.next = "fetched"
            # The byte register is free here: "fetch" has waited until it was.
            with m.State("fetched"):
                offer(self._read.data[8:])
                m.d.sync += low.eq(self._read.data[:8])
                m.next = "low"
            with m.State("low"), m.If(free):
                offer(low, last=is_last)
                m.next = "fetch"
        with m.If(self.reset):
            # A reset in the middle of a frame: its words are gone. The frame is brought to its end
            # in form, with the next byte marked as last; the host drops it for its session.
            m.d.sync += aborted.eq(1)
