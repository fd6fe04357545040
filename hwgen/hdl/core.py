"""The core: gate, layers, readout and registers, a pipeline of streams."""

from collections.abc import Sequence

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen.events import Kind
from hwgen.hdl.dense import Dense
from hwgen.hdl.gate import Gate
from hwgen.hdl.readout import Readout
from hwgen.hdl.registers import Registers
from hwgen.hdl.stream import result_layout, token_stream
from hwgen.params import Params


class SpikeCore(wiring.Component):
    """A network in hardware. Any choice of lanes gives the same bits.

    Members: `i` takes the tokens of samples (`hwgen.events`), `o` gives one result a sample.
    `early_exit` high: once a sample is decided, the rest of its input is swallowed; the decision is
    the same, what the layers do after it is not. `reg_data` is the register at `reg_addr`
    (`hwgen.protocol.Register`) of the cycle before.
    """

    def __init__(self, params: Params, lanes: Sequence[int]) -> None:
        """lanes: neurons updated at once, one number a layer."""
        params.check()
        layers = params.spec.layers
        if len(lanes) != len(layers):
            raise ValueError(f"lanes must have {len(layers)} numbers, not {list(lanes)!r}")
        self._params = params
        self.lanes = tuple(lanes)
        self._layers = [
            Dense(
                layer,
                params.weights[index],
                params.thresholds[index],
                lanes=lanes[index],
                is_output=index == len(layers) - 1,
            )
            for index, layer in enumerate(layers)
        ]
        super().__init__(
            {
                "i": In(token_stream(params.spec.input.n_inputs)),
                "o": Out(stream.Signature(result_layout(params.spec.n_classes))),
                "early_exit": In(1),
                "reg_addr": In(4),
                "reg_data": Out(32),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        spec = self._params.spec
        m.submodules.gate = gate = Gate(
            n_inputs=spec.input.n_inputs, max_in_flight=len(self._layers) + 1
        )
        m.submodules.readout = readout = Readout(
            n_classes=spec.n_classes, potential_bits=spec.layers[-1].potential_bits
        )
        m.submodules.registers = registers = Registers(self._params)
        wiring.connect(m, wiring.flipped(self.i), gate.i)
        source = gate.o
        for index, layer in enumerate(self._layers):
            m.submodules[f"layer_{index}"] = layer
            wiring.connect(m, source, layer.i)
            source = layer.o
            m.d.comb += registers.spikes[index].eq(
                layer.o.valid & layer.o.ready & (layer.o.payload.kind == Kind.SPIKE)
            )
        wiring.connect(m, source, readout.i)
        wiring.connect(m, readout.o, wiring.flipped(self.o))
        m.d.comb += [
            gate.early_exit.eq(self.early_exit),
            gate.decided.eq(readout.decided),
            gate.finished.eq(readout.finished),
            registers.event.eq(gate.event),
            registers.busy.eq(gate.busy),
            registers.finished.eq(readout.finished),
            registers.address.eq(self.reg_addr),
            self.reg_data.eq(registers.data),
        ]
        return m
