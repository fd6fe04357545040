"""What a network is, in integers: shapes, widths and steps. Standard library only.

The rules that give these numbers their meaning (when a neuron fires, in which order layers are
evaluated, how ties are broken) are stated in `docs/contract.md` and executable in `hwgen.golden`.
"""

from dataclasses import asdict, dataclass, replace
from math import prod
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from hwgen.learning import LearningSpec
from hwgen.schema import Range

MAX_STEPS = 255  # spike times are 8-bit: values 0..n_steps, where n_steps means "never"
MAX_INPUTS = 2**14  # an event word has 14 bits of index
MAX_NEURONS = 2**16  # of a layer

Psp = Literal["step", "ramp", "triangle"]
Reset = Literal["never", "zero", "subtract"]
Encoding = Literal["latency", "rate", "events"]
Readout = Literal["first_spike", "spike_count", "potential"]


class Shape(NamedTuple):
    """Neurons of a layer as a picture; their index is ``(row * width + column) * channels + c``."""

    height: int
    width: int
    channels: int

    @property
    def n(self) -> int:
        return prod(self)


@dataclass(frozen=True, kw_only=True)
class InputSpec:
    """How a sample becomes spikes. After `crop` pixels are cut from each side, the value x in
    0..`x_max` of pixel (row, column) makes neuron ``row * width + column`` fire

    "latency": once, at step ``(x_max - x) * n_steps // x_max``: brighter is earlier, 0 never;
    "rate": at each step t with ``(t + 1) * x // x_max > t * x // x_max``, x * n_steps // x_max
    times in all;
    "events": of an event camera, whose pixels have `channels` neurons, one a polarity: at each step
    t in which it gave an event, from ``t * step_us`` to ``(t + 1) * step_us`` microseconds.
    """

    height: Annotated[int, Range(1, 4096)]
    width: Annotated[int, Range(1, 4096)]
    x_max: Annotated[int, Range(1, 255)]
    crop: Annotated[int, Range(0, 2048)] = 0
    encoding: Encoding = "latency"
    channels: Annotated[int, Range(1, 2)] = 1
    step_us: Annotated[int, Range(0, 2**31 - 1)] = 0  # events only

    @property
    def post(self) -> Shape:
        return Shape(self.height - 2 * self.crop, self.width - 2 * self.crop, self.channels)

    @property
    def n_inputs(self) -> int:
        return self.post.n


@dataclass(frozen=True, kw_only=True)
class _Neurons:
    """What dense and convolutional layers of single-spike neurons share.

    `weight_bits` 1 means the weights are -1 and +1; 2..8 means symmetric signed integers.
    `potential_bits` is the width of the signed potential and of the threshold. `psp` is the
    postsynaptic potential of a spike of weight 1, d steps after it (0 in its own step):
    "step": 1; "ramp": d + 1; "triangle": max(0, min(d + 1, 2 * tau_steps - d - 1)).
    A `phased` layer takes in all steps of a sample first, and then fires in as many steps of its
    own, in each of which its potentials rise by their drive. Its `psp` is the ramp.
    `reset` "never": a neuron fires once a sample at most, and goes on integrating. Else it fires in
    each step in which it exceeds its threshold; then its potential is set to zero, or the threshold
    is subtracted. At the end of each step a potential v leaks: ``v -= v >> leak_shift`` (0: not).
    """

    weight_bits: Annotated[int, Range(1, 8)]
    potential_bits: Annotated[int, Range(2, 31)]
    psp: Psp = "step"
    tau_steps: Annotated[int, Range(0, MAX_STEPS)] = 0  # triangle only: steps up, and steps down
    phased: bool = False
    reset: Reset = "never"
    leak_shift: Annotated[int, Range(0, 15)] = 0  # only where there is a reset

    @property
    def n_fan_in(self) -> int:
        """Synapses of a neuron."""
        raise NotImplementedError

    @property
    def max_weight(self) -> int:
        """Largest magnitude of a weight."""
        return 1 if self.weight_bits == 1 else 2 ** (self.weight_bits - 1) - 1

    @property
    def slope_bits(self) -> int:
        """Signed width of the slope, 0 with the step: each input moves it by its weight at most."""
        return 0 if self.psp == "step" else _signed_bits(self.max_slope)

    @property
    def moves_by_itself(self) -> bool:
        """Whether potentials move, or may fire, in a step without events."""
        return self.slope_bits > 0 or self.leak_shift > 0 or self.reset == "subtract"

    @property
    def max_slope(self) -> int:
        """Largest magnitude of the sum of all weights of a neuron; and largest drive."""
        return self.n_fan_in * self.max_weight

    def min_potential_bits(self, n_steps: int, *, multi_spike: bool = False) -> int:
        """Narrowest signed width in which no order of events can overflow.

        Each input fires at most once, and adds at most its weight times the highest PSP. The drive
        of a phased layer can add as much again. In a multi-spike network each may fire in each
        step: then the bound is that of a neuron that all inputs excite, and that never fires.
        """
        if multi_spike:
            most = 0
            for _ in range(n_steps):
                most += self.max_slope - (most >> self.leak_shift if self.leak_shift else 0)
            return _signed_bits(most)
        highest = {"step": 1, "ramp": n_steps, "triangle": min(n_steps, self.tau_steps)}[self.psp]
        return _signed_bits(self.max_slope * highest * (2 if self.phased else 1))

    @property
    def n_thresholds(self) -> int:
        """One a neuron, or a filter."""
        raise NotImplementedError

    @property
    def n_drives(self) -> int:
        return self.n_thresholds if self.phased else 0

    @property
    def max_threshold(self) -> int:
        return int(2 ** (self.potential_bits - 1) - 1)


@dataclass(frozen=True, kw_only=True)
class DenseSpec(_Neurons):
    """Every input feeds every neuron. Weights [n_pre, n_post], one threshold a neuron."""

    n_pre: Annotated[int, Range(1, MAX_NEURONS)]
    n_post: Annotated[int, Range(1, MAX_NEURONS)]
    kind: Literal["dense"] = "dense"

    @property
    def pre(self) -> Shape:
        return Shape(1, 1, self.n_pre)

    @property
    def post(self) -> Shape:
        return Shape(1, 1, self.n_post)

    @property
    def n_fan_in(self) -> int:
        return self.n_pre

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return self.n_pre, self.n_post

    @property
    def n_thresholds(self) -> int:
        return self.n_post

    @property
    def max_lanes(self) -> int:
        """Most neurons that hardware updates at once."""
        return self.n_post

    @property
    def n_synapses(self) -> int:
        return self.n_pre * self.n_post


@dataclass(frozen=True, kw_only=True)
class _Picture:
    """What layers that take a picture share: its sizes."""

    height: Annotated[int, Range(1, 4096)]
    width: Annotated[int, Range(1, 4096)]
    channels: Annotated[int, Range(1, 4096)]

    @property
    def pre(self) -> Shape:
        return Shape(self.height, self.width, self.channels)

    @property
    def post(self) -> Shape:
        raise NotImplementedError

    @property
    def n_pre(self) -> int:
        return self.pre.n

    @property
    def n_post(self) -> int:
        return self.post.n


@dataclass(frozen=True, kw_only=True)
class ConvSpec(_Picture, _Neurons):
    """Convolution of a picture `height` x `width` x `channels` with `filters` square filters.

    Weights [size, size, channels, filters], one threshold a filter. The neuron (y, x, f) has the
    synapse weights[i, j, c, f] to the input (y * stride + i - padding, x * stride + j - padding,
    c), where there is one.
    """

    filters: Annotated[int, Range(1, 4096)]
    size: Annotated[int, Range(1, 15)]
    stride: Annotated[int, Range(1, 15)] = 1
    padding: Annotated[int, Range(0, 14)] = 0
    kind: Literal["conv2d"] = "conv2d"

    @property
    def post(self) -> Shape:
        reach = self.size - 2 * self.padding
        rows = (self.height - reach) // self.stride + 1
        columns = (self.width - reach) // self.stride + 1
        return Shape(max(0, rows), max(0, columns), self.filters)

    @property
    def n_fan_in(self) -> int:
        return self.size * self.size * self.channels

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return self.size, self.size, self.channels, self.filters

    @property
    def n_thresholds(self) -> int:
        return self.filters

    @property
    def max_lanes(self) -> int:
        """Most neurons that hardware updates at once: the filters of a position."""
        return self.filters

    @property
    def n_synapses(self) -> int:
        """Those that exist: fewer at the edges."""
        rows = sum(len(taps(self, self.height, y)) for y in range(self.height))
        columns = sum(len(taps(self, self.width, x)) for x in range(self.width))
        return rows * columns * self.channels * self.filters


@dataclass(frozen=True, kw_only=True)
class PoolSpec(_Picture):
    """Earliest spike in each `size` x `size` window, channel by channel; windows do not overlap.

    Rows and columns that fill no whole window are left out. No weights, no potential.
    """

    size: Annotated[int, Range(2, 15)]
    kind: Literal["pool2d"] = "pool2d"

    @property
    def post(self) -> Shape:
        return Shape(self.height // self.size, self.width // self.size, self.channels)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return (0,)

    @property
    def n_thresholds(self) -> int:
        return 0

    @property
    def max_lanes(self) -> int:
        """Most neurons that hardware updates at once; it has nothing to update but who fired."""
        return 1

    @property
    def n_drives(self) -> int:
        return 0

    @property
    def n_synapses(self) -> int:
        return 0


WeightedSpec = DenseSpec | ConvSpec  # layers that have weights
LayerSpec = DenseSpec | ConvSpec | PoolSpec
_Weighted = TypeVar("_Weighted", DenseSpec, ConvSpec)


def taps(layer: ConvSpec, n: int, position: int) -> list[tuple[int, int]]:
    """Along one axis of `n` inputs, what an input reaches: (output position, tap), ascending.

    The tap is the first (or second) index of the weights.
    """
    n_out = (n + 2 * layer.padding - layer.size) // layer.stride + 1
    reached = [(out, position + layer.padding - out * layer.stride) for out in range(n_out)]
    return [(out, tap) for out, tap in reached if 0 <= tap < layer.size]


def narrowest(layer: _Weighted, n_steps: int, *, multi_spike: bool = False) -> _Weighted:
    """The layer with the narrowest potential that cannot overflow."""
    bits = layer.min_potential_bits(n_steps, multi_spike=multi_spike)
    return replace(layer, potential_bits=bits)


def dense(n_pre: int, n_post: int, weight_bits: int) -> DenseSpec:
    """A dense layer of the step PSP, with the narrowest potential that cannot overflow."""
    wide = DenseSpec(n_pre=n_pre, n_post=n_post, weight_bits=weight_bits, potential_bits=0)
    return narrowest(wide, 1)


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """A feed-forward network: `n_steps` steps, one input encoding, layers in order.

    With the readouts "spike_count" and "potential" it is a multi-spike network: a neuron may fire
    in each step of a sample. Spikes are then arrays uint8 [n, n_steps, n_neurons] of 0 and 1, and
    not times.
    """

    n_steps: Annotated[int, Range(1, MAX_STEPS)]
    input: InputSpec
    layers: tuple[LayerSpec, ...]
    readout: Readout = "first_spike"
    learning: LearningSpec | None = None

    @property
    def multi_spike(self) -> bool:
        return self.readout != "first_spike"

    @property
    def n_classes(self) -> int:
        return self.layers[-1].n_post

    @property
    def weighted(self) -> tuple[WeightedSpec, ...]:
        """The layers that have weights."""
        return tuple(layer for layer in self.layers if not isinstance(layer, PoolSpec))

    @property
    def learning_layers(self) -> range:
        """Layers whose weights the core changes."""
        if not self.learning:
            return range(0)
        n = len(self.layers)
        return range(0 if self.learning.layers == "all" else n - 1, n)

    @property
    def n_synapses(self) -> int:
        return sum(layer.n_synapses for layer in self.layers)

    @property
    def shape(self) -> str:
        """As the field writes it: ``784-600-10``, ``28x28-20C5-P2-1000-10``; s2 is a stride, p1 a
        padding."""
        has_pictures = any(layer.kind != "dense" for layer in self.layers)
        first = self.input.post
        sides = first if first.channels > 1 else first[:2]
        start = "x".join(map(str, sides)) if has_pictures else str(first.n)
        return "-".join([start, *(_word(layer) for layer in self.layers)])

    def to_json(self) -> dict[str, Any]:
        """Plain tables. Fields younger than the format are left out where they say nothing new."""
        table = asdict(self)
        if not self.learning:
            del table["learning"]
        for layer in table["layers"]:
            if layer.get("psp") == "step":
                del layer["psp"], layer["tau_steps"]
            if not layer.get("phased", True):
                del layer["phased"]
            if layer.get("reset") == "never":
                del layer["reset"], layer["leak_shift"]
        if self.input.encoding == "latency":
            del table["input"]["encoding"]
        if self.input.encoding != "events":
            del table["input"]["channels"], table["input"]["step_us"]
        return table


def _word(layer: LayerSpec) -> str:
    if isinstance(layer, DenseSpec):
        return str(layer.n_post)
    if isinstance(layer, PoolSpec):
        return f"P{layer.size}"
    stride = f"s{layer.stride}" if layer.stride > 1 else ""
    padding = f"p{layer.padding}" if layer.padding else ""
    return f"{layer.filters}C{layer.size}{stride}{padding}"


def _signed_bits(largest: int) -> int:
    """Bits that hold every integer within plus and minus `largest`."""
    return largest.bit_length() + 1
