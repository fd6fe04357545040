"""Who the core is and what it has done: the read-only registers of `hwgen.protocol.words`."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module, Signal, ValueLike
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hwgen.network.params import Params
from hwgen.protocol import words
from hwgen.protocol.memory import lanes_sum
from hwgen.protocol.words import Register


class Registers(wiring.Component):
    """Members: `data` is the register at `address` of the cycle before; unknown ones read 0.

    The counters add their strobes (`spikes`: one strobe a layer; `ops`: a number a layer) and wrap
    at 32 bits.
    """

    def __init__(self, params: Params, max_ops: int, *, loads: Sequence[int] = ()) -> None:
        """max_ops: the largest number of `ops`. loads: the lanes, if there is `UNLOADED`, which
        shows the member `unloaded`.

        params: for digest and shape. `ops` of a layer: weights added in this cycle.
        """
        self._loads = loads
        self._params = params
        self._max_ops = max_ops
        super().__init__(
            {
                "address": In(4),
                "data": Out(32),
                "event": In(1),
                "dropped": In(1),
                "spikes": In(len(params.spec.layers)),
                "ops": In(data.ArrayLayout(range(max_ops + 1), len(params.spec.layers))),
                "busy": In(1),
                "finished": In(1),
            }
            | ({"unloaded": In(len(params.spec.layers))} if loads else {})
        )

    def elaborate(self, platform: object) -> Module:
        """Six counters of 32 bits, and one registered choice among all registers."""
        m = Module()
        samples, events, spikes, cycles, added, lost = (
            Signal(32, name=n)
            for n in ("samples", "events", "spikes_seen", "cycles", "added", "lost")
        )
        # A cycle late, so that no carry chain hangs on the handshake of a stream.
        finished, event, busy, dropped = Signal(), Signal(), Signal(), Signal()
        n_spikes = Signal(range(len(self.spikes) + 1))
        ops = Signal.like(self.ops)
        n_ops = Signal(range(len(self.spikes) * self._max_ops + 1))
        m.d.sync += [
            finished.eq(self.finished),
            event.eq(self.event),
            n_spikes.eq(sum(self.spikes)),
            busy.eq(self.busy),
            samples.eq(samples + finished),
            events.eq(events + event),
            spikes.eq(spikes + n_spikes),
            cycles.eq(cycles + busy),
            dropped.eq(self.dropped),
            lost.eq(lost + dropped),
            ops.eq(self.ops),
            n_ops.eq(sum(ops)),
            added.eq(added + n_ops),
        ]
        digest, spec = self._params.digest, self._params.spec
        values: dict[int, ValueLike] = {
            Register.ID0: int(digest[:8], 16),
            Register.ID1: int(digest[8:16], 16),
            Register.VERSION: words.VERSION,
            Register.SHAPE: spec.n_steps << 16 | spec.n_classes,
            Register.SAMPLES: samples,
            Register.EVENTS: events,
            Register.SPIKES: spikes,
            Register.CYCLES: cycles,
            Register.SYNAPTIC_OPS: added,
            Register.DROPPED: lost,
        }
        if self._loads:
            waits = Cat(self.unloaded, Const(0, 16 - len(self.unloaded)))
            values[words.UNLOADED] = Cat(waits, Const(lanes_sum(self._loads), 16))
        with m.Switch(self.address):
            for register, value in values.items():
                with m.Case(register):
                    m.d.sync += self.data.eq(value)
            with m.Default():
                m.d.sync += self.data.eq(0)
        return m
