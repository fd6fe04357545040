"""What a user asks for: one TOML file a model, every field checked. See `models/README.md`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from hwgen import schema
from hwgen.errors import RecipeError
from hwgen.network.layers.neurons import MAX_STEPS, Fires, Order, Psp, Reset
from hwgen.network.learning import LearningSpec
from hwgen.network.spec import Encoding, Readout
from hwgen.schema import MAX_SEED, Name, Range

DatasetName = Literal[
    "digits", "mnist", "fashion-mnist", "caltech-face-motorbike", "n-mnist", "cifar10", ""
]


@dataclass(frozen=True, kw_only=True)
class DataRecipe:
    """Which data, and which part of its training set is held out to choose by.

    Either `name`, or, of data of one's own, `path`, as of `hwgen.data.own.load`; then pictures are
    scaled to `height` x `width`; 0: they have one size already.
    """

    name: DatasetName = ""
    path: str = ""
    height: Annotated[int, Range(0, 4096)] = 0
    width: Annotated[int, Range(0, 4096)] = 0
    validation: Annotated[float, Range(0.01, 0.5)] = 0.1  # fraction of the training set
    crop: Annotated[int, Range(0, 2048)] = 0  # pixels cut from each side
    colour: bool = False  # of images that have it; else they are grey
    encoding: Encoding = "latency"  # of images; recordings have "events"
    step_us: Annotated[int, Range(0, 2**31 - 1)] = 0  # of recordings: duration of a step


@dataclass(frozen=True, kw_only=True)
class NetworkRecipe:
    """Shape and precision. `hidden` as in `network.notation`: ``"20C5-P2-1000"``, or empty."""

    n_steps: Annotated[int, Range(1, MAX_STEPS)]
    hidden: str
    weight_bits: Annotated[int, Range(1, 8)]  # 1 is binary: -1 and +1
    psp: Psp = "step"
    tau_steps: Annotated[int, Range(0, MAX_STEPS)] = 0  # of the triangle
    reset: Reset = "never"  # of hidden neurons after a spike; "never": they fire once
    leak_shift: Annotated[int, Range(0, 15)] = 0  # a potential loses its 2**-leak_shift a step ...
    leak: Annotated[float, Range(0, 1)] | None = None  # ... or, instead: the part it keeps
    leak_times: Annotated[int, Range(1, 2**15)] = 1  # it loses so many 2**-leak_shift a step
    fraction_bits: Annotated[int, Range(0, 12)] = 0  # of hidden potentials, below a weight's unit
    bias: bool = False  # hidden neurons have one each, those of a filter one together; it is learnt
    order: Order = "reset, leak"
    fires: Fires = "above"
    readout: Readout = "first_spike"


@dataclass(frozen=True, kw_only=True)
class _Training:
    """What all rules share."""

    optimiser: Literal["adam", "sgd"] = "adam"
    schedule: Literal["cosine", "constant"] = "cosine"
    epochs: Annotated[int, Range(1, 10_000)] = 20
    batch_size: Annotated[int, Range(1, 65536)] = 128
    learning_rate: Annotated[float, Range(0, 1e6)] = 0.02
    early_loss: Annotated[float, Range(0, 1)] = 0.001  # accuracy given up for early decisions


@dataclass(frozen=True, kw_only=True)
class SstdpRecipe(_Training):
    """The SSTDP rule (`docs/training.md`): dense layers, the step as PSP."""

    rule: Literal["sstdp"]
    window: Literal["box", "exponential"] = "box"
    causal: Annotated[float, Range(0, 100)] = 1.0  # a: input before or with the spike
    anticausal: Annotated[float, Range(0, 100)] = 0.2  # b: input after it
    tau_steps: Annotated[float, Range(0.01, 1000)] = 5.0  # exponential window only
    targets: Literal["mean", "earliest", "margin"] = "earliest"
    margin_steps: Annotated[float, Range(0, 255)] = 2.0
    balanced: bool = True  # the label's error is minus the sum of the others'
    substep: bool = True  # spike times finer than a step, for the error only
    slope: Literal["none", "window"] = "window"  # of the spike time over the potential
    slope_width: Annotated[float, Range(0.01, 100)] = 0.7  # standard deviations of the potential
    weight_spread: Annotated[float, Range(0.001, 1)] = 0.7  # initial; largest weight is 1
    weight_mean: Annotated[float, Range(-1, 1)] = 0.15  # initial, hidden layers only
    hidden_level: Annotated[float, Range(-10, 10)] = 0.0  # initial threshold over the mean ...
    output_level: Annotated[float, Range(-10, 10)] = 3.0  # ... potential, in standard deviations
    threshold_rate: Annotated[float, Range(0, 1e6)] = 0.3  # of learning_rate; 0: fixed thresholds
    rescue: Annotated[float, Range(0, 1)] = 0.001  # re-draw neurons that fire for less than this


@dataclass(frozen=True, kw_only=True)
class StidiRecipe(_Training):
    """STiDi-BP and its variant by surrogate (`docs/stidi.md`): any layers, any PSP."""

    rule: Literal["stidi"]
    gradient: Literal["displacement", "surrogate"] = "surrogate"
    width: Annotated[float, Range(0.01, 100)] = 0.5  # of the surrogate, in spreads of the potential
    level: Annotated[float, Range(0, 10)] = 0.7  # initial threshold, in spreads of the potential
    early_weight: Annotated[float, Range(0, 1)] = 0.0  # in the loss, of the steps before the last
    coarse_steps: Annotated[int, Range(1, MAX_STEPS)] = 2  # the first epochs have as few steps,
    coarse_epochs: Annotated[int, Range(0, 10_000)] = 0  # so many of them


@dataclass(frozen=True, kw_only=True)
class PhasedRecipe(_Training):
    """Two-phase layers (`docs/phased.md`): integrate a sample, then fire. PSP: the ramp."""

    rule: Literal["phased"]
    neuron_rate: Annotated[float, Range(0, 1e6)] = 0.005  # as learning_rate, of limits and drives
    range_spreads: Annotated[float, Range(0.1, 100)] = 3.0  # of potentials that all steps cover
    bfloat16: bool = False  # while training; as fast again where the processor has it
    weight_reach: Annotated[float, Range(1, 1e6)] = 1.0  # of learning, in largest weights
    label_smoothing: Annotated[float, Range(0, 1)] = 0.0  # of the wanted answer, for all classes
    average_epochs: Annotated[int, Range(0, 10_000)] = 0  # the last so many: mean of their shadows


@dataclass(frozen=True, kw_only=True)
class OnChipRecipe:
    """No training: random weights, from which `hwgen learn` starts. Hidden layers are phased."""

    rule: Literal["on-chip"]
    n_samples: Annotated[int, Range(1, 2**31)] = 60_000  # of a whole learning run
    weight_spread: Annotated[float, Range(0.001, 1)] = 0.25  # initial; the largest weight is 1
    range_spreads: Annotated[float, Range(0.1, 100)] = 5.0  # of potentials that all steps cover
    output_level: Annotated[float, Range(-10, 100)] = 1.7  # threshold, in spreads of the potential


@dataclass(frozen=True, kw_only=True)
class TruncatedRecipe(_Training):
    """TT-LBPTT (`docs/truncation.md`): multi-spike neurons, windows in time, blocks in depth."""

    rule: Literal["tt-lbptt"]
    truncation_steps: Annotated[int, Range(0, MAX_STEPS)] = 0  # of a window; 0: all, BPTT
    block_layers: Annotated[int, Range(0, 100)] = 0  # that have weights; 0: all, end to end
    head: Literal["linear", "random"] = "linear"  # of a block; "random": fixed signs
    head_pool: Annotated[int, Range(1, 64)] = 1  # pixels averaged before it, each way
    width: Annotated[float, Range(0.01, 100)] = 1.0  # of the surrogate, in spreads of currents
    level: Annotated[float, Range(0.05, 100)] = 1.0  # initial threshold, in spreads of currents
    neuron_rate: Annotated[float, Range(0, 1e6)] = 0.005  # as learning_rate: thresholds, heads
    tolerance: Annotated[float, Range(0, 1)] = 0.01  # of what changes on the way to integers
    label_smoothing: Annotated[float, Range(0, 1)] = 0.0  # of the wanted answer, for all classes
    average_epochs: Annotated[int, Range(0, 10_000)] = 0  # the last so many: mean of their shadows


TrainingRecipe = SstdpRecipe | StidiRecipe | PhasedRecipe | TruncatedRecipe


@dataclass(frozen=True, kw_only=True)
class AugmentRecipe:
    """Random changes to training images: each uniform between minus and plus the value."""

    shift_pixels: Annotated[float, Range(0, 100)] = 0.0
    whole_pixels: bool = False  # shifts are: nothing is blurred
    rotate_degrees: Annotated[float, Range(0, 180)] = 0.0
    zoom: Annotated[float, Range(0, 0.9)] = 0.0  # 0.1: from 0.9 to 1.1 times as large
    shear: Annotated[float, Range(0, 1)] = 0.0
    flip: bool = False  # mirror half of the images, left to right
    cutout_pixels: Annotated[int, Range(0, 4096)] = 0  # side of a square made black, anywhere


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All choices behind a model."""

    name: Annotated[str, Name()]
    seed: Annotated[int, Range(0, MAX_SEED)] = 0
    data: DataRecipe
    network: NetworkRecipe
    training: TrainingRecipe | OnChipRecipe
    augment: AugmentRecipe = field(default_factory=AugmentRecipe)
    learning: LearningSpec | None = None  # of the core, if it has a learning unit

    @property
    def trained(self) -> TrainingRecipe:
        """How to train it. Raises `RecipeError` if it is to learn on chip instead."""
        if isinstance(self.training, OnChipRecipe):
            raise RecipeError(
                f"{self.name}: rule 'on-chip' is not trained; use `hwgen learn` with this recipe"
            )
        return self.training

    description: str = ""


def load(path: Path) -> Recipe:
    """Read and check a recipe. Raises `RecipeError` naming file, field, value, expectation."""
    missing = "no such recipe; `hwgen models` lists those shipped"
    table = schema.read_toml(path, missing=missing, error=RecipeError)
    return schema.parse(Recipe, table, where=str(path), error=RecipeError)
