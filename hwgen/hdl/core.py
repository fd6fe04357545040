"""The core: gate, layers with what adapts their streams, readout and registers."""

from collections.abc import Iterator

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen.hdl.adapters.fifo import Fifo
from hwgen.hdl.adapters.flatten import Flatten, Unflatten
from hwgen.hdl.adapters.phases import Phases
from hwgen.hdl.adapters.replay import Replay
from hwgen.hdl.io.gate import Gate
from hwgen.hdl.io.readout import Readout
from hwgen.hdl.io.registers import Registers
from hwgen.hdl.io.spike_count import SpikeCount
from hwgen.hdl.layers import kinds
from hwgen.hdl.layers.dense import Dense
from hwgen.hdl.learning.unit import Teacher
from hwgen.hdl.stream import is_picture, result_layout, token_layout, vector
from hwgen.hdl.weights.loader import Loaded, Loader
from hwgen.network.design import Design
from hwgen.network.layers.neurons import SingleSpike
from hwgen.network.layers.shape import Shape
from hwgen.network.spec import NetworkSpec
from hwgen.protocol.memory import QUEUE_DEPTH, is_queued
from hwgen.protocol.tokens import Kind


class SpikeCore(wiring.Component):
    """A network in hardware. Any choice of lanes gives the same bits.

    Members: `i` takes the tokens of samples (`hwgen.protocol.tokens`), `o` gives one result a
    sample. `early_exit` high: once a sample is decided, the rest of its input is swallowed; the
    decision is the same, what the layers do after it is not. A core that learns gives the shadow
    weights of a layer at `shadows` when a POTENTIAL with its number comes in. One whose shadows lie
    in SPRAM takes them from `fill` after a POTENTIAL whose index is greater by the number of
    layers; `filled` strobes after the last. So does one that does not learn, if it has weights in
    SPRAM: of those `loaded_layers`, memory words in pieces (`hwgen.protocol.memory.loaded_words`).
    `asks` says that the token offered is one of these, at a moment when the core heeds it.
    `reg_data` is the register at `reg_addr` (`hwgen.protocol.words.Register`) of the cycle before.
    """

    def __init__(self, design: Design) -> None:
        """Raises `ParamsError` if its params break the contract."""
        params, lanes = design.params, design.lanes
        params.check()
        layers = params.spec.layers
        self._params, self._learns = params, design.learns
        self.lanes = lanes
        self.learning_layers = design.learning_layers
        self._spram = design.is_filled and design.learns
        self.loaded_layers = () if self._learns else design.loaded_layers
        self.fillable_layers = self.learning_layers if self._spram else self.loaded_layers
        self._layers = [kinds.make(design, index) for index in range(len(layers))]
        self._loader = self._make_loader() if self.loaded_layers else None
        self._teacher = self._make_teacher() if self._learns else None
        self._gate = Gate(
            n_inputs=params.spec.input.n_inputs,
            max_in_flight=len(layers) + 1,
            n_labels=params.spec.n_classes if self._learns else 0,
            n_layers=len(layers),
            readable=self.learning_layers,
            fillable=self.fillable_layers,
        )
        learnt: dict[str, wiring.Member] = {}
        if self._teacher:
            learnt |= {"shadows": Out(self._teacher.o.signature), "asks": Out(1)}
            if self._spram:
                learnt |= {"fill": In(self._teacher.i.signature.flip()), "filled": Out(1)}
        if self._loader:
            fill = In(self._loader.i.signature.flip())
            learnt |= {"asks": Out(1), "fill": fill, "filled": Out(1)}
        super().__init__(
            {
                **learnt,
                "i": In(self._gate.i.signature.flip()),
                "o": Out(stream.Signature(result_layout(params.spec.n_classes))),
                "early_exit": In(1),
                "reg_addr": In(4),
                "reg_data": Out(32),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        spec = self._params.spec
        m.submodules.gate = gate = self._gate
        output = spec.dense(-1)  # Params.check
        counted = spec.readout == "spike_count"
        m.submodules.readout = readout = (SpikeCount if counted else Readout)(
            n_classes=spec.n_classes, potential_bits=output.potential_bits
        )
        m.submodules.registers = registers = Registers(
            self._params, max(self.lanes), loads=self.lanes if self._loader else ()
        )
        wiring.connect(m, wiring.flipped(self.i), gate.i)
        source, shape = gate.o, vector(spec.input.n_inputs)
        teacher = self._teacher
        if teacher:
            m.submodules.teacher = teacher
            m.d.comb += [
                teacher.start.eq(gate.lesson),
                teacher.label.eq(gate.label),
                teacher.read.eq(gate.reads),
                teacher.fill.eq(gate.fills),
                teacher.which.eq(gate.label - spec.learning_layers[0]),
                gate.learnt.eq(teacher.learnt | teacher.has_read | teacher.has_filled),
            ]
            m.d.comb += self.asks.eq(gate.asks)
            wiring.connect(m, teacher.o, wiring.flipped(self.shadows))
            if self._spram:
                wiring.connect(m, wiring.flipped(self.fill), teacher.i)
                m.d.comb += self.filled.eq(teacher.has_filled)
        if self._loader:
            self._load(m, self._loader, gate, registers)
        for index, layer in enumerate(self._layers):
            for name, adapter in _adapters(spec, index, shape, self.lanes[index]):
                m.submodules[f"{name}_{index}"] = adapter
                wiring.connect(m, source, adapter.i)
                source = adapter.o
            m.submodules[f"layer_{index}"] = layer
            wiring.connect(m, source, layer.i)
            if teacher and index in spec.learning_layers:
                _watch(m, teacher.logs[index - spec.learning_layers[0]], layer.i)
            source, shape = layer.o, spec.layers[index].post
            m.d.comb += registers.spikes[index].eq(
                layer.o.valid & layer.o.ready & (layer.o.payload.kind == Kind.SPIKE)
            )
            if spec.layers[index].has_weights:
                m.d.comb += registers.ops[index].eq(layer.ops)
        wiring.connect(m, source, readout.i)
        if teacher:
            _watch(m, teacher.output_errors, source)
        wiring.connect(m, readout.o, wiring.flipped(self.o))
        m.d.comb += [
            gate.early_exit.eq(self.early_exit),
            gate.decided.eq(readout.decided),
            gate.finished.eq(readout.finished),
            registers.event.eq(gate.event),
            registers.dropped.eq(gate.dropped),
            registers.busy.eq(gate.busy),
            registers.finished.eq(readout.finished),
            registers.address.eq(self.reg_addr),
            self.reg_data.eq(registers.data),
        ]
        return m

    def _load(self, m: Module, loader: Loader, gate: Gate, registers: Registers) -> None:
        """The way of weights into SPRAM."""
        m.submodules.loader = loader
        wiring.connect(m, wiring.flipped(self.fill), loader.i)
        m.d.comb += [
            loader.start.eq(gate.fills),
            loader.layer.eq(gate.label),
            gate.learnt.eq(loader.done),
            gate.unloaded.eq(loader.unloaded.any()),
            registers.unloaded.eq(loader.unloaded),
            self.asks.eq(gate.asks),
            self.filled.eq(loader.done),
        ]

    def _make_loader(self) -> Loader:
        """What fills the layers whose weights are loaded."""
        layers = enumerate(self._layers)
        stores = {n: x.store for n, x in layers if isinstance(x, Dense)}
        loaded = {n: store for n, store in stores.items() if isinstance(store, Loaded)}
        return Loader(loaded, len(self._layers))

    def _make_teacher(self) -> Teacher:
        """The learning unit of the layers that learn."""
        dense = [layer for layer in self._layers if isinstance(layer, Dense)]
        stores = [layer.store for layer in dense if layer.store is not None]
        return Teacher(self._params.spec, self.lanes, stores, can_fill=self._spram)


def _watch(m: Module, watcher, tokens) -> None:
    """Show a component the tokens of a stream as they are handed over."""
    m.d.comb += [
        watcher.strobe.eq(tokens.valid & tokens.ready),
        watcher.kind.eq(tokens.payload.kind),
        watcher.index.eq(tokens.payload.index),
    ]
    if "drive" in dict(tokens.payload.shape()):
        m.d.comb += watcher.drive.eq(tokens.payload.drive)


def _adapters(
    spec: NetworkSpec, index: int, shape: Shape, lanes: int
) -> Iterator[tuple[str, wiring.Component]]:
    """What stands in front of a layer if neurons of `shape` feed it, with names."""
    layer = spec.layers[index]
    if index and is_queued(layer, lanes):
        yield "queue", Fifo(token_layout(shape), depth=QUEUE_DEPTH)
    if is_picture(shape) and layer.takes_vector:
        yield "flatten", Flatten(shape)
    if is_picture(layer.pre) and not is_picture(shape):
        yield "unflatten", Unflatten(layer.pre)
    if not layer.has_weights:
        return
    neuron = layer.neuron
    if isinstance(neuron, SingleSpike) and neuron.has_knee:
        yield "replay", Replay(layer.pre, tau_steps=neuron.tau_steps, n_steps=spec.n_steps)
    if neuron.two_phase:
        yield "phases", Phases(layer.pre, n_steps=spec.n_steps)
