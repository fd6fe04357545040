"""What a network is, in integers: shapes, widths and steps. Standard library only.

The rules that give these numbers their meaning (when a neuron fires, in which order layers are
evaluated, how ties are broken) are stated in `docs/contract.md` and executable in `hwgen.golden`.
"""

from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from hwgen.network.layers.dense import DenseSpec
from hwgen.network.layers.kinds import LayerSpec, WeightedSpec
from hwgen.network.layers.neurons import MAX_STEPS
from hwgen.network.layers.shape import Shape
from hwgen.network.learning import LearningSpec
from hwgen.schema import Range

MAX_INPUTS = 2**14  # an event word has 14 bits of index
MAX_CHANNELS = 4  # of an input; of events: 2
# Fields of neurons younger than the format, and where a file leaves them out (contract, section 1).
YOUNGER = {
    "leak_times": 1,
    "fraction_bits": 0,
    "input_bits": 0,
    "bias_bits": 0,
    "order": "reset, leak",
    "fires": "above",
}
Encoding = Literal["latency", "rate", "events", "direct"]
Readout = Literal["first_spike", "spike_count", "potential"]


@dataclass(frozen=True, kw_only=True)
class InputSpec:
    """How a sample becomes spikes. After `crop` pixels are cut from each side, the value x in
    0..`x_max` of pixel (row, column) in channel c makes neuron c of `post` there fire

    "latency": once, at step ``(x_max - x) * n_steps // x_max``: brighter is earlier, 0 never;
    "rate": at each step t with ``(t + 1) * x // x_max > t * x // x_max``, x * n_steps // x_max
    times in all;
    "direct": not at all: the first layer takes x itself, its weight times x in every step of the
    sample. To a core it is said in bit planes, bit p of all values after bit p - 1;
    "events": of an event camera, whose pixels have `channels` neurons, one a polarity: at each step
    t in which it gave an event, from ``t * step_us`` to ``(t + 1) * step_us`` microseconds.
    """

    height: Annotated[int, Range(1, 4096)]
    width: Annotated[int, Range(1, 4096)]
    x_max: Annotated[int, Range(1, 255)]
    crop: Annotated[int, Range(0, 2048)] = 0
    encoding: Encoding = "latency"
    channels: Annotated[int, Range(1, MAX_CHANNELS)] = 1
    step_us: Annotated[int, Range(0, 2**31 - 1)] = 0  # events only

    @property
    def post(self) -> Shape:
        """The input's neurons as a feature map, after `crop`."""
        return Shape(self.height - 2 * self.crop, self.width - 2 * self.crop, self.channels)

    @property
    def n_inputs(self) -> int:
        """The input's neurons."""
        return self.post.n

    @property
    def n_planes(self) -> int:
        """Bits of a value."""
        return self.x_max.bit_length()


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
        """Whether neurons may fire in each step of a sample."""
        return self.readout != "first_spike"

    @property
    def has_raster(self) -> bool:
        """Whether inputs are rasters, uint8 0/1 [n, n_input_steps, n_inputs], and not times."""
        return self.multi_spike or self.input.encoding == "direct"

    @property
    def n_input_steps(self) -> int:
        """Steps in which a sample comes in: those of the sample, or, of values, bit planes."""
        return self.input.n_planes if self.input.encoding == "direct" else self.n_steps

    @property
    def n_classes(self) -> int:
        """Outputs: neurons of the last layer."""
        return self.layers[-1].n_post

    @property
    def weighted(self) -> tuple[WeightedSpec, ...]:
        """The layers that have weights."""
        return tuple(layer for layer in self.layers if layer.has_weights)

    @property
    def is_dense(self) -> bool:
        """Whether no layer takes a feature map."""
        return all(layer.takes_vector for layer in self.layers)

    @property
    def dense_layers(self) -> tuple[int, ...]:
        """Layers that are fed as vectors: those that can learn, or be loaded."""
        return tuple(n for n, layer in enumerate(self.layers) if layer.takes_vector)

    def dense(self, index: int) -> DenseSpec:
        """A layer that must be dense, as those are that learn. Raises ValueError.

        index: may be negative, as of a list.
        """
        layer = self.layers[index]
        if not layer.takes_vector:
            raise ValueError(f"layer {index} is {layer.kind}, expected dense")
        return layer

    @property
    def learning_layers(self) -> range:
        """Layers whose weights the core changes."""
        if not self.learning:
            return range(0)
        n = len(self.layers)
        return range(0 if self.learning.layers == "all" else n - 1, n)

    @property
    def n_synapses(self) -> int:
        """Of all layers, those that exist."""
        return sum(layer.n_synapses for layer in self.layers)

    @property
    def shape(self) -> str:
        """As the field writes it: ``784-600-10``, ``28x28-20C5-P2-1000-10``; s2 is a stride, p1 a
        padding."""
        first = self.input.post
        sides = first if first.channels > 1 else first[:2]
        start = str(first.n) if self.is_dense else "x".join(map(str, sides))
        return "-".join([start, *(layer.word for layer in self.layers)])

    def to_json(self) -> dict[str, Any]:
        """Plain tables. Fields younger than the format are left out where they say nothing new.

        The digest is over this table (contract, section 2), so old networks keep theirs.
        """
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
            for name, usual in YOUNGER.items():
                if layer.get(name) == usual:
                    del layer[name]
        if self.input.encoding == "latency":
            del table["input"]["encoding"]
        if self.input.encoding != "events":
            del table["input"]["step_us"]
        if self.input.encoding != "events" and self.input.channels == 1:
            del table["input"]["channels"]
        return table
