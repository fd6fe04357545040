"""The core: gate, layers with what adapts their streams, readout and registers."""

from collections.abc import Iterator

from amaranth.hdl import Module
from amaranth.lib import wiring

from hwgen.hdl.adapters.fifo import Fifo
from hwgen.hdl.adapters.flatten import Flatten, Unflatten
from hwgen.hdl.adapters.phases import Phases
from hwgen.hdl.adapters.planes import Planes
from hwgen.hdl.adapters.replay import Replay
from hwgen.hdl.features import features
from hwgen.hdl.io.gate import Gate
from hwgen.hdl.io.readout import Readout
from hwgen.hdl.io.registers import Registers
from hwgen.hdl.io.spike_count import SpikeCount
from hwgen.hdl.layers import kinds
from hwgen.hdl.signature import CoreSignature
from hwgen.hdl.stream import is_feature_map, marks_of, token_layout, vector
from hwgen.network.design import Design
from hwgen.network.layers.neurons import SingleSpike
from hwgen.network.layers.shape import Shape
from hwgen.network.spec import NetworkSpec
from hwgen.protocol.memory import QUEUE_DEPTH, is_queued
from hwgen.protocol.tokens import Kind


class SpikeCore(wiring.Component):
    """A network in hardware; its ports are those of `CoreSignature`.

    Any choice of lanes gives the same bits.
    """

    def __init__(self, design: Design) -> None:
        """Raises `ParamsError` if its params break the contract.

        design: params, lanes, and where weights lie (`hwgen.network.design.Design`).
        """
        params = design.params
        params.check()
        layers = params.spec.layers
        self._design, self._params = design, params
        self.lanes, self.learning_layers = design.lanes, design.learning_layers
        self.fillable_layers = design.loaded_layers
        self._layers = [kinds.make(design, index) for index in range(len(layers))]
        self._features = features(design, self._layers)
        self._gate = Gate(
            n_inputs=params.spec.input.n_inputs,
            # A sample in each layer and one in the readout. More would only wait.
            max_in_flight=len(layers) + 1,
            n_labels=params.spec.n_classes if design.learns else 0,
            n_layers=len(layers),
            readable=design.learning_layers,
            fillable=design.loaded_layers,
        )
        super().__init__(CoreSignature(design))

    def elaborate(self, platform: object) -> Module:
        """Gate, layers, readout and registers, joined by streams; then what the features add."""
        m = Module()
        design, spec = self._design, self._params.spec
        m.submodules.gate = gate = self._gate
        counted = spec.readout == "spike_count"
        m.submodules.readout = readout = (SpikeCount if counted else Readout)(
            n_classes=spec.n_classes,
            potential_bits=spec.dense(-1).potential_bits,  # the last is dense: Params.check
        )
        waits = design.is_filled and not design.learns
        m.submodules.registers = registers = Registers(
            self._params, max(self.lanes), loads=self.lanes if waits else ()
        )
        wiring.connect(m, wiring.flipped(self.i), gate.i)
        for feature in self._features:
            feature.connect(m, self, gate, registers)
        source = self._chain(m, gate.o, registers)
        wiring.connect(m, source, readout.i)
        for feature in self._features:
            feature.watch_output(m, source)
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

    def _chain(self, m: Module, source, registers: Registers):
        """All layers, one behind the other. Returns the stream out of the last."""
        spec = self._params.spec
        shape = vector(spec.input.n_inputs)
        for index, layer in enumerate(self._layers):
            for name, adapter in _adapters(spec, index, shape, self.lanes[index]):
                m.submodules[f"{name}_{index}"] = adapter
                wiring.connect(m, source, adapter.i)
                source = adapter.o
            m.submodules[f"layer_{index}"] = layer
            wiring.connect(m, source, layer.i)
            for feature in self._features:
                feature.watch_layer(m, index, layer.i)
            source, shape = layer.o, spec.layers[index].post
            m.d.comb += registers.spikes[index].eq(
                layer.o.valid & layer.o.ready & (layer.o.payload.kind == Kind.SPIKE)
            )
            if spec.layers[index].has_weights:
                m.d.comb += registers.ops[index].eq(layer.ops)
        return source


def _adapters(
    spec: NetworkSpec, index: int, shape: Shape, lanes: int
) -> Iterator[tuple[str, wiring.Component]]:
    """What stands in front of a layer if neurons of `shape` feed it, with names."""
    layer = spec.layers[index]
    if index and is_queued(layer, lanes):
        yield "queue", Fifo(token_layout(shape), depth=QUEUE_DEPTH)
    if is_feature_map(shape) and layer.takes_vector:
        yield "flatten", Flatten(shape)
    if is_feature_map(layer.pre) and not is_feature_map(shape):
        yield "unflatten", Unflatten(layer.pre)
    if not layer.has_weights:
        return
    neuron = layer.neuron
    if isinstance(neuron, SingleSpike) and neuron.has_knee:
        yield "replay", Replay(layer.pre, tau_steps=neuron.tau_steps, n_steps=spec.n_steps)
    if layer.input_bits:
        yield "planes", Planes(layer.pre, marks=marks_of(layer), n_steps=spec.n_steps)
    elif neuron.two_phase:
        yield "phases", Phases(layer.pre, n_steps=spec.n_steps)
