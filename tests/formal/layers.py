"""Dense and convolutional layers against the neuron's equation; and that they do not get stuck."""

from itertools import chain
from types import SimpleNamespace
from typing import Any

import numpy as np
from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, signed
from formal.bench import PATIENCE, Bench, HostileBank
from formal.dense import dense_lemmas, progress_lemmas
from formal.equation import follow

from hwgen.hdl.layers.conv import Conv
from hwgen.hdl.layers.dense import Dense
from hwgen.network.layers.conv2d import ConvSpec
from hwgen.network.layers.dense import DenseSpec
from hwgen.network.layers.kinds import narrowest
from hwgen.protocol.memory import n_blocks
from hwgen.protocol.tokens import Kind


class AnyDense(Dense):
    """A dense layer of any weights: registers of the bench in place of a memory."""

    def __init__(self, bench: Bench, layer: DenseSpec, **choices: Any) -> None:
        numbers = np.zeros(layer.n_post, np.int32)
        super().__init__(layer, np.zeros(layer.weight_shape, np.int8), numbers, numbers, **choices)
        self.codes = [
            [bench.fixed(layer.weight_bits, "weight") for _ in range(layer.n_post)]
            for _ in range(layer.n_pre)
        ]
        if layer.weight_bits > 1:
            for code in chain.from_iterable(self.codes):
                bench.given(code.as_signed() >= -layer.max_weight)

    def weight(self, pre: int, post: int) -> Any:
        code = self.codes[pre][post]
        return Mux(code, -1, 1) if self._layer.weight_bits == 1 else code.as_signed()

    def _weight_port(self, m: Module, address: Any, enable: Any) -> Any:
        lanes, width = self._lanes, self._lanes * self._layer.weight_bits
        words = [
            Cat(row[block * lanes : (block + 1) * lanes], Const(0, width))[:width]
            for block in range(self._n_blocks)
            for row in self.codes
        ]
        weight_word = Signal(width)
        with m.If(enable):
            m.d.sync += weight_word.eq(Array(words)[address])
        return weight_word


def any_constants(bench: Bench, module: str, **values: list[Any]) -> None:
    """Thresholds and drives of the bench, in place of given ones."""

    def read(
        m: Module, name: str, _: Any, *, lanes: int, bits: int, enable: Any, block: Any
    ) -> list[Any]:
        numbers = values[name]
        blocks = n_blocks(len(numbers), lanes)
        if blocks == 1:
            return [number[:bits].as_signed() for number in numbers]
        padded = [*numbers, *[Const(0, bits)] * (blocks * lanes - len(numbers))]
        found = []
        for lane in range(lanes):
            number = Signal(signed(bits), name=f"{name}_{lane}")
            with m.If(enable):
                m.d.sync += number.eq(Array(padded[lane::lanes])[block])
            found.append(number)
        return found

    bench.stands_in(f"hwgen.hdl.{module}.read_constants", read)


def _layer(
    kind: str, n_pre: int, n_post: int, n_steps: int, weight_bits: int, **neuron: Any
) -> DenseSpec:
    """kind: a PSP, "phased", or, of neurons that fire again and leak, their reset. neuron: more
    fields."""
    often = kind in ("zero", "subtract")
    layer = DenseSpec(
        n_pre=n_pre,
        n_post=n_post,
        weight_bits=weight_bits,
        potential_bits=0,
        psp="step" if often else "ramp" if kind == "phased" else kind,  # type: ignore[arg-type]
        tau_steps=n_steps if kind == "triangle" else 0,
        phased=kind == "phased",
        reset=kind if often else "never",  # type: ignore[arg-type]
        **{"leak_shift": 1 if often else 0} | neuron,  # type: ignore[arg-type]
    )
    return narrowest(layer, n_steps, multi_spike=often)


def dense(
    kind: str,
    *,
    lanes: int = 2,
    n_pre: int = 2,
    n_post: int = 3,
    n_steps: int = 2,
    weight_bits: int = 2,
    is_output: bool = False,
    **neuron: Any,
) -> Bench:
    """A dense layer of any weights, thresholds, drives and biases; `kind`, `neuron` as in
    `_layer`."""
    bench = Bench()
    layer = _layer(kind, n_pre, n_post, n_steps, weight_bits, **neuron)
    often = layer.reset != "never"
    module = "neurons.multi_spike" if often else "layers.dense"
    module = "neurons.single_spike" if layer.slope_bits and not often else module
    bench.stands_in(f"hwgen.hdl.{module}.StateBank", HostileBank)
    bits = layer.potential_bits - 1
    limits = [Cat(bench.fixed(bits, "threshold"), 0) for _ in range(n_post)]
    drives = [Cat(bench.fixed(layer.slope_bits, "drive")[:-1], 0) for _ in range(n_post)]
    if layer.phased:
        for drive in drives:
            bench.given((drive > 0) & (drive <= layer.max_drive(n_steps)))
    biases = [bench.fixed(max(1, layer.bias_bits), "bias") for _ in range(n_post)]
    if layer.bias_bits:
        for bias in biases:
            bench.given(bias.as_signed() >= -layer.max_bias)
    # `State` is given thresholds less 1, from below.
    is_less = layer.slope_bits and not often
    given = [Cat(~limit[:bits], 1, 1) for limit in limits] if is_less else limits
    any_constants(bench, module, thresholds=given, drives=drives, biases=biases)
    bench.m.submodules.dut = dut = AnyDense(bench, layer, lanes=lanes, is_output=is_output)
    inside = bench.opened(dut)
    watched = follow(
        bench,
        layer,
        dut,
        n_steps,
        weight=dut.weight,
        threshold=limits.__getitem__,
        drive=drives.__getitem__ if layer.phased else None,
        bias=biases.__getitem__ if layer.bias_bits else None,
        is_output=is_output,
    )
    dense_lemmas(bench, layer, inside, watched, lanes)
    return bench


def dense_progress(kind: str, *, cycles: int) -> Bench:
    """A dense layer of three neurons in two blocks, of which any may fire."""
    bench = Bench()
    n_pre, n_post, lanes = 2, 3, 2
    layer = _layer(kind, n_pre, n_post, 2, 2)
    numbers = np.ones(n_post, np.int32)
    bench.m.submodules.dut = dut = Dense(
        layer, np.ones(layer.weight_shape, np.int8), numbers, numbers, lanes=lanes
    )
    inside = bench.opened(dut)
    taken, n_inside = _ends_come_out(bench, dut, layer, cycles)
    token = dut.i.payload
    bench.given(token.index < n_pre)
    known = SimpleNamespace(
        pre=token.index, plane=Const(0), due=token.kind, taken=taken, neuron=Const(0)
    )
    progress_lemmas(bench, layer, inside, known, lanes, n_inside)
    return bench


def _ends_come_out(bench: Bench, dut: Any, layer: Any, cycles: int) -> tuple[Any, Any]:
    """Each end comes out, and each token is taken, in so many cycles. Returns when a token is
    taken, and how many ends are inside."""
    taken, given = bench.offers(dut.i), bench.takes(dut.o, PATIENCE)
    token, out = dut.i.payload, dut.o.payload
    bench.given(token.kind != Kind.POTENTIAL)
    is_step = (token.kind == Kind.END_OF_STEP) & (token.drive if layer.phased else 1)
    ends = taken & (is_step | (token.kind == Kind.END_OF_SAMPLE))
    ended = given & ((out.kind == Kind.END_OF_STEP) | (out.kind == Kind.END_OF_SAMPLE))
    n_inside = bench.count(ends, ended)
    bench.within(cycles, (n_inside != 0) & ~ended)
    bench.within(cycles, dut.i.valid & ~dut.i.ready)
    return taken, n_inside


def conv(lanes: int, *, seed: int, n_steps: int = 1, **shape: Any) -> Bench:
    """A convolution of random weights and thresholds."""
    bench = Bench(resets=False)
    wide = ConvSpec(weight_bits=3, potential_bits=0, **shape)
    often = wide.reset != "never"
    kind = "multi_spike" if often else "single_spike"
    bench.stands_in(f"hwgen.hdl.neurons.{kind}.StateBank", HostileBank)
    layer = narrowest(wide, n_steps, multi_spike=often)
    rng = np.random.default_rng(seed)
    largest = layer.max_weight
    weights = rng.integers(-largest, largest, layer.weight_shape, endpoint=True).astype(np.int8)
    thresholds = rng.integers(0, largest, layer.filters, endpoint=True).astype(np.int32)
    bench.m.submodules.dut = dut = Conv(
        layer, weights, thresholds, np.zeros(0, np.int32), lanes=lanes
    )

    def weight(pre: int, post: int) -> Const:
        row, column, channel = np.unravel_index(pre, layer.pre)
        y, x, number = np.unravel_index(post, layer.post)
        i = row + layer.padding - y * layer.stride
        j = column + layer.padding - x * layer.stride
        inside = 0 <= i < layer.size and 0 <= j < layer.size
        return Const(int(weights[i, j, channel, number]) if inside else 0, signed(8))

    def threshold(post: int) -> Const:
        return Const(int(thresholds[post % layer.filters]), signed(31))

    follow(bench, layer, dut, n_steps, weight=weight, threshold=threshold)
    return bench
