"""The learning unit: after a sample with a label, from the errors of its outputs to new weights.

    output errors -> errors of layer L -> update L -> errors of layer L-1 -> update L-1 -> ...

One after the other, and all for one sample; meanwhile the gate lets nothing in. `docs/learning.md`
states what comes of it; `hwgen.golden.online` does the same.
"""

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen.hdl.learning.error_feedback import BackpropagatedErrors
from hwgen.hdl.learning.output_errors import OutputErrors
from hwgen.hdl.learning.spike_log import SpikeLog
from hwgen.hdl.learning.update import Update, error_bits, passed_bits
from hwgen.hdl.memory.delay import falls
from hwgen.hdl.memory.lane_words import LaneWords
from hwgen.hdl.stream import index_bits
from hwgen.hdl.weights.fill import Fill
from hwgen.hdl.weights.readback import Readback, readback_layout
from hwgen.hdl.weights.shadows import Shadows
from hwgen.network.layers.dense import DenseSpec
from hwgen.network.learning import LFSR_BITS, TAPS
from hwgen.network.spec import NetworkSpec


class LearningUnit(wiring.Component):
    """Members: with `start`, while no token moves, the sample that has just ended is learnt with
    `label`. `busy` is high from the next cycle until all is written; `learnt` strobes at the end.
    With `read`, the shadows of layer `which`, of those that learn, come out at `o`; with `fill`,
    they are taken from `i`, if there is one; `has_read` and `has_filled` strobe after the last.

    It watches streams: `logs[n]` those into the n-th layer that learns, `output_errors` that out of
    the last; whoever has the streams connects them.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        lanes: Sequence[int],
        stores: Sequence[Shadows],
        *,
        can_fill: bool = False,
    ) -> None:
        """lanes: of all layers; stores: of the layers that learn, in order. With `can_fill`, it has
        the stream `i`.

        spec: with `learning`. Raises ValueError if lanes of a layer that learns are neither a power
        of two nor its neurons.
        """
        learning, n_steps = spec.learning, spec.n_steps
        assert learning is not None
        self._fill = Fill(stores, learning.shadow_bits) if can_fill else None
        self._learning, self._n_steps, self._stores = learning, n_steps, stores
        self._layers: list[DenseSpec] = [spec.layers[n] for n in spec.learning_layers]
        self._lanes = [lanes[n] for n in spec.learning_layers]
        for layer, own in zip(self._layers, self._lanes, strict=True):
            # A neuron's number splits into block and lane by its bits. Else it would take a
            # division.
            if own < layer.n_post and own & (own - 1):
                raise ValueError(f"lanes of a layer that learns must be a power of two, not {own}")
        self.logs = [SpikeLog(n=layer.n_pre, n_steps=n_steps) for layer in self._layers]
        self.output_errors = OutputErrors(
            n_classes=spec.n_classes,
            n_steps=n_steps,
            margin=learning.margin_steps,
            bits=learning.error_bits,
        )
        super().__init__(
            ({"i": In(self._fill.i.signature.flip())} if self._fill else {})
            | {
                "start": In(1),
                "label": In(index_bits(spec.n_classes)),
                "busy": Out(1),
                "learnt": Out(1),
                "read": In(1),
                "which": In(index_bits(len(stores))),
                "fill": In(1),
                "has_read": Out(1),
                "has_filled": Out(1),
                "o": Out(stream.Signature(readback_layout(learning.shadow_bits))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """A chain of components, last layer first, each started by the end of the one before."""
        m = Module()
        learning, n_layers = self._learning, len(self._layers)
        halvings, state = self._course(m)
        readback = self._read(m)
        # Learning may end behind any layer: if all errors are 0, there is nothing to pass down
        # (point 2).
        ends = Signal(n_layers + 1)  # nothing is left to learn
        m.d.comb += self.learnt.eq(ends.any())
        with m.If(self.start):
            m.d.sync += self.busy.eq(1)
        with m.Elif(self.learnt):
            m.d.sync += self.busy.eq(0)

        m.submodules.output_errors = errors = self.output_errors
        m.d.comb += [
            errors.start.eq(self.start),
            errors.label.eq(self.label),
            ends[n_layers].eq(errors.done & ~errors.any),
        ]
        begins = errors.done & errors.any
        # `errors` is always the component of the layer above: `OutputErrors` first, then
        # `BackpropagatedErrors`. They have the same members, so one loop serves both.
        for n in reversed(range(n_layers)):
            layer, lanes = self._layers[n], self._lanes[n]
            m.submodules[f"log_{n}"] = log = self.logs[n]
            m.submodules[f"update_{n}"] = update = Update(
                layer,
                learning,
                lanes=lanes,
                n_steps=self._n_steps,
                is_output=n == n_layers - 1,
                below=self._layers[n - 1] if n else None,
                cycles_per_word=self._stores[n].cycles_per_word,
            )
            self._place_errors(m, n, errors, update)
            self._connect(m, n, update, halvings, state)
            self._share(m, n, update, readback)
            m.d.comb += update.start.eq(begins)
            # One layer after the other. All see the weights of before: the errors of the layer
            # below were formed while the words of this one were read.
            done = falls(m, update.busy)
            if n == 0:
                m.d.comb += [ends[0].eq(done), log.at.eq(update.at)]
                break
            m.submodules[f"errors_below_{n}"] = errors = self._errors_below(n)
            m.d.comb += [
                errors.restart.eq(begins),
                errors.passed_en.eq(update.passed_en),
                errors.passed_at.eq(update.passed_at),
                errors.passed.eq(update.passed),
                errors.start.eq(done),
                errors.count.eq(log.count),
                errors.log_neuron.eq(log.neuron),
                errors.log_step.eq(log.step),
                # The log has one port to read. The update has it first; the errors of the layer
                # below start when that has ended.
                log.at.eq(Mux(update.busy, update.at, errors.at)),
                ends[n].eq(errors.done & ~errors.any),
            ]
            begins = errors.done & errors.any
        return m

    def _course(self, m: Module):
        """How often the rate has been halved, and the state of the dither."""
        learning = self._learning
        state = Signal(LFSR_BITS, init=learning.seed)
        halvings = Signal(range(learning.n_halvings + 1))
        since = Signal(max(1, learning.halve_log2))
        with m.If(self.learnt):
            # The dither goes one step on with each sample that has a label, whether a weight
            # changed or not: `learnt` strobes either way (`docs/learning.md`).
            m.d.sync += state.eq((state >> 1) ^ Mux(state[0], TAPS, 0))
        if learning.n_halvings:
            # A counter of `halve_log2` bits is all ones at each 2 ** halve_log2-th sample; of no
            # bits, always.
            over = since.all() | (learning.halve_log2 == 0)
            with m.If(self.learnt):
                m.d.sync += since.eq(since + 1)
                with m.If(over & (halvings != learning.n_halvings)):
                    m.d.sync += halvings.eq(halvings + 1)
        return halvings, state

    def _place_errors(self, m: Module, n: int, errors, update) -> None:
        """The errors of layer n, where its update finds them."""
        layer, bits = self._layers[n], error_bits(self._learning)
        time_bits = 0 if layer.neuron.two_phase else index_bits(self._n_steps)
        m.submodules[f"errors_{n}"] = words = LaneWords(
            n=layer.n_post, lanes=self._lanes[n], width=bits + time_bits
        )
        m.d.comb += [
            words.write_en.eq(errors.write_en),
            words.index.eq(errors.neuron),
            # Of a two-phase layer the word is narrower, and the time falls off: its reference is
            # constant.
            words.value.eq(Cat(errors.scaled, errors.time)),
            words.read_en.eq(update.busy),
            words.block.eq(update.block),
            update.errors.eq(words.word),
        ]
        # Hidden neurons that did not fire write no error, so theirs must be cleared before.
        if n < len(self._layers) - 1:  # all outputs are written
            m.d.comb += words.clear_en.eq(errors.clear_en)
            with m.If(errors.clear_en):
                m.d.comb += words.block.eq(errors.block)

    def _read(self, m: Module) -> Readback:
        """The way of shadows out, and, if there is one, in."""
        m.submodules.readback = readback = Readback(self._stores, self._learning.shadow_bits)
        wiring.connect(m, readback.o, wiring.flipped(self.o))
        m.d.comb += [
            readback.start.eq(self.read),
            readback.which.eq(self.which),
            self.has_read.eq(falls(m, readback.busy)),
        ]
        if self._fill:
            m.submodules.fill = self._fill
            wiring.connect(m, wiring.flipped(self.i), self._fill.i)
            m.d.comb += [
                self._fill.start.eq(self.fill),
                self._fill.which.eq(self.which),
                self.has_filled.eq(falls(m, self._fill.busy)),
            ]
        return readback

    def _share(self, m: Module, n: int, update, readback) -> None:
        """Who has the memory of layer n."""
        store, fill = self._stores[n], self._fill
        m.d.comb += [
            # The forward path has the port at all other times. The gate is closed now, so it reads
            # nothing.
            store.taught.eq(self.busy | readback.busy),
            store.address.eq(Mux(readback.busy, readback.address, update.address)),
            store.write_en.eq(update.write_en),
            store.write_address.eq(update.write_address),
            store.write_word.eq(update.write_word),
            update.word.eq(store.word),
        ]
        if fill:
            # An update never runs meanwhile: the gate does one thing after the other.
            with m.If(fill.busy):
                m.d.comb += [
                    store.write_en.eq(fill.write_en[n]),
                    store.write_address.eq(fill.address),
                    store.write_word.eq(fill.word[-len(store.write_word) :]),
                ]

    def _connect(self, m: Module, n: int, update, halvings, state) -> None:
        log = self.logs[n]
        m.d.comb += [
            update.halvings.eq(halvings),
            update.state.eq(state),
            update.count.eq(log.count),
            update.neuron.eq(log.neuron),
            update.step.eq(log.step),
            log.read_en.eq(self.busy),
        ]

    def _errors_below(self, n: int) -> BackpropagatedErrors:
        """Of the errors that layer n passes to the one below."""
        return BackpropagatedErrors(
            n=self._layers[n].n_pre,
            lanes=self._lanes[n - 1],
            n_steps=self._n_steps,
            width=passed_bits(self._layers[n], self._learning),
            bits=self._learning.error_bits,
        )
