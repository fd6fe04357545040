"""The event-driven dense layer: an input spike costs one cycle a block of `lanes` neurons.

Three pipeline stages, all advancing together:

    A  address the weight word of (input, block)
    B  capture it; address the state word and the threshold word of the block
    C  add (spike), compare (end of step) or clear (end of sample); write the state back

Weights lie block by block (word ``block * n_pre + pre``), so the address of the next block is the
last one plus a constant: no multiplier. The layer stalls only in front of a full serializer.
"""

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, enum, memory, wiring
from amaranth.lib.wiring import In, Out
from numpy.typing import NDArray

from hwgen.events import Kind
from hwgen.hdl.bank import StateBank
from hwgen.hdl.serializer import Serializer
from hwgen.hdl.stream import index_bits, token_stream
from hwgen.pack import memory_image, n_blocks
from hwgen.spec import LayerSpec


class Op(enum.Enum, shape=2):  # type: ignore[call-arg]
    """What a slot of the pipeline does with its block."""

    ADD = 0  # add the weight word to the potentials
    COMPARE = 1  # fire where the potential exceeds the threshold
    CLEAR = 2  # back to the state at rest
    PASS = 3  # nothing: a step without spikes changes no potential


class Dense(wiring.Component):
    """A layer of single-spike integrate-and-fire neurons, bit-exact to `hwgen.golden`.

    Members: `i` takes tokens of the layer before; `o` gives those of this one, in ascending index
    within a step. An END_OF_STEP comes out after all spikes of its step. With `is_output`, tokens
    carry the potential, and before END_OF_SAMPLE the potential of every neuron comes out.
    While `probe_strobe` is high, `probe_word` is the state of `probe_block` as it is cleared at the
    end of a sample: for test benches; unconnected, it costs nothing.

    After reset the layer clears its state for `n_blocks` cycles before it takes a token.
    """

    def __init__(
        self,
        layer: LayerSpec,
        weights: NDArray[np.int8],
        thresholds: NDArray[np.int32],
        *,
        lanes: int,
        is_output: bool = False,
    ) -> None:
        """weights: int8 [n_pre, n_post]; thresholds: int32 [n_post]; 1 <= lanes <= n_post."""
        if not 1 <= lanes <= layer.n_post:
            raise ValueError(f"lanes must be 1..{layer.n_post}, not {lanes!r}")
        self._layer = layer
        self._lanes = lanes
        self._is_output = is_output
        self._n_blocks = n_blocks(layer.n_post, lanes)
        self._image = memory_image(weights, layer, lanes)
        self._thresholds = [int(threshold) for threshold in thresholds]
        self._bank = StateBank(n_blocks=self._n_blocks, width=lanes * (layer.potential_bits + 1))
        super().__init__(
            {
                "i": In(token_stream(layer.n_pre)),
                "o": Out(token_stream(layer.n_post, layer.potential_bits if is_output else None)),
                "probe_strobe": Out(1),
                "probe_block": Out(index_bits(self._n_blocks)),
                "probe_word": Out(self._bank.width),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.bank = bank = self._bank
        m.submodules.serializer = serializer = Serializer(
            n=self._layer.n_post,
            lanes=self._lanes,
            potential_bits=self._layer.potential_bits if self._is_output else None,
        )
        wiring.connect(m, wiring.flipped(self.o), serializer.o)

        stages = data.StructLayout(
            {
                "valid": 1,
                "op": Op,
                "block": index_bits(self._n_blocks),
                "base": index_bits(self._layer.n_post),  # index of the block's lane 0
                "last": 1,
                "closing": 1,  # a token follows the last block (false only after reset)
            }
        )
        a, b, c = Signal(stages), Signal(stages), Signal(stages)
        advance = Signal()
        m.d.comb += advance.eq(~c.valid | (c.op == Op.ADD) | serializer.empty)
        with m.If(advance):
            m.d.sync += [b.eq(a), c.eq(b)]

        address = self._issue(m, a, advance)
        weights = self._weights(m, address, advance)
        thresholds = self._read_thresholds(m, b, advance)
        m.d.comb += [bank.read_en.eq(advance & b.valid), bank.read_block.eq(b.block)]
        self._execute(m, c, advance, weights, thresholds, serializer)
        return m

    def _issue(self, m: Module, a, advance):
        """Stage A: take a token, walk its blocks. Returns the weight address."""
        n_pre, lanes = self._layer.n_pre, self._lanes
        address = Signal(range(n_pre * self._n_blocks))
        started, touched, last = Signal(), Signal(), Signal()
        m.d.comb += [
            last.eq(a.valid & (a.last | (a.block == self._n_blocks - 1))),
            self.i.ready.eq(advance & started & (~a.valid | last)),
        ]
        with m.If(~started):  # reset: one sweep of CLEAR, closed by no token
            m.d.sync += [
                started.eq(1),
                a.valid.eq(1),
                a.op.eq(Op.CLEAR),
            ]
        with m.Elif(advance):
            m.d.sync += [
                a.block.eq(a.block + 1),
                a.base.eq(a.base + lanes),
                address.eq(address + n_pre),
            ]
            with m.If(~a.valid | last):
                m.d.sync += [
                    a.valid.eq(self.i.valid),
                    a.block.eq(0),
                    a.base.eq(0),
                    a.last.eq(0),
                    a.closing.eq(1),
                    address.eq(self.i.payload.index),
                ]
        with m.If(self.i.valid & self.i.ready), m.Switch(self.i.payload.kind):
            with m.Case(Kind.SPIKE):
                m.d.sync += [a.op.eq(Op.ADD), touched.eq(1)]
            with m.Case(Kind.END_OF_STEP):
                m.d.sync += [a.op.eq(Mux(touched, Op.COMPARE, Op.PASS)), touched.eq(0)]
                m.d.sync += a.last.eq(~touched)
            with m.Default():
                m.d.sync += [a.op.eq(Op.CLEAR), touched.eq(0)]
        return address

    def _weights(self, m: Module, address, advance):
        """Stages A and B: the weight memory and the register behind it."""
        width = self._lanes * self._layer.weight_bits
        m.submodules.weights = storage = memory.Memory(
            shape=width, depth=len(self._image), init=self._image
        )
        read = storage.read_port()
        m.d.comb += [read.en.eq(advance), read.addr.eq(address)]
        captured = Signal(width)
        with m.If(advance):
            m.d.sync += captured.eq(read.data)
        bits = self._layer.weight_bits
        for lane in range(self._lanes):
            field = captured[lane * bits : (lane + 1) * bits]
            # A binary weight is stored as its sign: Cat(1, 1) is -1, Cat(1, 0) is +1.
            yield Cat(1, field).as_signed() if bits == 1 else field.as_signed()

    def _read_thresholds(self, m: Module, b, advance):
        """Thresholds at stage C: constants if each lane needs one only, else a memory."""
        bits, lanes = self._layer.potential_bits, self._lanes
        padding = [0] * (self._n_blocks * lanes - self._layer.n_post)
        padded = self._thresholds + padding
        columns = [set(self._thresholds[lane::lanes]) for lane in range(lanes)]
        if all(len(column) == 1 for column in columns):
            return [Const(column.pop(), signed(bits)) for column in columns]
        rows = [padded[start : start + lanes] for start in range(0, len(padded), lanes)]
        words = [sum(limit << bits * lane for lane, limit in enumerate(row)) for row in rows]
        m.submodules.thresholds = storage = memory.Memory(
            shape=lanes * bits, depth=self._n_blocks, init=words
        )
        read = storage.read_port()
        m.d.comb += [read.en.eq(advance), read.addr.eq(b.block)]
        return [read.data.word_select(lane, bits).as_signed() for lane in range(lanes)]

    def _execute(self, m: Module, c, advance, weights, thresholds, serializer) -> None:
        """Stage C: new state, spikes to the serializer."""
        bits, lanes = self._layer.potential_bits, self._lanes
        n_last = self._layer.n_post - (self._n_blocks - 1) * lanes
        adds, compares, clears, final = Signal(), Signal(), Signal(), Signal()
        present, fires = Signal(lanes), Signal(lanes)
        m.d.comb += [
            adds.eq(c.op == Op.ADD),
            compares.eq(c.op == Op.COMPARE),
            clears.eq(c.op == Op.CLEAR),
            final.eq(c.block == self._n_blocks - 1),
            present.eq(Mux(final, 2**n_last - 1, 2**lanes - 1)),  # the last block is padded
        ]
        state, potentials = [], []
        for lane, (weight, threshold) in enumerate(zip(weights, thresholds, strict=True)):
            word = self._bank.read_data[lane * (bits + 1) : (lane + 1) * (bits + 1)]
            potential, fired = word[:bits].as_signed(), word[bits]
            total = Signal(signed(bits), name=f"total_{lane}")
            m.d.comb += [
                total.eq(potential + weight),
                fires[lane].eq((potential > threshold) & ~fired & present[lane]),
            ]
            kept = Mux(adds, total, potential)
            state += [Mux(clears, 0, kept)[:bits], ~clears & (fired | (compares & fires[lane]))]
            potentials.append(potential)
        shown = present & (c.closing & self._is_output).replicate(lanes)
        m.d.comb += [
            self._bank.write_en.eq(c.valid & advance & (c.op != Op.PASS)),
            self._bank.write_block.eq(c.block),
            self._bank.write_data.eq(Cat(state)),
            serializer.load.eq(c.valid & advance & ~adds),
            serializer.mask.eq(Mux(compares, fires, Mux(clears, shown, 0))),
            serializer.base.eq(c.base),
            serializer.is_potential.eq(clears),
            serializer.close.eq(c.closing & (c.last | final)),
            serializer.close_kind.eq(Mux(clears, Kind.END_OF_SAMPLE, Kind.END_OF_STEP)),
            self.probe_strobe.eq(c.valid & advance & clears & c.closing),
            self.probe_block.eq(c.block),
            self.probe_word.eq(self._bank.read_data),
        ]
        if self._is_output:
            m.d.comb += serializer.potentials.eq(Cat(potentials))
