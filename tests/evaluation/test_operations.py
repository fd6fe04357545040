"""Counts of work, against golden's own and against numbers worked out by hand."""

import numpy as np
import pytest
from samples import random_network, random_spike_times

from hwgen.data.encoding import latency
from hwgen.evaluation.operations import multiply_accumulates, rate_additions
from hwgen.golden import Golden


@pytest.mark.parametrize(
    "shape", ["9x8-3C3-P2-5-3", "7x9-2C3s2p1-4C2-4", "8x8-P2-3C2p1-P3-4", "5x6-4C1s3-3"]
)
def test_fan_out_gives_the_additions_that_golden_counts(shape):
    net = random_network(3, shape)
    inputs = random_spike_times(4, 8, net)
    trace = Golden(net).run(inputs)
    for index, layer in enumerate(net.spec.layers):
        times = trace.spike_times[index - 1] if index else inputs
        expected = trace.synaptic_ops[:, index]
        assert ((times < net.spec.n_steps) @ layer.fan_out()).tolist() == expected.tolist()
        assert layer.fan_out().sum() == layer.n_synapses
    assert trace.synaptic_ops.sum() > 0


def test_multiply_accumulates_by_hand():
    # 7 * 6 positions of 9 weights, 3 filters; no work in the pool; 3 * 3 * 3 inputs of 5; 5 of 3
    net = random_network(3, "9x8-3C3-P2-5-3")
    assert multiply_accumulates(net.spec) == 7 * 6 * 9 * 3 + 27 * 5 + 15


def test_rate_code_by_hand():
    net = random_network(0, "2x2-2C2-3", n_steps=5)
    # pixels 1, 0.2, 0 and 0: the lit ones have a mean of 0.6
    images = np.array([[[255, 51], [0, 0]], [[0, 0], [0, 0]]], np.uint8)
    never = 5
    hidden = np.array([[2, never], [never, never]], np.uint8)
    outputs = np.full((2, 3), never, np.uint8)
    # an input has 2 synapses: 1.2 * 2; one of two hidden neurons is active: 0.6 * 3
    additions = rate_additions(net.spec, images, (hidden, outputs))
    assert additions == pytest.approx([5 * (1.2 * 2 + 0.6 * 3), 0])


def test_rate_code_crops():
    import dataclasses

    net = random_network(0, "2x2-3", n_steps=4)
    given = dataclasses.replace(net.spec.input, height=4, width=4, crop=1)
    spec = dataclasses.replace(net.spec, input=given)
    images = np.full((1, 4, 4), 255, np.uint8)
    images[0, 1, 1] = 0
    assert latency(images, given, 4).tolist() == [[4, 0, 0, 0]]
    outputs = np.full((1, 3), 4, np.uint8)
    assert rate_additions(spec, images, (outputs,)) == pytest.approx([4 * 3 * 3])
