"""What proofs are made of: free inputs, consumers, and what must hold of streams.

A bench is a design with nothing but clock and reset outside. What it leaves open the solver chooses
in each cycle anew, reset included, so that an assertion fails. What a bench counts or remembers is
reset with the design.
"""

import sys
from typing import Any, NamedTuple
from unittest.mock import patch

from amaranth.hdl import Assert, Assume, Elaboratable, Module, Mux, ResetSignal, Signal, Value
from amaranth.hdl._ast import AnyConst, AnySeq
from amaranth.lib import memory

from hwgen.hdl.memory.bank import StateBank

PATIENCE = 1  # cycles for which a fair consumer keeps a token waiting


class Relay(NamedTuple):
    """Of what is inside a design: how many; whether one is watched, how many are before it, and
    what is to come of it."""

    inside: Any
    watched: Any
    ahead: Any
    wanted: Any


class Bench(Elaboratable):
    """Member: `m`, the module, to which designs and rules are added."""

    def __init__(self, *, resets: bool = True) -> None:
        """resets: whether there may be one at any time, and not only at power-up."""
        self.m = Module()
        if not resets:
            self.given(~ResetSignal())
        self.has_lemmas = True
        self._with_lemmas = Signal()

    def elaborate(self, platform: object) -> Module:
        self.m.d.comb += self._with_lemmas.eq(self.has_lemmas)
        return self.m

    def always(self, condition: Any, *, level: int = 0) -> None:
        """What is to be proved, in every cycle; a failure names the line `level` calls above."""
        self.m.d.comb += Assert(condition, src_loc_at=1 + level)

    def lemma(self, condition: Any) -> None:
        """What holds of the insides of a design, and lets an induction close. Not asserted when a
        fault is to be found: it must be found by what it does."""
        self.always(~self._with_lemmas | condition, level=1)

    def given(self, condition: Any) -> None:
        """What the surroundings of a design promise."""
        self.m.d.comb += Assume(condition)

    def free(self, shape: Any = 1, name: str = "free") -> Any:
        """Any value, in each cycle another."""
        return self._any(AnySeq, shape, name)

    def fixed(self, shape: Any = 1, name: str = "fixed") -> Any:
        """Any value, the same in all cycles."""
        return self._any(AnyConst, shape, name)

    def _any(self, kind: Any, shape: Any, name: str) -> Any:
        value = Signal(shape, name=name)
        bits = Value.cast(value)
        self.m.d.comb += bits.eq(kind(len(bits)))
        return value

    def before(self, value: Any, init: int = 0) -> Any:
        """The value of the cycle before, `init` after reset."""
        bits = Value.cast(value)
        held = Signal(bits.shape(), init=init)
        self.m.d.sync += held.eq(bits)
        return held

    def stands_in(self, name: str, thing: Any) -> None:
        """Something in place of the module member `name`, until the bench is written out."""
        patch(name, thing).start()

    def opened(self, component: Any) -> dict[str, Any]:
        """The variables of a design's methods, for lemmas: by name, and by method and name."""
        found: dict[str, Any] = {}

        def watch(frame: Any, event: str, _: object) -> None:
            if event == "return" and frame.f_locals.get("self") is component:
                found.update(frame.f_locals)
                method = frame.f_code.co_name
                found.update({f"{method}.{name}": v for name, v in frame.f_locals.items()})

        sys.setprofile(watch)
        try:
            module = component.elaborate(None)
        finally:
            sys.setprofile(None)
        component.elaborate = lambda platform: module
        return found

    def offers(self, stream: Any) -> Any:
        """Drives a stream with any tokens, at any time. Returns when one is taken."""
        valid, bits = self.free(name="offers"), Value.cast(stream.payload)
        self.m.d.comb += [stream.valid.eq(valid), bits.eq(self.free(len(bits), "token"))]
        self.given(self._waits_well(stream))
        return stream.valid & stream.ready

    def takes(self, stream: Any, patience: int | None = None) -> Any:
        """A consumer, ready at any time, but after `patience` cycles of waiting at the latest, and
        maybe not before it sees something. Returns when it takes something.
        """
        self.m.d.comb += stream.ready.eq(self.free(name="takes"))
        self.always(self._waits_well(stream), level=1)
        if patience is not None:
            waits = stream.valid & ~stream.ready
            self.given(~waits | (self.lasts(waits) < patience))
        return stream.valid & stream.ready

    def _waits_well(self, stream: Any) -> Any:
        """What is offered stays, and stays the same, until it is taken."""
        waits = self.before(stream.valid & ~stream.ready)
        same = Value.cast(stream.payload) == self.before(stream.payload)
        return ~waits | (stream.valid & same)

    def lasts(self, condition: Any, most: int = 127) -> Any:
        """How many cycles before this one the condition has held, without a break."""
        n = Signal(range(most + 1))
        with self.m.If(condition):
            self.m.d.sync += n.eq(n + (n != most))
        with self.m.Else():
            self.m.d.sync += n.eq(0)
        return n

    def within(self, limit: int, condition: Any) -> None:
        """The condition never lasts for more than `limit` cycles."""
        self.always(~condition | (self.lasts(condition) < limit), level=1)

    def count(self, up: Any, down: Any = 0, most: int = 7) -> Any:
        """How often `up` has been, less how often `down`, in the cycles before."""
        n = Signal(range(most + 1))
        self.m.d.sync += n.eq(n + up - down)
        self.always((n != most) | ~up | down, level=1)  # the bench counts far enough
        self.always((n != 0) | up | ~down, level=1)
        return n

    def relays(self, taken: Any, token: Any, given: Any, out: Any, *, most: int = 7) -> Relay:
        """What is taken is given, once, in order, as `token` says.

        One token is watched, any; those inside before it are counted.
        """
        m = self.m
        inside = self.count(taken, given, most)
        watched, ahead = Signal(), Signal.like(inside)
        wanted = Signal(len(Value.cast(token)))
        picked = self.free(name="picks") & taken & ~watched
        due = Mux(watched, wanted, token)
        with m.If(picked):
            m.d.sync += [watched.eq(1), wanted.eq(token), ahead.eq(inside - given)]
        with m.Elif(given):
            m.d.sync += ahead.eq(ahead - 1)
        with m.If(given & ((watched & (ahead == 0)) | (picked & (inside == 0)))):
            self.always(Value.cast(out) == due, level=1)
            m.d.sync += watched.eq(0)
        return Relay(inside, watched, ahead, wanted)

    def lies_in(self, relay: Relay, *stages: tuple[Any, Any]) -> None:
        """Lemma: what is inside lies in these stages, the oldest first; each (valid, token)."""
        older = 0
        for valid, token in stages:
            here = relay.watched & valid & (relay.ahead == older)
            self.lemma(~here | (Value.cast(token) == relay.wanted))
            older = older + valid
        self.lemma(relay.inside == older)
        self.lemma(~relay.watched | (relay.ahead < older))


class HostileBank(StateBank):
    """A memory of which a word comes out as anything that was not written since reset, or is
    written in this cycle: the part may do so, too."""

    def elaborate(self, platform: object) -> Module:
        if self.n_blocks == 1:
            return super().elaborate(platform)
        m = Module()
        m.submodules.memory = storage = memory.Memory(
            shape=self.width, depth=self.n_blocks, init=[]
        )
        read, write = storage.read_port(domain="comb"), storage.write_port()
        known = Signal(self.n_blocks)
        word = Signal(self.width)
        anything = Signal(self.width)
        collides = self.write_en & (self.read_block == self.write_block)
        m.d.comb += [
            anything.eq(AnySeq(self.width)),
            read.addr.eq(self.read_block),
            write.en.eq(self.write_en),
            write.addr.eq(self.write_block),
            write.data.eq(self.write_data),
            self.read_data.eq(word),
        ]
        with m.If(self.write_en):
            m.d.sync += known.bit_select(self.write_block, 1).eq(1)
        with m.If(self.read_en):
            is_known = known.bit_select(self.read_block, 1) & ~collides
            m.d.sync += word.eq(Mux(is_known, read.data, anything))
        return m
