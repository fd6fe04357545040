"""How many clock cycles an image takes, before any simulation: golden's spikes, and the table of
costs in docs/architecture.md. Layers work side by side, so that the slowest one counts."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from hwgen.estimate.regression import Model, damaged, fitted, table
from hwgen.golden import Golden
from hwgen.golden.network import Trace
from hwgen.model.folder import ModelFolder
from hwgen.network.design import Design
from hwgen.network.layers.kinds import LayerSpec
from hwgen.network.spikes import n_spikes
from hwgen.protocol.memory import n_blocks

N_SAMPLES = 20  # of a model's test vectors


@dataclass(frozen=True, kw_only=True)
class Cycles:
    """Of an image, with early exit, in a stream without gaps. `error`: relative, typical of models
    predicted from all others. `words`: of the serial line, there and back."""

    cycles: int
    error: float
    words: int


def predict(folder: ModelFolder, design: Design) -> Cycles | None:
    """None without test vectors: nobody knows then how many spikes there will be.

    Of the first `N_SAMPLES` of the folder's vectors. Raises `ResultsError` if the measured table is
    damaged.
    """
    if not folder.vectors_path.is_file():
        return None
    params = design.params
    inputs = folder.vectors(params).inputs[:N_SAMPLES]
    calibrated = _calibrated()
    events = float(n_spikes(inputs, params.spec.n_steps).mean())
    return Cycles(
        cycles=round(calibrated(features(design, inputs), "")),
        error=calibrated.typical_error,
        # A word a spike and a step, one that ends the sample, and one back.
        words=round(events) + params.spec.n_input_steps + 2,
    )


@cache
def _calibrated() -> Model:
    """From what `cosim` has counted of the models that ship."""
    rows = table("cycles")
    try:
        values = [row["cycles"] for row in rows]
        return fitted([row["features"] for row in rows], values, [""] * len(rows))
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(error) from None


def features(design: Design, inputs: NDArray[np.uint8]) -> tuple[float, float, float]:
    """Cycles of the slowest layer; of feature maps, where layers wait for another, what it would
    do more without early exit, and the cycles of all others. The means over samples.

    inputs: uint8, as golden takes them. Three numbers, in cycles, for the regression.
    """
    trace = Golden(design.params).run(inputs)
    exits = _busy_layers(design, inputs, trace, early_exit=True)
    whole = _busy_layers(design, inputs, trace, early_exit=False)
    # Layers work side by side, so a sample takes what its slowest layer takes: the maximum is of
    # each sample, and the mean comes after.
    slowest = float(exits.max(axis=0).mean())
    if design.params.spec.is_dense:
        return slowest, 0.0, 0.0
    return (
        slowest,
        float(whole.max(axis=0).mean()) - slowest,
        float(exits.sum(axis=0).mean()) - slowest,
    )


def _busy_layers(
    design: Design,
    inputs: NDArray[np.uint8],
    trace: Trace,
    *,
    early_exit: bool,
) -> NDArray[np.floating]:
    """Cycles [1 + layers, samples] of the gate and each layer."""
    spec, lanes = design.params.spec, design.lanes
    # With early exit nothing comes in behind the step of the decision.
    last = trace.decision_steps.astype(np.int64)[:, None]
    # Phases are steps of their own, so that all of the input's come before the decision.
    is_direct = spec.input.encoding == "direct"  # all values come before the first step
    if not early_exit or is_direct or any(layer.neuron.two_phase for layer in spec.weighted):
        last = np.full_like(last, spec.n_steps - 1)
    times = (inputs, *trace.spike_times)
    if spec.multi_spike:
        spikes = [n_spikes(t, spec.n_steps) for t in times]
    else:
        spikes = [
            n_spikes(t, spec.n_steps)
            if t.ndim > 2  # bit planes, all of which come in
            else ((t <= last) & (t < spec.n_steps)).sum(axis=1)
            for t in times
        ]
    n_steps = np.minimum(last[:, 0] + 1, spec.n_steps)
    layers = [
        _busy(layer, lanes[index], spikes[index], spikes[index + 1], n_steps, spec.multi_spike)
        for index, layer in enumerate(spec.layers)
    ]
    # The gate takes a token a cycle: spikes, ends of steps, end of sample.
    n_ends = spec.n_input_steps if is_direct else n_steps
    return np.array([spikes[0] + n_ends + 1.0, *layers])


def _busy(
    layer: LayerSpec,
    lanes: int,
    events: NDArray[np.int64],
    spikes: NDArray[np.int64],
    n_steps: NDArray[np.int64],
    multi_spike: bool,
) -> NDArray[np.floating]:
    """Cycles of a layer, for each sample: its events, the ends of its steps, that of the sample."""
    if not layer.has_weights:
        # A fifteenth of the tags is renewed behind each sample, or step (`hwgen.hdl.layers.pool`).
        return events + n_steps + 1.0 + layer.n_pre / 15 * (n_steps if multi_spike else 1)
    blocks = n_blocks(layer.n_thresholds, lanes)
    # Events cost what they reach, ends of steps a sweep over all words: docs/architecture.md has
    # the table.
    sweep = layer.post.n_positions * blocks
    # The mean over inputs: those at an edge reach fewer positions.
    reached = blocks * layer.n_reached / layer.n_pre
    steps = n_steps * (2 if layer.neuron.two_phase and not layer.input_bits else 1)
    return events * reached + steps * sweep + spikes + sweep
