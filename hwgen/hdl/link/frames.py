"""Frames of `hwgen.protocol.words` on a stream of bytes: out of them, and into them."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import crc, data, stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen.protocol.words import ESCAPE, FLAG, FLIP

_CRC = crc.catalog.CRC16_IBM_3740(data_width=8)


class Deframer(wiring.Component):
    """Bytes to the bodies of frames. Takes a byte in any cycle.

    Members: `broken` says that the line has lost or damaged a byte. `strobe` comes with each byte
    of a body, its check sum included; then `good` or `bad`, once, if there was anything.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "i": In(stream.Signature(8)),
                "broken": In(1),
                "strobe": Out(1),
                "byte": Out(8),
                "good": Out(1),
                "bad": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """A byte a cycle, with the check sum beside it."""
        m = Module()
        m.submodules.crc = check = _CRC.create()
        byte = self.i.payload
        is_flag, is_escape = Signal(), Signal()
        escaped, damaged, begun = Signal(), Signal(), Signal()
        m.d.comb += [
            self.i.ready.eq(1),
            is_flag.eq(self.i.valid & (byte == FLAG)),
            is_escape.eq(self.i.valid & (byte == ESCAPE)),
            self.strobe.eq(self.i.valid & ~is_flag & ~is_escape),
            self.byte.eq(byte ^ Mux(escaped, FLIP, 0)),
            check.data.eq(self.byte),
            check.valid.eq(self.strobe),
            check.start.eq(is_flag),
            # A frame that ends behind an ESCAPE lacks its last byte, whatever the sum says.
            self.good.eq(is_flag & begun & ~damaged & ~escaped & check.match_detected),
            # Two flags in a row are no frame, and no fault: each frame brings both of its own.
            self.bad.eq(is_flag & (begun | damaged | escaped) & ~self.good),
        ]
        with m.If(self.i.valid):
            # An ESCAPE behind an ESCAPE stays one. No sender sends that.
            m.d.sync += escaped.eq(is_escape)
        with m.If(is_flag):
            m.d.sync += [begun.eq(0), damaged.eq(0)]
        with m.Elif(self.strobe):
            m.d.sync += begun.eq(1)
        with m.If(self.broken):
            # A lost byte could leave a frame whose sum is right by chance, or join two frames, so
            # it is remembered until the next flag; if one comes in this very cycle, until the one
            # after.
            m.d.sync += damaged.eq(1)
        return m


class Framer(wiring.Component):
    """Bodies of frames to bytes. Members: `i` takes a body, its last byte marked as such."""

    def __init__(self) -> None:
        body = stream.Signature(data.StructLayout({"byte": 8, "last": 1}))
        super().__init__({"i": In(body), "o": Out(stream.Signature(8))})

    def elaborate(self, platform: object) -> Module:
        """A state a part of the frame; the check sum runs along with the body."""
        m = Module()
        m.submodules.crc = check = _CRC.create()
        # A byte of the body or of the sum; whether it is offered, goes out, is behind its ESCAPE.
        byte, offered, passed, escaped = Signal(8), Signal(), Signal(), Signal()
        is_special = (byte == FLAG) | (byte == ESCAPE)
        m.d.comb += [
            self.o.valid.eq(offered),
            self.o.payload.eq(Mux(is_special & ~escaped, ESCAPE, byte ^ Mux(escaped, FLIP, 0))),
            # A special byte takes two bytes of line. The body moves on behind the second one only.
            passed.eq(offered & self.o.ready & (escaped | ~is_special)),
            check.data.eq(self.i.payload.byte),
        ]
        with m.If(offered & self.o.ready):
            m.d.sync += escaped.eq(is_special & ~escaped)
        with m.FSM():
            with m.State("idle"):
                self._flag(m, when=self.i.valid, then="body")
                # The sum is of the body as it is, before it is escaped, so the receiver may take it
                # after.
                m.d.comb += check.start.eq(1)
            with m.State("body"):
                m.d.comb += [byte.eq(self.i.payload.byte), offered.eq(self.i.valid)]
                with m.If(passed):
                    m.d.comb += [self.i.ready.eq(1), check.valid.eq(1)]
                    with m.If(self.i.payload.last):
                        m.next = "high"
            for state, part, after in (
                ("high", check.crc[8:], "low"),
                ("low", check.crc[:8], "end"),
            ):
                with m.State(state):
                    m.d.comb += [byte.eq(part), offered.eq(1)]
                    with m.If(passed):
                        m.next = after
            with m.State("end"):
                self._flag(m, when=1, then="idle")
        return m

    def _flag(self, m: Module, *, when, then: str) -> None:
        m.d.comb += [self.o.valid.eq(when), self.o.payload.eq(FLAG)]
        with m.If(when & self.o.ready):
            m.next = then
