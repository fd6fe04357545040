"""What not every core has: a learning unit, and weights that a host loads.

A feature has ports of its own on the core, watches what passes, and asks the gate for quiet.
"""

from collections.abc import Mapping, Sequence

from amaranth.hdl import Module
from amaranth.lib import wiring

from hwgen.hdl.io.gate import Gate
from hwgen.hdl.io.registers import Registers
from hwgen.hdl.layers.dense import Dense
from hwgen.hdl.learning.unit import LearningUnit
from hwgen.hdl.weights.loader import Loaded, Loader
from hwgen.hdl.weights.shadows import Shadows
from hwgen.network.design import Design


class Feature:
    """Nothing: what features do if they do not say otherwise."""

    def connect(self, m: Module, core: wiring.Component, gate: Gate, registers: Registers) -> None:
        """Add its component to `m`, and join it to the core's ports, the gate, the registers."""

    def watch_layer(self, m: Module, index: int, tokens) -> None:
        """See the stream of tokens that goes into a layer."""

    def watch_output(self, m: Module, tokens) -> None:
        """See the stream of tokens that comes out of the last layer."""


class Learning(Feature):
    """A learning unit behind the layers that learn. With weights in SPRAM, a host fills them."""

    def __init__(self, design: Design, stores: Sequence[Shadows]) -> None:
        """stores: the shadow weights of the layers that learn, in order."""
        spec = design.params.spec
        self._layers, self._fills = spec.learning_layers, design.is_filled
        self._unit = LearningUnit(spec, design.lanes, stores, can_fill=self._fills)

    def connect(self, m: Module, core: wiring.Component, gate: Gate, registers: Registers) -> None:
        """The learning unit between the gate, which starts it, and the core's ports `shadows` and
        `fill`."""
        m.submodules.teacher = unit = self._unit
        m.d.comb += [
            unit.start.eq(gate.lesson),
            unit.label.eq(gate.label),
            unit.read.eq(gate.reads),
            unit.fill.eq(gate.fills),
            unit.which.eq(gate.label - self._layers[0]),
            # The gate closes for one of three reasons at a time, so one strobe opens it again.
            gate.learnt.eq(unit.learnt | unit.has_read | unit.has_filled),
        ]
        m.d.comb += core.asks.eq(gate.asks)
        wiring.connect(m, unit.o, wiring.flipped(core.shadows))
        if self._fills:
            wiring.connect(m, wiring.flipped(core.fill), unit.i)
            m.d.comb += core.filled.eq(unit.has_filled)

    def watch_layer(self, m: Module, index: int, tokens) -> None:
        """The log of a layer that learns sees what goes into it."""
        if index in self._layers:
            _tap(m, self._unit.logs[index - self._layers[0]], tokens)

    def watch_output(self, m: Module, tokens) -> None:
        """The spike times of the outputs are taken from the last stream."""
        _tap(m, self._unit.output_errors, tokens)


class Loading(Feature):
    """Weights of layers that do not learn, in SPRAM: until they are there, spikes mean nothing."""

    def __init__(self, stores: Mapping[int, Loaded], n_layers: int) -> None:
        """stores: by number of the layer."""
        self._loader = Loader(stores, n_layers)

    def connect(self, m: Module, core: wiring.Component, gate: Gate, registers: Registers) -> None:
        """The loader between the gate, which starts it, and the core's port `fill`."""
        m.submodules.loader = loader = self._loader
        wiring.connect(m, wiring.flipped(core.fill), loader.i)
        m.d.comb += [
            loader.start.eq(gate.fills),
            loader.layer.eq(gate.label),
            gate.learnt.eq(loader.done),
            gate.unloaded.eq(loader.unloaded.any()),
            registers.unloaded.eq(loader.unloaded),
            core.asks.eq(gate.asks),
            core.filled.eq(loader.done),
        ]


def features(design: Design, layers: Sequence[wiring.Component]) -> list[Feature]:
    """Those of a design, for its layers."""
    stores = {n: x.store for n, x in enumerate(layers) if isinstance(x, Dense)}
    if design.learns:
        return [Learning(design, [store for store in stores.values() if store is not None])]
    if design.loaded_layers:
        loaded = {n: store for n, store in stores.items() if isinstance(store, Loaded)}
        return [Loading(loaded, len(layers))]
    return []


def _tap(m: Module, watcher, tokens) -> None:
    """Show a component the tokens of a stream as they are handed over."""
    m.d.comb += [
        watcher.strobe.eq(tokens.valid & tokens.ready),
        watcher.kind.eq(tokens.payload.kind),
        watcher.index.eq(tokens.payload.index),
    ]
    if "drive" in dict(tokens.payload.shape()):
        m.d.comb += watcher.drive.eq(tokens.payload.drive)
