"""Nothing heard, nothing said: never correct, and counted apart, wherever accuracy is told."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from jobs import inference, twice
from samples import random_network, random_params, random_spike_times

from hwgen.data.dataset import Dataset
from hwgen.evaluation.accuracy import evaluate
from hwgen.golden import Golden
from hwgen.golden.online import OnlineNetwork
from hwgen.report import card
from hwgen.training.readout import UNDECIDED, heard
from hwgen.verification import cosim, verify

NET = random_params(3, (12, 9, 4), 4)
NEVER = NET.spec.n_steps


def silenced(params):
    """No neuron fires, and no weight tells outputs apart."""
    return replace(
        params,
        weights=tuple(np.ones_like(w) for w in params.weights),
        thresholds=tuple(np.full_like(t, 60) for t in params.thresholds),
    )


def test_a_black_image_is_undecided():
    """Whatever the thresholds: no spike comes in, so none goes out, and all potentials are 0."""
    inputs = random_spike_times(4, 8, NET)
    inputs[[2, 5]] = NEVER
    trace = Golden(NET).run(inputs)
    silent = [
        bool((times == NEVER).all() and len(set(potentials.tolist())) == 1)
        for times, potentials in zip(trace.spike_times[-1], trace.potentials[-1], strict=True)
    ]
    assert silent[2]
    assert silent[5]
    assert 2 <= sum(silent) < 8
    assert trace.undecided.tolist() == silent
    assert trace.decisions[[2, 5]].tolist() == [0, 0]  # the contract's answer stays
    assert trace.right(trace.decisions).tolist() == [not flag for flag in silent]
    assert (
        Golden(NET).right(inputs, trace.decisions).tolist() == trace.right(trace.decisions).tolist()
    )


def test_a_spike_or_a_difference_decides():
    net = silenced(NET)
    inputs = random_spike_times(4, 8, net)
    assert Golden(net).run(inputs).undecided.all()
    apart = [w.copy() for w in net.weights]
    apart[1][:, 3] = 2
    low = (np.zeros_like(net.thresholds[0]), net.thresholds[1])  # hidden neurons fire
    heard_of = Golden(replace(net, weights=tuple(apart), thresholds=low)).run(inputs)
    fired = (inputs < NEVER).any(axis=1)
    assert fired.any()
    assert (heard_of.undecided == ~fired).all()
    assert (heard_of.decisions[fired] == 3).all()


def test_ramps():
    net = random_network(3, "1x12-9-4", psp="ramp", weight_bits=4)
    inputs = np.full((2, 12), NEVER, np.uint8)
    inputs[1] = 0
    assert Golden(net).run(inputs).undecided[0]


def images_of(labels):
    black = np.zeros((len(labels), 1, 12), np.uint8)
    return Dataset(name="black", images=black, labels=np.array(labels), x_max=255, split="test")


def test_evaluate_counts_them_apart():
    """All images are black, and half are labelled 0, what the core answers."""
    found = evaluate(NET, images_of([0, 0, 1, 2]))
    assert (found.n_correct, found.n_undecided, found.accuracy) == (0, 4, 0)
    assert np.sum(found.confusion) == 0
    lines = "\n".join(card._evaluation_lines(found.to_json()))
    assert "0 of 4 images right, 4 undecided;" in lines


@pytest.mark.parametrize("run", [verify.run, cosim.run])
def test_benches_count_them_apart(tmp_path, run):
    inputs = random_spike_times(4, 40, NET)
    inputs = inputs[Golden(NET).run(inputs).decision_steps < NEVER][:4]
    inputs[1] = NEVER
    wanted = Golden(NET).run(inputs).decisions
    make = twice if run is cosim.run else inference
    result = run(make(NET, inputs, (4, 3), tmp_path, truths=wanted))
    assert (result.n_mismatches, result.n_correct, result.n_undecided) == (0, 3, 1)
    assert result.to_json()["n_undecided"] == 1


def test_online_accuracy_does_not_count_them():
    from samples import learning_params

    params = learning_params("ramp", 4, "1x4-3-3")
    inputs = np.full((3, 4), params.spec.n_steps, np.uint8)
    assert OnlineNetwork(params).learn(inputs, np.zeros(3, int)).right.tolist() == [False] * 3


def test_training_counts_them_as_wrong():
    decisions = torch.tensor([0, 0, 0, 2])
    fired = torch.tensor([[0, 0, 0], [0, 0, 0], [1, 0, 0], [0, 0, 0]]).bool()
    potentials = torch.tensor([[5.0, 5, 5], [5, 4, 5], [5, 5, 5], [1, 1, 3]])
    assert heard(decisions, fired, potentials).tolist() == [UNDECIDED, 0, 0, 2]
