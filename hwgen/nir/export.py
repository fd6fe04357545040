"""From params to a NIR graph that a framework reads as the same network.

A core compares integers, so a threshold half a unit higher fires the same, with > and with >=, and
whatever float32 rounds.
"""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import NirError
from hwgen.network.layers.kinds import LayerSpec, WeightedSpec
from hwgen.network.layers.neurons import Lif
from hwgen.network.layers.shape import Shape
from hwgen.network.params import Params
from hwgen.nir.quantise import kept

Reals = NDArray[np.float64]
Target = Literal["snntorch", "spikingjelly", "norse", "nir"]

# The row of `hwgen.nir.dialects` that each reads a file by.
RULES: Mapping[Target, str] = {
    "snntorch": "snntorch",
    "spikingjelly": "spikingjelly",
    "norse": "norse",
    "nir": "euler",
}
_DT = 1e-4  # seconds; snnTorch's and SpikingJelly's
# snnTorch 1.0.0 reads an IF as one that leaks. As a LIF, of so long a time that float has none.
_NEVER_TAU, _NEVER_R = 1e26, 1e30


@dataclass(frozen=True, kw_only=True)
class Objections:
    """Why a framework is not this network. refused: nothing can be said in its file; lossy: a file
    can be written, but its spikes will be others; rounded: they may be, as measured."""

    refused: tuple[str, ...]
    lossy: tuple[str, ...]
    rounded: tuple[str, ...]


def objections(params: Params, target: Target) -> Objections:
    """What NIR, or the reader of a framework, cannot say of a network."""
    spec = params.spec
    refused: dict[str, list[int]] = {}
    lossy: dict[str, list[int]] = {}
    rounded: dict[str, list[int]] = {}
    for index, layer in enumerate(spec.layers):
        if not layer.has_weights:
            if target != "nir":
                why = f"pools by OR, which {target} does not read of NIR"
                refused.setdefault(why, []).append(index)
            continue
        for why in _unsaid(layer, target):
            refused.setdefault(why, []).append(index)
        if not spec.multi_spike:
            why = "fires once a sample, which no framework reads of NIR"
            lossy.setdefault(why, []).append(index)
        neuron = layer.neuron
        if not isinstance(neuron, Lif):
            continue
        if neuron.fires == "at" and not params.thresholds[index].all():
            refused.setdefault("fires at a threshold of 0, so at rest", []).append(index)
        if neuron.reset == "subtract":
            why = "resets by subtraction: readers of NIR set potentials to v_reset"
            lossy.setdefault(why, []).append(index)
        if 0 < kept(neuron) < 1:
            why = "leaks, which a core rounds down and a framework does not"
            rounded.setdefault(why, []).append(index)
    return Objections(refused=_lines(refused), lossy=_lines(lossy), rounded=_lines(rounded))


def _lines(reasons: Mapping[str, list[int]]) -> tuple[str, ...]:
    return tuple(f"layer {', '.join(map(str, at))}: {why}" for why, at in reasons.items())


def _unsaid(layer: WeightedSpec, target: Target) -> Iterator[str]:
    neuron = layer.neuron
    if neuron.two_phase or neuron.psp != "step":
        what = f"has the postsynaptic potential {neuron.psp!r}"
        yield f"{'is two-phase' if neuron.two_phase else what}, which no node of NIR is"
    if isinstance(neuron, Lif) and kept(neuron) < 1 and target == "norse":
        yield "leaks: Norse 1.1 reads tau in a unit of its own (norse#411)"


def to_graph(params: Params, target: Target) -> Any:
    """A `nir.NIRGraph`, its nodes named input, 0, 1, ..., output.

    Raises `NirError` if the framework cannot say it at all; `objections` says what else is lost.
    """
    import nir  # an extra

    if found := objections(params, target).refused:
        raise NirError(f"{params.name}: {'; also '.join(found)}; nothing is written")
    spec = params.spec
    height, width, channels = spec.input.post
    flat = spec.layers[0].takes_vector
    n = spec.input.n_inputs
    first = np.array([n] if flat else [channels, height, width])
    nodes: list[Any] = [nir.Input({"input": first})]
    shape = spec.input.post
    is_flat = flat
    for index, layer in enumerate(spec.layers):
        if layer.takes_vector and not is_flat:
            nodes.append(nir.Flatten(_channels_first(shape), 0, -1))
            is_flat = True
        nodes += _nodes(params, index, shape, target)
        shape = layer.post
    nodes.append(nir.Output({"output": np.array([spec.n_classes])}))
    names = ["input", *map(str, range(len(nodes) - 2)), "output"]
    return nir.NIRGraph(
        dict(zip(names, nodes, strict=True)),
        list(pairwise(names)),
        metadata={
            "hwgen": f"{params.name}, {params.digest}",
            "n_steps": spec.n_steps,
            "encoding": spec.input.encoding,
            "readout": spec.readout,
        },
    )


def neuron_nodes(params: Params) -> list[str]:
    """Names in `to_graph` of the nodes that spike, one a layer, in order."""
    names, at, is_flat = [], 0, params.spec.layers[0].takes_vector
    for layer in params.spec.layers:
        if layer.takes_vector and not is_flat:
            at, is_flat = at + 1, True
        names.append(str(at + 1))
        at += 2
    return names


def _channels_first(shape: Shape) -> dict[str, NDArray[np.int64]]:
    return {"input": np.array([shape.channels, shape.height, shape.width])}


def _nodes(params: Params, index: int, feeding: Shape, target: Target) -> list[Any]:
    """The weighted node of a layer, and its neurons; or the two of a pool."""
    import nir

    layer = params.spec.layers[index]
    if not layer.has_weights:
        side = np.array([layer.size, layer.size])
        pooled = np.full((layer.post.channels, layer.post.height, layer.post.width), 0.5)
        return [nir.SumPool2d(side, side, np.array([0, 0])), nir.Threshold(pooled)]
    numbers = _Numbers.of(params, index, same_threshold=target == "snntorch")
    bias = numbers.biases.astype(np.float32)
    if layer.takes_vector:
        weights = _torch_order(numbers.weights, feeding).T.astype(np.float32)
        made = nir.Affine(weights, bias) if bias.any() else nir.Linear(weights)
    else:
        made = nir.Conv2d(
            (layer.height, layer.width),
            numbers.weights.transpose(3, 2, 0, 1).astype(np.float32),
            (layer.stride, layer.stride),
            (layer.padding, layer.padding),
            (1, 1),
            1,
            bias,
        )
    is_output = params.spec.readout == "potential" and index == len(params.spec.layers) - 1
    return [made, _neurons(layer, numbers.thresholds, target, is_output=is_output)]


@dataclass(frozen=True)
class _Numbers:
    """A layer in the unit of its weights, as the contract lays it out."""

    weights: Reals
    biases: Reals
    thresholds: Reals

    @staticmethod
    def of(params: Params, index: int, *, same_threshold: bool) -> "_Numbers":
        """same_threshold: a framework has one a layer, so each neuron is scaled to 1."""
        layer = params.spec.layers[index]
        assert layer.has_weights
        neuron = layer.neuron
        unit = 2.0**neuron.fraction_bits if isinstance(neuron, Lif) else 1.0
        if index == 0 and params.spec.input.encoding == "direct":
            unit *= params.spec.input.x_max  # frameworks take pixels as 0..1
        thresholds = params.thresholds[index].astype(np.float64)
        if not isinstance(neuron, Lif):
            thresholds += 0.5
        elif neuron.reset != "subtract":  # else it is what is subtracted, too
            thresholds += -0.5 if neuron.fires == "at" else 0.5
        thresholds /= unit
        weights = params.weights[index].astype(np.float64)
        biases = np.zeros(layer.n_thresholds)
        if layer.n_biases:
            biases = params.biases[index] / unit
        if same_threshold and np.ptp(thresholds):
            weights, biases = weights / thresholds, biases / thresholds
            thresholds = np.ones_like(thresholds)
        return _Numbers(weights, biases, thresholds)


def _torch_order(weights: Reals, feeding: Shape) -> Reals:
    """[n_pre, n_post], neurons as torch flattens them: channels, then rows, then columns."""
    height, width, channels = feeding
    if height * width * channels != len(weights):
        return weights
    cells = weights.reshape(height, width, channels, -1)
    return cells.transpose(2, 0, 1, 3).reshape(len(weights), -1)


def _neurons(layer: LayerSpec, thresholds: Reals, target: Target, *, is_output: bool) -> Any:
    """A node of IF or LIF, arrays of full shape; of outputs that only integrate, of I or LI."""
    import nir

    assert layer.has_weights
    post = layer.post
    shape: tuple[int, ...] = (post.n,)
    limit = thresholds
    if not layer.takes_vector:
        shape = (post.channels, post.height, post.width)
        limit = np.broadcast_to(thresholds[:, None, None], shape)
    v_threshold, one = limit.astype(np.float32), np.ones(shape)
    keeps = kept(layer.neuron) if isinstance(layer.neuron, Lif) else 1.0
    if keeps < 1:
        tau, r = _DT / (1 - keeps), 1 / (1 - keeps)
    else:
        tau, r = _NEVER_TAU, _NEVER_R
    if is_output and target == "nir":
        return nir.LI(tau * one, r * one, 0 * one) if keeps < 1 else nir.I(one / _DT)
    if keeps == 1 and target != "snntorch":
        return nir.IF(one / _DT if target != "norse" else one, v_threshold, 0 * one)
    return nir.LIF(tau * one, r * one, 0 * one, v_threshold, 0 * one)


def to_data(params: Params, inputs: NDArray[np.uint8], spikes: list[NDArray[np.uint8]]) -> Any:
    """Golden's spikes as `nir.NIRGraphData`, by node of `to_graph`.

    inputs: uint8 [n, n_steps, n_inputs], or bit planes of values: these are left out, as they are
    no spikes. spikes: uint8 [n, n_steps, n_post] a layer.
    """
    import nir

    spec = params.spec
    shapes = [layer.post for layer in spec.layers]
    named = dict(zip(neuron_nodes(params), zip(spikes, shapes, strict=True), strict=True))
    if spec.input.encoding != "direct":
        named = {"input": (inputs, spec.input.post), **named}
    return nir.NIRGraphData(
        {
            name: nir.NIRNodeData({"spikes": _events(fired, shape)})
            for name, (fired, shape) in named.items()
        }
    )


def _events(spikes: NDArray[np.uint8], shape: Shape) -> Any:
    """Neurons as the node of the file numbers them; times in the middle of their steps."""
    import nir

    n, n_steps, n_neurons = spikes.shape
    maps = spikes.reshape(n, n_steps, *shape).transpose(0, 1, 4, 2, 3).reshape(n, n_steps, -1)
    most = max(1, int(maps.sum(axis=(1, 2), dtype=np.int64).max()))
    index, time = np.full((n, most), -1), np.full((n, most), np.inf)
    for sample in range(n):
        step, neuron = np.nonzero(maps[sample])
        index[sample, : len(step)], time[sample, : len(step)] = neuron, (step + 0.5) * _DT
    return nir.EventData(index, time, n_neurons, n_steps * _DT)


def file_of(graph: Any) -> bytes:
    """What `nir.write` makes of a graph, or `nir.write_data` of data."""
    import nir

    # They write into a path of their own, and half of it if the disk is full.
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "made.nir"
        if isinstance(graph, nir.NIRGraphData):
            nir.write_data(str(path), graph)
        else:
            nir.write(path, graph)
        return path.read_bytes()


def write_graph(graph: Any, path: Path) -> None:
    """Write a `nir.NIRGraph`. Raises `NirError` without the extra."""
    try:
        import nir
    except ImportError:
        raise NirError("graphs of NIR need the extra nir: pip install 'hwgen[nir]'") from None
    nir.write(path, graph)
