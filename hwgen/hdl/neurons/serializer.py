"""From one block of a sweep to a stream of tokens, one a cycle."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.hdl.stream import is_feature_map, token_stream
from hwgen.network.layers.shape import Shape
from hwgen.protocol.tokens import Kind


class Serializer(wiring.Component):
    """Holds a block; emits a token for each set lane, lowest first, then the closing token if any.

    Members: `load` takes the block in a cycle in which `empty` is high (else it is ignored).
    `mask` selects lanes; their tokens are POTENTIAL if `is_potential`, else SPIKE. `close` asks for
    a token of kind `close_kind` after them. `base` is the index of lane 0, or, of a feature map,
    its channel; the `row` and `column` of the block exist only then. `potentials`, those of the
    lanes, exist only if `potential_bits` is given.

    A block without spikes and without a closing token takes no cycle, so silent blocks cost the
    sweep nothing. `index`, or `channel`, is `base` plus the lane.
    """

    def __init__(self, shape: Shape, *, lanes: int, potential_bits: int | None = None) -> None:
        """shape: of the layer. lanes: of a block. potential_bits: of the signed potential that
        tokens carry, of an output layer."""
        self._lanes = lanes
        self._places = ("column", "row") if is_feature_map(shape) else ()
        self._lane_field = "channel" if is_feature_map(shape) else "index"
        signature = token_stream(shape, potential_bits)
        fields = signature.members["payload"].shape
        members = {
            "load": In(1),
            "empty": Out(1),
            "mask": In(lanes),
            "base": In(fields[self._lane_field].shape),
            **{place: In(fields[place].shape) for place in self._places},
            "is_potential": In(1),
            "close": In(1),
            "close_kind": In(2),
            "o": Out(signature),
        }
        if potential_bits is not None:
            members["potentials"] = In(lanes * potential_bits)
        self._potential_bits = potential_bits
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        """Registers of one block, and a priority encoder over its lanes."""
        m = Module()
        rest = Signal(self._lanes)  # lanes still to be sent
        held_base = Signal.like(self.base)
        sends_potential, closes, closing_kind = Signal(), Signal(), Signal(2)
        lane = Signal(range(self._lanes))
        token = self.o.payload

        # rest.any() | closes, in a register of its own because the whole layer waits for it.
        busy = Signal()
        m.d.comb += [self.empty.eq(~busy), self.o.valid.eq(busy)]
        # Later assignments win, so the lowest lane is last: tokens come in ascending index.
        for position in reversed(range(self._lanes)):
            with m.If(rest[position]):
                m.d.comb += lane.eq(position)
        with m.If(rest.any()):
            m.d.comb += token.kind.eq(Mux(sends_potential, Kind.POTENTIAL, Kind.SPIKE))
            if self._lanes & (self._lanes - 1) == 0:  # then the low bits of the base are zero
                # Then the sum is wires. An adder behind the priority encoder would be a good part
                # of the cycle.
                m.d.comb += token[self._lane_field].eq(held_base | lane)
            else:
                m.d.comb += token[self._lane_field].eq(held_base + lane)
        with m.Else():
            m.d.comb += token.kind.eq(closing_kind)

        with m.If(self.o.valid & self.o.ready):
            # Takes off the lowest bit by a carry chain: the encoder above is not in this path.
            left = rest & (rest - 1)
            # `busy` is worked out a cycle ahead from what will be left.
            m.d.sync += [rest.eq(left), busy.eq(rest.any() & (left.any() | closes))]
            # The closing token goes last, in a cycle of its own, behind all lanes.
            with m.If(~rest.any()):
                m.d.sync += closes.eq(0)
        with m.If(self.load & self.empty):
            m.d.sync += [
                busy.eq(self.mask.any() | self.close),
                rest.eq(self.mask),
                held_base.eq(self.base),
                sends_potential.eq(self.is_potential),
                closes.eq(self.close),
                closing_kind.eq(self.close_kind),
            ]
        for place in self._places:
            held_place = Signal.like(getattr(self, place), name=f"held_{place}")
            with m.If(self.load & self.empty):
                m.d.sync += held_place.eq(getattr(self, place))
            with m.If(rest.any()):
                m.d.comb += token[place].eq(held_place)
        if self._potential_bits is not None:
            held = Signal.like(self.potentials, name="held_potentials")
            with m.If(self.load & self.empty):
                m.d.sync += held.eq(self.potentials)
            m.d.comb += token.potential.eq(held.word_select(lane, self._potential_bits))
        return m
