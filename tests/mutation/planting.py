"""Mutants: cores with one fault each, which `hwgen cosim` and `hwgen verify` must find.

They are listed in `mutants/*.toml`; the networks in `mutants/networks.toml`. Nothing in the working
tree is changed: a fault of the generator's source is planted in memory, while the Verilog is made.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cache, cached_property
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from direct_nets import direct, random_inputs
from formal.planted import Fault, planted
from multi_spike_nets import multi_spike
from numpy.typing import NDArray
from samples import learning_params, random_network, with_biases

from hwgen.data.labelled import Samples
from hwgen.golden import Golden
from hwgen.hdl.verilog import to_verilog
from hwgen.network.design import Design
from hwgen.network.learning import NO_LABEL, forward_weights
from hwgen.network.params import Params

FOLDER = Path(__file__).parent / "mutants"
N_SAMPLES = 100  # a chunk of `hwgen verify`; fewer of large networks
GENERATED, PARAMS = "core.v", "params"  # in place of a file of hwgen/hdl


class PlantingError(Exception):
    """A fault that does not fit, or changes nothing."""


@dataclass(frozen=True)
class Mutant:
    """In `file`, `new` in place of `old`, which must be there once.

    `file` is one of `hwgen/hdl`, or "core.v", the generated text, or "params": then `old` is a
    place in weights, thresholds, drives or shadows, and `new` what the core has there. `kind`: what
    it is an example of. `why` it is harmless, if it is; else it must be caught.
    """

    name: str
    net: str
    kind: str
    file: str
    old: str
    new: str
    why: str = ""

    @property
    def expected(self) -> str:
        return "harmless" if self.why else "caught"


@dataclass(frozen=True)
class Network:
    """What is streamed through a core, and how many neurons it updates at once."""

    params: Params
    lanes: Sequence[int]
    spram: bool = False
    n_samples: int = N_SAMPLES

    @cached_property
    def inputs(self) -> NDArray[np.uint8]:
        """First what random samples seldom do: bring a neuron just up to its threshold, and far
        above it or below 0. Then any."""
        pool = random_inputs(4, 10 * self.n_samples, self.params)
        telling = borders(self.params, pool)
        others = np.delete(pool, telling, axis=0)
        return np.concatenate([pool[telling], peaks(self.params), others])[: self.n_samples]

    def training_samples(self, n: int) -> Samples:
        """The first n, of which each tenth has no label."""
        labels = np.random.default_rng(4).integers(0, self.params.spec.n_classes, n)
        labels[9::10] = NO_LABEL
        inputs = self.inputs[:n]
        return Samples(dataset="random", inputs=inputs, truths=labels.clip(0), labels=labels)

    def verilog(self, params: Params | None = None) -> str:
        design = Design(params or self.params, self.lanes)
        return to_verilog(design.all_loaded() if self.spram else design)


def borders(params: Params, pool: NDArray[np.uint8]) -> list[int]:
    """Which samples show a threshold, or a drive, that is one less or one more than it is: a small
    choice of them, that shows as many as all of them do."""
    expected, chosen = Golden(params).run(pool), [0]
    for kind in ("thresholds", "drives"):
        for layer, values in enumerate(getattr(params, kind)):
            if params.spec.readout == "potential" and layer == len(params.spec.layers) - 1:
                continue  # no output fires, and its thresholds may not be others
            for neuron, by in product(range(len(values)), (-1, 1)):
                other = values.copy()
                other[neuron] = max(other[neuron] + by, kind == "drives")
                tensors = list(getattr(params, kind))
                tensors[layer] = other
                got = Golden(replace(params, **{kind: tuple(tensors)})).run(pool)
                differs = got.spike_times[layer] != expected.spike_times[layer]
                shows = differs.reshape(len(pool), -1).any(1)
                if shows.any() and not shows[chosen].any():
                    chosen.append(int(shows.argmax()))
    return chosen


def peaks(params: Params) -> NDArray[np.uint8]:
    """Two samples for each neuron of a first layer that is dense: all that excites it, and, two
    steps before the end, all that inhibits it; only that, at once."""
    n_steps, weights = params.spec.n_steps, params.weights[0]
    if params.spec.has_raster:
        return _lasting_peaks(params)
    if weights.ndim != 2:
        return np.zeros((0, params.spec.input.n_inputs), np.uint8)
    up_and_down = np.where(weights > 0, 0, max(0, n_steps - 2))
    down = np.where(weights > 0, n_steps, 0)
    return np.concatenate([up_and_down, down], axis=1).T.astype(np.uint8)


def _lasting_peaks(params: Params) -> NDArray[np.uint8]:
    """The same where inputs fire in each step, or bring the largest value; of pictures, all inputs
    at once."""
    n_steps, weights = params.spec.n_input_steps, params.weights[0]
    if weights.ndim != 2:
        return np.ones((1, n_steps, params.spec.input.n_inputs), np.uint8)
    excites = np.concatenate([weights > 0, weights < 0], axis=1).T
    return excites[:, None].repeat(n_steps, axis=1).astype(np.uint8)


def strongest(params: Params) -> Params:
    """The same shape, with potentials as large as any can be: the widths must be as they are. Every
    other output is inhibited; none fires."""
    weights = []
    for layer, values in zip(params.spec.weighted, params.weights, strict=True):
        weights.append(np.full_like(values, layer.max_weight))
    weights[-1][:, 1::2] *= -1
    thresholds = [np.zeros_like(values) for values in params.thresholds]
    thresholds[-1] += 2 ** (params.spec.weighted[-1].potential_bits - 1) - 2
    if params.spec.multi_spike:  # hidden neurons fire in each step all the same
        thresholds[-1] += params.spec.readout == "potential"
    return replace(params, weights=tuple(weights), thresholds=tuple(thresholds))


@cache
def network(name: str) -> Network:
    how: dict[str, Any] = tomllib.loads((FOLDER / "networks.toml").read_text())[name]
    own = {key: how.pop(key) for key in ("lanes", "spram", "n_samples") if key in how}
    make = multi_spike if "reset" in how else random_network
    learning, is_strong = how.pop("learning", None), how.pop("strong", False)
    x_max, slope_bias_bits = how.pop("direct", 0), how.pop("slope_bias_bits", 0)
    if x_max:
        return Network(direct(make(**how), x_max), **own)
    if slope_bias_bits:
        return Network(with_biases(make(**how), slope_bias_bits), **own)
    if is_strong:
        return Network(strongest(make(**how)), **own)
    if learning is None:
        return Network(make(**how), **own)
    return Network(learning_params(**how, **learning), **own)


@cache
def right(name: str) -> str:
    """The Verilog of a network without a fault."""
    return network(name).verilog()


def load(folder: Path = FOLDER) -> list[Mutant]:
    """All mutants, in the order of their files."""
    mutants = []
    for path in sorted(folder.glob("*.toml")):
        if path.name != "networks.toml":
            mutants += [Mutant(**fault) for fault in tomllib.loads(path.read_text())["mutants"]]
    return mutants


def sound(net: str) -> Mutant:
    """The core of a network without a fault: of it, nothing must be reported."""
    return Mutant(name=net, net=net, kind="none", file="", old="", new="", why="it is right")


def text_of(mutant: Mutant) -> str:
    """The Verilog of the mutant. Raises `PlantingError`."""
    if not mutant.file:
        return right(mutant.net)
    net = network(mutant.net)
    try:
        if mutant.file == GENERATED:
            text = _replaced(mutant, right(mutant.net))
        elif mutant.file == PARAMS:
            text = net.verilog(_changed(net.params, mutant))
        else:
            with planted(Fault(mutant.file.removesuffix(".py"), mutant.old, mutant.new)):
                text = net.verilog()
    except Exception as error:  # whatever planted code may raise
        raise PlantingError(f"{mutant.name}: {error!r}") from error
    if text == right(mutant.net):
        raise PlantingError(f"{mutant.name}: the Verilog is as it was")
    return text


def _replaced(mutant: Mutant, text: str) -> str:
    if text.count(mutant.old) != 1:
        raise ValueError(f"{mutant.file} has {text.count(mutant.old)} times {mutant.old!r}")
    return text.replace(mutant.old, mutant.new)


def _changed(params: Params, mutant: Mutant) -> Params:
    """Other numbers under the same digest, as if they had been changed behind it."""
    names = ("weights", "thresholds", "drives", "shadows")
    tensors = {name: [x.copy() for x in getattr(params, name)] for name in names}
    exec(f"{mutant.old} = {mutant.new}", {}, tensors)
    how = params.spec.learning
    for index in params.spec.learning_layers:
        assert how is not None
        bits = params.spec.layers[index].weight_bits  # type: ignore[union-attr]
        shadows = tensors["shadows"][index]
        tensors["weights"][index] = forward_weights(shadows, bits, how.shadow_bits)
    other = replace(params, **{name: tuple(values) for name, values in tensors.items()})
    digest = params.digest
    disguised = type("Disguised", (Params,), {"digest": property(lambda _: digest)})
    return disguised(**{field.name: getattr(other, field.name) for field in fields(Params)})
