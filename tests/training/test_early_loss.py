"""The lowest output threshold: against a search by golden, one threshold after the other."""

import dataclasses

import numpy as np
import pytest
import torch
from samples import random_params, random_spike_times

from hwgen.golden import Golden
from hwgen.training.quantize import from_params
from hwgen.training.readout import lowest_threshold


def with_output_threshold(params, threshold):
    last = np.full_like(params.thresholds[-1], threshold)
    return dataclasses.replace(params, thresholds=(*params.thresholds[:-1], last))


@pytest.mark.parametrize("loss", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("seed", range(4))
def test_lowest_threshold_within_the_loss(seed, loss):
    params = with_output_threshold(random_params(seed, (20, 15, 5), 3, 8, uniform=True), 40)
    inputs = random_spike_times(seed, 120, params)
    # labels that the network gets right at the high threshold, all but a few
    labels = Golden(params).run(inputs).decisions
    labels[:7] = (labels[:7] + 1) % 5

    def n_correct(threshold):
        decisions = Golden(with_output_threshold(params, threshold)).run(inputs).decisions
        return int((decisions == labels).sum())

    enough = n_correct(40) - loss * len(labels)
    expected = min(threshold for threshold in range(41) if n_correct(threshold) >= enough)
    potentials = from_params(params)(torch.from_numpy(inputs).long())[-1].potentials
    assert lowest_threshold(potentials, torch.from_numpy(labels), 40, loss) == expected < 40


def test_a_larger_loss_never_means_a_higher_threshold():
    params = with_output_threshold(random_params(9, (20, 15, 5), 3, 8, uniform=True), 40)
    inputs = random_spike_times(9, 120, params)
    labels = torch.from_numpy(Golden(params).run(inputs).decisions)
    potentials = from_params(params)(torch.from_numpy(inputs).long())[-1].potentials
    found = []
    for loss in (0.0, 0.02, 0.1, 0.5, 1.0):
        found.append(lowest_threshold(potentials, labels, 40, loss))
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1] == 0
