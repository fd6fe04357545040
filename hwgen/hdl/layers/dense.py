"""The event-driven dense layer: an input spike costs one cycle a block of `lanes` neurons.

Three pipeline stages, all advancing together:

    A  address the weight word of (input, block)
    B  capture it; address the state word and the threshold word of the block
    C  add (spike), compare (end of step) or clear (end of sample); write the state back

Weights lie block by block (word ``block * n_pre + pre``), so the address of the next block is the
last one plus a constant: no multiplier. The layer stalls only in front of a full serializer.

With the ramp and the triangle, a potential moves at every end of a step, by its slope, and is
compared then: too much for one cycle. Those layers have stage A, and `Neurons` behind it; and so
have those with a reset.
"""

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out
from numpy.typing import NDArray

from hwgen.hdl.memory.bank import StateBank
from hwgen.hdl.memory.constants import read_constants
from hwgen.hdl.memory.lane_words import signed_weight
from hwgen.hdl.neurons.pipeline import Neurons
from hwgen.hdl.neurons.serializer import Serializer
from hwgen.hdl.neurons.slot import Op
from hwgen.hdl.stream import index_bits, marks_of, token_stream
from hwgen.hdl.weights.shadows import Shadows
from hwgen.network.layers.dense import DenseSpec
from hwgen.protocol.memory import memory_image, n_blocks
from hwgen.protocol.tokens import Kind


class Dense(wiring.Component):
    """A layer of integrate-and-fire neurons, bit-exact to `hwgen.golden`.

    Members: `i` takes tokens of the layer before, with the marks of the layer, if any; `o` gives
    those of this one, in ascending index within a step. An END_OF_STEP comes out after all spikes
    of its step. With `is_output`, tokens carry the potential, and before END_OF_SAMPLE the
    potential of every neuron comes out. `ops` is the number of weights added in this cycle.
    While `probe_strobe` is high, `probe_word` is the state of `probe_block` as it is cleared at the
    end of a sample: for test benches; unconnected, it costs nothing.

    After reset the layer clears its state for `n_blocks` cycles before it takes a token.
    """

    def __init__(
        self,
        layer: DenseSpec,
        weights: NDArray[np.int8],
        thresholds: NDArray[np.int32],
        drives: NDArray[np.int32],
        *,
        lanes: int,
        is_output: bool = False,
        store: Shadows | None = None,
    ) -> None:
        """weights: int8 [n_pre, n_post]; thresholds: int32 [n_post]; drives: the same of a phased
        layer, else [0]; 1 <= lanes <= n_post.

        `store`: where the weights are, if they are not constant: shadows, of which they are the top
        bits and which a learning unit writes, or a memory that a host fills.

        Raises ValueError if lanes are out of range. `is_output`: the last layer of the network.
        """
        if not 1 <= lanes <= layer.n_post:
            raise ValueError(f"lanes must be 1..{layer.n_post}, not {lanes!r}")
        self._layer = layer
        self._lanes = lanes
        self._is_output = is_output
        self._n_blocks = n_blocks(layer.n_post, lanes)
        self._image = memory_image(weights, layer, lanes)
        self.store = store
        self._thresholds, self._drives = thresholds.tolist(), drives.tolist()
        self._word_bits = lanes * (layer.potential_bits + layer.slope_bits + 1)
        super().__init__(
            {
                "i": In(token_stream(layer.pre, marks=marks_of(layer))),
                "o": Out(token_stream(layer.post, layer.potential_bits if is_output else None)),
                "ops": Out(range(lanes + 1)),
                "probe_strobe": Out(1),
                "probe_block": Out(index_bits(self._n_blocks)),
                "probe_word": Out(self._word_bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Three stages of its own with the step PSP, else stage A and `Neurons` behind it."""
        m = Module()
        if self._layer.neuron.has_slope or self._layer.neuron.fires_again:
            self._with_neurons(m)
        else:
            self._with_potential_only(m)
        return m

    def _with_neurons(self, m: Module) -> None:
        """Stage A in front of `Neurons`."""
        m.submodules.neurons = neurons = Neurons(
            self._layer,
            self._thresholds,
            self._drives,
            lanes=self._lanes,
            is_output=self._is_output,
        )
        a, mark = Signal(self._stages), Signal()
        marks = marks_of(self._layer)
        plane = Signal(marks.get("plane", 0))
        address = self._issue(m, a, neurons.take)
        weights = self._weight_port(m, address, neurons.take)
        name = next((name for name in marks if name != "plane"), None)
        with m.If(self.i.valid & self.i.ready):
            if name:
                m.d.sync += mark.eq(self.i.payload[name])
            if "plane" in marks:
                m.d.sync += plane.eq(self.i.payload.plane)
        wiring.connect(m, wiring.flipped(self.o), neurons.o)
        m.d.comb += [
            neurons.i.valid.eq(a.valid),
            neurons.i.op.eq(a.op),
            neurons.i.word.eq(a.block),
            neurons.i.last.eq(a.last | (a.block == self._n_blocks - 1)),
            neurons.i.closing.eq(a.closing),
            neurons.i.knee.eq(mark & (name == "knee")),
            neurons.i.drive.eq(mark & (name == "drive")),
            *([neurons.i.plane.eq(plane)] if "plane" in marks else []),
            neurons.weights.eq(weights),
            self.ops.eq(neurons.ops),
            self.probe_strobe.eq(neurons.probe_strobe),
            self.probe_block.eq(neurons.probe_block),
            self.probe_word.eq(neurons.probe_word),
        ]

    def _with_potential_only(self, m: Module) -> None:
        """All three stages."""
        m.submodules.bank = bank = StateBank(n_blocks=self._n_blocks, width=self._word_bits)
        m.submodules.serializer = serializer = Serializer(
            self._layer.post,
            lanes=self._lanes,
            potential_bits=self._layer.potential_bits if self._is_output else None,
        )
        wiring.connect(m, wiring.flipped(self.o), serializer.o)

        a, b, c = Signal(self._stages), Signal(self._stages), Signal(self._stages)
        advance = Signal()
        # An ADD never waits: it gives no token. All else may have to, until the serializer is
        # empty.
        m.d.comb += advance.eq(~c.valid | (c.op == Op.ADD) | serializer.empty)
        with m.If(advance):
            m.d.sync += [b.eq(a), c.eq(b)]

        address = self._issue(m, a, advance)
        weights = self._weights(m, address, advance)
        thresholds = read_constants(
            m,
            "thresholds",
            self._thresholds,
            lanes=self._lanes,
            bits=self._layer.potential_bits,
            enable=advance,
            block=b.block,
        )
        # Read from B to C and written from C: two slots side by side are of different blocks, or
        # the state is a register. So a word is never read in the cycle of its writing.
        m.d.comb += [bank.read_en.eq(advance & b.valid), bank.read_block.eq(b.block)]
        self._execute(m, c, advance, bank, weights, thresholds, serializer)

    @property
    def _stages(self) -> data.StructLayout:
        """A slot of the three stages: which block, and what to do with it."""
        return data.StructLayout(
            {
                "valid": 1,
                "op": Op,
                "block": index_bits(self._n_blocks),
                "base": index_bits(self._layer.n_post),  # index of the block's lane 0
                "last": 1,
                "closing": 1,  # a token follows the last block (false only after reset)
            }
        )

    def _issue(self, m: Module, a, advance):
        """Stage A: take a token, walk its blocks. Returns the weight address."""
        n_pre, lanes = self._layer.n_pre, self._lanes
        address = Signal(range(n_pre * self._n_blocks))
        started, touched, last = Signal(), Signal(), Signal()
        m.d.comb += [
            # `a.last` is set for a PASS, which has one slot whatever the number of blocks.
            last.eq(a.valid & (a.last | (a.block == self._n_blocks - 1))),
            # The next token is taken in the cycle of the last block, so events follow without a
            # gap.
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
                # Weights lie block by block (decision 0002): the next address is this sum, and no
                # product.
                address.eq(address + n_pre),
            ]
            with m.If(~a.valid | last):
                m.d.sync += [
                    a.valid.eq(self.i.valid),
                    a.block.eq(0),
                    a.base.eq(0),
                    a.last.eq(0),
                    a.closing.eq(1),
                    # Block 0 begins at the index of the input itself. Of other tokens the address
                    # means nothing, and what is read there is not added.
                    address.eq(self.i.payload.index),
                ]
        with m.If(self.i.valid & self.i.ready), m.Switch(self.i.payload.kind):
            with m.Case(Kind.SPIKE):
                m.d.sync += [a.op.eq(Op.ADD), touched.eq(1)]
            with m.Case(Kind.END_OF_STEP):
                neuron = self._layer.neuron
                drive = self.i.payload.drive if neuron.two_phase else Const(0)
                # A bias moves potentials, and an equal threshold is reached, before any event.
                sweeps = Const(1) if neuron.moves_from_rest else drive
                m.d.sync += [
                    a.op.eq(Mux(touched | sweeps, Op.COMPARE, Op.PASS)),
                    a.last.eq(~(touched | sweeps)),
                    # In the steps of its input a two-phase layer is silent.
                    a.closing.eq(drive | (not neuron.two_phase)),
                ]
                # With the step PSP and no leak, a step without events changes no potential, so
                # nobody can fire in it.
                if not neuron.moves_by_itself:
                    m.d.sync += touched.eq(0)
            with m.Default():
                m.d.sync += [a.op.eq(Op.CLEAR), touched.eq(0)]
        return address

    def _weights(self, m: Module, address, advance):
        """Stages A and B: the weight memory and the register behind it."""
        read = self._weight_port(m, address, advance)
        captured = Signal(len(read))
        with m.If(advance):
            # A register behind the block RAM, whose clock-to-output time bounds Fmax on an ECP5.
            m.d.sync += captured.eq(read)
        bits = self._layer.weight_bits
        for lane in range(self._lanes):
            field = captured[lane * bits : (lane + 1) * bits]
            yield signed_weight(field, bits)

    def _weight_port(self, m: Module, address, enable):
        """The weight memory, read from stage A to stage B."""
        if self.store:
            m.submodules.weights = self.store
            m.d.comb += [self.store.read_en.eq(enable), self.store.read_address.eq(address)]
            return self.store.weights
        width = self._lanes * self._layer.weight_bits
        m.submodules.weights = storage = memory.Memory(
            shape=width, depth=len(self._image), init=self._image
        )
        read = storage.read_port()
        m.d.comb += [read.en.eq(enable), read.addr.eq(address)]
        return read.data

    def _execute(self, m: Module, c, advance, bank, weights, thresholds, serializer) -> None:
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
            word = bank.read_data[lane * (bits + 1) : (lane + 1) * (bits + 1)]
            potential, fired = word[:bits].as_signed(), word[bits]
            total = Signal(signed(bits), name=f"total_{lane}")
            m.d.comb += [
                # Cannot overflow: no file with fewer `potential_bits` than the worst sum needs is
                # accepted.
                total.eq(potential + weight),
                fires[lane].eq((potential > threshold) & ~fired & present[lane]),
            ]
            # A potential that has fired goes on integrating; it is part of the contract at the end
            # of the sample.
            kept = Mux(adds, total, potential)
            state += [Mux(clears, 0, kept)[:bits], ~clears & (fired | (compares & fires[lane]))]
            potentials.append(potential)
        # After reset the sweep clears too, but belongs to no sample: it shows nothing.
        shown = present & (c.closing & self._is_output).replicate(lanes)
        m.d.comb += [
            bank.write_en.eq(c.valid & advance & (c.op != Op.PASS)),
            bank.write_block.eq(c.block),
            bank.write_data.eq(Cat(state)),
            # PASS loads as well, with an empty mask: only its END_OF_STEP goes out.
            serializer.load.eq(c.valid & advance & ~adds),
            serializer.mask.eq(Mux(compares, fires, Mux(clears, shown, 0))),
            serializer.base.eq(c.base),
            serializer.is_potential.eq(clears),
            serializer.close.eq(c.closing & (c.last | final)),
            serializer.close_kind.eq(Mux(clears, Kind.END_OF_SAMPLE, Kind.END_OF_STEP)),
            self.probe_strobe.eq(c.valid & advance & clears & c.closing),
            self.probe_block.eq(c.block),
            self.probe_word.eq(bank.read_data),
            self.ops.eq(Mux(c.valid & advance & adds, Mux(final, n_last, lanes), 0)),
        ]
        if self._is_output:
            m.d.comb += serializer.potentials.eq(Cat(potentials))
