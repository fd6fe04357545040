"""Golden's answers, as vectors that travel with a model (`hwgen.model.vectors`)."""

import numpy as np
from numpy.typing import NDArray

from hwgen.data.dataset import Dataset
from hwgen.data.inputs import encoded
from hwgen.errors import ParamsError
from hwgen.golden import Golden
from hwgen.golden.network import Trace, joined
from hwgen.golden.online import OnlineNetwork
from hwgen.model import vectors as vectors_file
from hwgen.model.folder import ModelFolder
from hwgen.model.vectors import MAX_CLASSES, NO_LABEL_BYTE, Vectors
from hwgen.network.learning import NO_LABEL
from hwgen.network.params import Params

# Samples of the test set that travel with a model: as many as fit about a megabyte.
_MAX_VECTORS, _MIN_VECTORS, _VECTOR_BYTES = 32, 8, 2**20


def vectors(params: Params, inputs: NDArray[np.uint8], labels: NDArray[np.integer]) -> Vectors:
    """Of spike times uint8 [n, n_inputs], or rasters uint8 0/1 [n, n_input_steps, n_inputs], and
    labels [n].

    Raises `ParamsError` above `MAX_CLASSES`.
    """
    return _vectors(params, inputs, labels, Golden(params).run(inputs))


def learning_vectors(
    params: Params, inputs: NDArray[np.uint8], labels: NDArray[np.integer]
) -> Vectors:
    """The same of a network that learns each sample after it; labels [n], some `NO_LABEL`.

    Shadows are those after the last training sample. Raises `ParamsError` above `MAX_CLASSES`.
    """
    online = OnlineNetwork(params)
    traces = [online.train_sample(*sample) for sample in zip(inputs, labels.tolist(), strict=True)]
    learning = params.spec.learning_layers
    shadows = tuple(
        online.shadows(index).astype(np.int32) if index in learning else np.zeros(0, np.int32)
        for index in range(len(params.spec.layers))
    )
    bytes_of = np.where(labels == NO_LABEL, NO_LABEL_BYTE, labels)
    return _vectors(params, inputs, bytes_of, joined(traces), shadows)


def training_labels(truths: NDArray[np.integer], n_classes: int) -> NDArray[np.int64]:
    """Labels [n] for training samples that change weights, though the network knows its samples.

    Every other one is the next class instead, and each tenth sample has none.

    truths: [n], 0 .. n_classes - 1.
    """
    labels = truths.astype(np.int64)
    labels[1::2] = (labels[1::2] + 1) % n_classes
    labels[9::10] = NO_LABEL
    return labels


def shadows_by_sample(params: Params, given: Vectors) -> list[dict[int, NDArray[np.int32]]]:
    """After each training sample, the shadow weights [n_pre, n_post] of each layer that learns."""
    online, after = OnlineNetwork(params), []
    for inputs, label in zip(given.inputs, given.labels.tolist(), strict=True):
        online.train_sample(inputs, NO_LABEL if label == NO_LABEL_BYTE else label)
        learning = params.spec.learning_layers
        after.append({layer: online.shadows(layer).astype(np.int32) for layer in learning})
    return after


def _vectors(
    params: Params,
    inputs: NDArray[np.uint8],
    labels: NDArray[np.integer],
    trace: Trace,
    shadows: tuple[NDArray[np.int32], ...] = (),
) -> Vectors:
    if params.spec.n_classes > MAX_CLASSES:
        raise ParamsError(
            f"{params.name}: {params.spec.n_classes} classes, but vectors have room for "
            f"{MAX_CLASSES}: their labels are bytes"
        )
    return Vectors(
        digest=params.digest,
        inputs=inputs,
        labels=labels.astype(np.uint8),
        spike_times=trace.spike_times,
        potentials=tuple(potential.astype(np.int32) for potential in trace.potentials),
        decisions=trace.decisions.astype(np.uint8),
        decision_steps=trace.decision_steps,
        shadows=shadows,
    )


def write_vectors(folder: ModelFolder, params: Params, test: Dataset) -> None:
    """Those of the first samples of the test set; of params that learn, learning vectors, too.

    Raises `ParamsError` above `MAX_CLASSES`.
    """
    given = make_vectors(params, test)
    vectors_file.save(given, folder.vectors_path)
    if params.spec.learning:
        wanted = training_labels(given.labels, params.spec.n_classes)
        learnt = learning_vectors(params, given.inputs, wanted)
        vectors_file.save(learnt, folder.learning_vectors_path)


def make_vectors(params: Params, test: Dataset) -> Vectors:
    """The first samples of the test set, and golden's answers."""
    spec = params.spec
    n_rows = spec.n_steps if spec.multi_spike else 1  # of spikes, where others have times
    n_neurons = sum(layer.n_post for layer in spec.layers)
    bytes_per_sample = n_rows * (spec.input.n_inputs + n_neurons) + 4 * n_neurons
    n = max(_MIN_VECTORS, min(_MAX_VECTORS, _VECTOR_BYTES // bytes_per_sample))
    inputs = encoded(test, spec, slice(n))
    return vectors(params, inputs, test.labels[:n])
