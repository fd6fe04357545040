"""The learning rule against its equations, written as plain loops."""

import numpy as np
import pytest
import torch
from samples import random_params, random_spike_times

from hwgen.recipe import SstdpRecipe
from hwgen.training.quantize import from_params
from hwgen.training.sstdp import rule, targets

N_STEPS = 6


def stdp(t_pre, t_post, r):
    """SSTDP eq. 7-9 as in the authors' code; an input at N_STEPS never came."""
    delivered = t_pre < N_STEPS
    if r.window == "box":
        return r.causal if delivered and t_pre <= t_post else -r.anticausal
    if t_pre == t_post:
        return 0.0
    if t_pre < t_post:
        return r.causal * np.exp((t_pre - t_post) / r.tau_steps)
    return -r.anticausal * np.exp(-(t_pre - t_post) / r.tau_steps)


def plain_targets(times, label, r):
    """Desired times of one sample. Whole steps: no desired time lies after the last step."""
    n, margin = len(times), r.margin_steps
    wanted = list(times)
    others = [j for j in range(n) if j != label]
    cap = np.inf if r.substep else N_STEPS
    if r.targets == "mean":
        mean = sum(times) / n
        wanted[label] = min(times[label], mean - (n - 1) / n * margin)
        for j in others:
            wanted[j] = max(times[j], mean + margin / n)
    elif r.targets == "earliest":
        first = min(times)
        if not r.substep and first >= N_STEPS:
            first = N_STEPS - margin
        wanted[label] = first
        for j in others:
            wanted[j] = min(max(times[j], first + margin), cap)
    else:
        wanted[label] = min(times[label], min(times[j] for j in others) - margin)
        for j in others:
            wanted[j] = min(max(times[j], times[label] + margin), cap)
    return wanted


def plain_potentials(weights, t_pre):
    """Potential of each neuron after each step: [n_steps][n_post]."""
    rows, v = [], np.zeros(weights.shape[1])
    for step in range(N_STEPS):
        for i, t in enumerate(t_pre):
            if t == step:
                v = v + weights[i]
        rows.append(v)
    return rows


def plain_layer(weights, thresholds, t_pre):
    """Spike times and potentials at them of one sample."""
    rows = plain_potentials(weights, t_pre)
    times, at_spike = [], []
    for j in range(weights.shape[1]):
        fired = [s for s in range(N_STEPS) if rows[s][j] > thresholds[j]]
        times.append(fired[0] if fired else N_STEPS)
        at_spike.append(rows[fired[0] if fired else -1][j])
    return times, at_spike, rows


def plain_gradients(net, params, inputs, labels, r):
    """Weight and threshold gradients, one sample, one synapse at a time."""
    layers = range(len(params.weights))
    shadows = [layer.shadow.numpy() for layer in net.dense]
    sizes = [w.shape for w in params.weights]
    g_weights = [np.zeros(s) for s in sizes]
    g_thresholds = [np.zeros(s[1]) for s in sizes]
    runs = []
    for sample in inputs:
        t, run = [int(step) for step in sample], []
        for index in layers:
            out = plain_layer(params.weights[index].astype(float), params.thresholds[index], t)
            run.append((t, *out))
            t = out[0]
        runs.append(run)
    changes = [
        abs(run[-1][3][s][j] - run[-1][3][s - 1][j])
        for run in runs
        for s in range(1, N_STEPS)
        for j in range(sizes[-1][1])
    ]
    scale = max(1.0, float(np.mean(changes)))
    for run, label in zip(runs, labels, strict=True):
        _, t_out, at_spike, _ = run[-1]
        times = [float(t) for t in t_out]
        if r.substep:
            excess = [v - th for v, th in zip(at_spike, params.thresholds[-1], strict=True)]
            times = [
                t + scale / (scale + x) if t < N_STEPS else N_STEPS + 1 - x / scale
                for t, x in zip(t_out, excess, strict=True)
            ]
        delta = np.array(times) - np.array(plain_targets(times, label, r))
        if r.balanced:
            delta[label] = -sum(delta[j] for j in range(len(delta)) if j != label)
        for index in reversed(layers):
            t_pre, t_post, at_spike, _ = run[index]
            if r.slope == "window" and index != layers[-1]:
                width = r.slope_width * net.dense[index].potential_scale.item()
                distance = np.abs(np.array(at_spike) - params.thresholds[index])
                delta = delta * np.maximum(0, 1 - distance / width)
            delta = delta / (np.sqrt((delta**2).sum()) + 1e-10) / len(inputs)
            below = np.zeros(len(t_pre))
            for i, t_i in enumerate(t_pre):
                for j, t_j in enumerate(t_post):
                    g_weights[index][i, j] -= stdp(t_i, t_j, r) * delta[j]
                    if t_i <= t_j:
                        below[i] += shadows[index][i, j] * delta[j]
            g_thresholds[index] += delta
            delta = below
    return g_weights, g_thresholds


@pytest.mark.parametrize("window", ["box", "exponential"])
@pytest.mark.parametrize("kind", ["mean", "earliest", "margin"])
@pytest.mark.parametrize(("extras", "bits"), [(False, 1), (True, 3)])
def test_gradients_equal_the_equations(window, kind, extras, bits):
    recipe = SstdpRecipe(
        rule="sstdp",
        window=window,
        causal=0.8,
        anticausal=0.3,
        tau_steps=2.5,
        targets=kind,
        margin_steps=1.5,
        balanced=extras,
        substep=extras,
        slope="window" if extras else "none",
        slope_width=1.5,
    )
    params = random_params(3, (14, 11, 9, 5), bits, N_STEPS)
    inputs = random_spike_times(4, 24, params)
    labels = np.random.default_rng(5).integers(0, 5, len(inputs))
    net = from_params(params)
    for layer in net.dense:
        layer.potential_scale.fill_(3.0)
    traces, _ = net.set_gradients(torch.from_numpy(inputs).long(), torch.from_numpy(labels), recipe)
    times = [trace.times.numpy() for trace in traces]
    # The cases that are easy to get wrong do occur.
    assert all((t == N_STEPS).any() and (t < N_STEPS).any() for t in times)
    assert (inputs == N_STEPS).any()
    assert (times[0][:, :, None] == times[1][:, None, :]).any()
    weights, thresholds = plain_gradients(net, params, inputs, labels, recipe)
    for layer, by_weight, by_threshold in zip(net.dense, weights, thresholds, strict=True):
        assert np.abs(by_weight).max() > 0
        np.testing.assert_allclose(layer.shadow.grad.numpy(), by_weight, atol=2e-6)
        np.testing.assert_allclose(layer.threshold.grad.numpy(), by_threshold, atol=2e-6)


def test_a_late_label_asks_for_more_weight_and_a_lower_threshold():
    params = random_params(3, (6, 2), 8, N_STEPS)
    params.weights[0][:] = [[10, 12]] * 6
    params.thresholds[0][:] = [25, 25]
    net = from_params(params)
    recipe = SstdpRecipe(rule="sstdp", targets="earliest", anticausal=0.0)
    inputs = torch.tensor([[0, 1, 2, 3, 4, N_STEPS]])
    net.set_gradients(inputs, torch.tensor([0]), recipe)
    gradient = net.dense[0].shadow.grad
    assert (gradient[:3, 0] < 0).all()  # a step against the gradient makes the label earlier
    assert (gradient[:3, 1] > 0).all()
    assert (gradient[5] == 0).all()  # the input that never came is not causal
    assert net.dense[0].threshold.grad[0] > 0 > net.dense[0].threshold.grad[1]


def test_box_by_matmul_equals_its_table():
    recipe = SstdpRecipe(rule="sstdp", window="box", causal=0.7, anticausal=0.2)
    params = random_params(8, (9, 7), 1, N_STEPS)
    inputs = torch.from_numpy(random_spike_times(9, 30, params)).long()
    trace = from_params(params).dense[0](inputs)
    error = torch.randn(30, 7, generator=torch.Generator().manual_seed(1))
    table = rule.window_table(recipe, N_STEPS)
    looked_up = -torch.einsum(
        "nji,nj->ij", table[trace.times[:, :, None], inputs[:, None, :]], error
    )
    fast = rule.weight_gradient(trace, error, table, recipe)
    torch.testing.assert_close(fast, looked_up, atol=1e-5, rtol=0)


def test_fine_times_are_ordered_as_the_readout_orders():
    params = random_params(21, (20, 10), 3, N_STEPS, uniform=True)
    inputs = torch.from_numpy(random_spike_times(22, 200, params)).long()
    net = from_params(params)
    trace = net(inputs)[0]
    fine = targets.fine_times(trace, net.dense[0].integer_threshold())
    n_ties = 0
    for sample in range(200):
        t, v = trace.times[sample].tolist(), trace.at_spike[sample].tolist()
        expected = sorted(range(10), key=lambda j: (t[j], -v[j]))
        ranked = [(t[j], v[j]) for j in torch.argsort(fine[sample], stable=True).tolist()]
        assert ranked == [(t[j], v[j]) for j in expected]
        n_ties += len(set(t)) < 10
    assert n_ties > 100


@pytest.mark.parametrize("window", ["box", "exponential"])
def test_samples_without_error_change_no_gradient(window):
    recipe = SstdpRecipe(rule="sstdp", window=window)
    params = random_params(3, (14, 11, 5), 3, N_STEPS)
    inputs = torch.from_numpy(random_spike_times(4, 20, params)).long()
    net = from_params(params)
    traces = net(inputs)
    error = torch.randn(20, 5, generator=torch.Generator().manual_seed(1))
    rule.backward(net.dense, traces, torch.zeros_like(error), recipe)
    assert all((layer.shadow.grad == 0).all() for layer in net.dense)
    error[10:] = 0
    rule.backward(net.dense, traces, error, recipe)
    whole = [layer.shadow.grad for layer in net.dense]
    rule.backward(net.dense, net(inputs[:10]), error[:10], recipe)
    for layer, gradient in zip(net.dense, whole, strict=True):
        torch.testing.assert_close(gradient, layer.shadow.grad / 2)
