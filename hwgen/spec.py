"""What a network is, in integers: shapes, widths and steps. Standard library only.

The rules that give these numbers their meaning (when a neuron fires, in which order layers are
evaluated, how ties are broken) are stated in `docs/contract.md` and executable in `hwgen.golden`.
"""

from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from hwgen.checked import Range

MAX_STEPS = 255  # spike times are 8-bit: values 0..n_steps, where n_steps means "never"
MAX_NEURONS = 2**14  # a layer; an event word has 14 bits of index


@dataclass(frozen=True, kw_only=True)
class InputSpec:
    """How grey values become spike times: brighter is earlier, zero never fires.

    After `crop` pixels are cut from each side, the value x in 0..`x_max` of pixel (row, column)
    makes neuron ``row * width + column`` fire at step ``(x_max - x) * n_steps // x_max``.
    """

    height: Annotated[int, Range(1, 4096)]
    width: Annotated[int, Range(1, 4096)]
    x_max: Annotated[int, Range(1, 255)]
    crop: Annotated[int, Range(0, 2048)] = 0

    @property
    def n_inputs(self) -> int:
        return (self.height - 2 * self.crop) * (self.width - 2 * self.crop)


@dataclass(frozen=True, kw_only=True)
class LayerSpec:
    """A dense layer of single-spike integrate-and-fire neurons.

    `weight_bits` 1 means the weights are -1 and +1; 2..8 means symmetric signed integers.
    `potential_bits` is the width of the signed potential and of the threshold.
    """

    n_pre: Annotated[int, Range(1, MAX_NEURONS)]
    n_post: Annotated[int, Range(1, MAX_NEURONS)]
    weight_bits: Annotated[int, Range(1, 8)]
    potential_bits: Annotated[int, Range(2, 31)]
    kind: Literal["dense"] = "dense"

    @property
    def max_weight(self) -> int:
        """Largest magnitude of a weight."""
        return 1 if self.weight_bits == 1 else 2 ** (self.weight_bits - 1) - 1

    @property
    def min_potential_bits(self) -> int:
        """Narrowest signed width in which no order of events can overflow.

        Each input fires at most once, so the sum is at most ``n_pre * max_weight`` in magnitude.
        """
        return (self.n_pre * self.max_weight).bit_length() + 1

    @property
    def max_threshold(self) -> int:
        return int(2 ** (self.potential_bits - 1) - 1)


def dense(n_pre: int, n_post: int, weight_bits: int) -> LayerSpec:
    """A dense layer with the narrowest potential that cannot overflow."""
    narrow = LayerSpec(n_pre=n_pre, n_post=n_post, weight_bits=weight_bits, potential_bits=0)
    return LayerSpec(
        n_pre=n_pre,
        n_post=n_post,
        weight_bits=weight_bits,
        potential_bits=narrow.min_potential_bits,
    )


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """A feed-forward network: `n_steps` steps, one input encoding, layers in order."""

    n_steps: Annotated[int, Range(1, MAX_STEPS)]
    input: InputSpec
    layers: tuple[LayerSpec, ...]
    readout: Literal["first_spike"] = "first_spike"

    @property
    def n_classes(self) -> int:
        return self.layers[-1].n_post

    @property
    def n_synapses(self) -> int:
        return sum(layer.n_pre * layer.n_post for layer in self.layers)

    @property
    def shape(self) -> str:
        """As the field writes it: ``784-600-10``."""
        sizes = [self.input.n_inputs, *(layer.n_post for layer in self.layers)]
        return "-".join(str(size) for size in sizes)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
