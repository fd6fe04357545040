"""What moves pictures about: pooling, the adapters of streams, the replay of kernel events."""

import numpy as np
import pytest
from hdl_layers import (
    index_of,
    random_times,
    run_layer,
    sample_payloads,
    times_of,
    use_hostile_banks,
)

from hwgen.golden import neuron
from hwgen.golden.layers.pool2d import Pool as GoldenPool
from hwgen.hdl.adapters.flatten import Flatten, Unflatten
from hwgen.hdl.adapters.replay import Replay
from hwgen.hdl.layers.pool import TAG_BITS, Pool
from hwgen.hdl.stream import vector
from hwgen.network.layers.dense import DenseSpec
from hwgen.network.layers.pool2d import PoolSpec
from hwgen.network.layers.shape import Shape
from hwgen.protocol.tokens import Kind

N_STEPS = 5
STALLS = [0.0, 0.3, 0.8]


@pytest.fixture(autouse=True)
def hostile_banks(monkeypatch):
    use_hostile_banks(monkeypatch)


@pytest.mark.parametrize("stall", STALLS)
@pytest.mark.parametrize(
    ("height", "width", "channels", "size"),
    [
        (4, 6, 1, 2),
        (5, 7, 3, 2),  # a row and a column belong to no window
        (7, 4, 2, 3),
        (3, 3, 4, 3),  # one position
        (2, 9, 2, 2),
    ],
)
def test_pool_equals_golden(height, width, channels, size, stall):
    layer = PoolSpec(height=height, width=width, channels=channels, size=size)
    times = random_times(3, 4, layer.n_pre, N_STEPS)
    payloads = sample_payloads(times, layer.pre, N_STEPS, np.random.default_rng(4))
    run = run_layer(Pool(layer), payloads, len(times), stall=stall, seed=5)
    expected = GoldenPool(layer).run(times, N_STEPS).times
    assert times_of(run.tokens, layer.post, N_STEPS).tolist() == expected.tolist()


def check_returning_tags(pool):
    """All fire whenever a tag comes again, and else nobody does."""
    layer = PoolSpec(height=6, width=4, channels=3, size=2)
    times = np.ones((2 * 2**TAG_BITS + 2, layer.n_pre), np.uint8)
    times[1 :: 2**TAG_BITS, ::5] = 0
    payloads = sample_payloads(times, layer.pre, 1, np.random.default_rng(1))
    run = run_layer(pool(layer), payloads, len(times), stall=0.0, seed=5)
    expected = GoldenPool(layer).run(times, 1).times
    assert times_of(run.tokens, layer.post, 1).tolist() == expected.tolist()


def test_pool_knows_old_samples_from_new():
    check_returning_tags(Pool)


def test_tags_renewed_too_late_are_found():
    class Late(Pool):
        def __init__(self, layer):
            super().__init__(layer)
            self._n_renewed = 1

    with pytest.raises(AssertionError):
        check_returning_tags(Late)


def spikes_in_a_row(pool):
    """How often the neurons of one window fire when all its inputs fire, each twice, in a row."""
    layer = PoolSpec(height=2, width=2, channels=2, size=2)
    sample = [
        {"kind": Kind.SPIKE, "row": row, "column": column, "channel": channel}
        for channel in (0, 1)
        for row in (0, 1)
        for column in (0, 0, 1, 1)
    ]
    end = {"kind": Kind.END_OF_SAMPLE, "row": 0, "column": 0, "channel": 0}
    run = run_layer(pool(layer), [*sample, end] * 2, 2, stall=0.0, seed=0)
    return sum(token["kind"] == Kind.SPIKE for token in run.tokens)


def test_pool_drops_what_follows_at_once():
    assert spikes_in_a_row(Pool) == 4


def test_a_tag_read_too_early_is_found():
    class Forgetful(Pool):
        def _send(self, m, r, late):
            super()._send(m, r, late.operands[1])  # not `again`

    assert spikes_in_a_row(Forgetful) > 4


@pytest.mark.parametrize("stall", STALLS)
@pytest.mark.parametrize("shape", [Shape(3, 5, 1), Shape(4, 1, 1), Shape(1, 7, 1), Shape(3, 5, 2)])
def test_unflatten(shape, stall):
    times = random_times(3, 3, shape.n, N_STEPS)
    payloads = sample_payloads(times, vector(shape.n), N_STEPS, np.random.default_rng(4))
    run = run_layer(Unflatten(shape), payloads, len(times), stall=stall, seed=5)
    assert times_of(run.tokens, shape, N_STEPS).tolist() == times.tolist()


@pytest.mark.parametrize("stall", STALLS)
@pytest.mark.parametrize("shape", [Shape(3, 5, 1), Shape(2, 3, 5), Shape(1, 4, 4)])
def test_flatten(shape, stall):
    times = random_times(3, 3, shape.n, N_STEPS)
    payloads = sample_payloads(times, shape, N_STEPS, np.random.default_rng(4))
    run = run_layer(Flatten(shape), payloads, len(times), stall=stall, seed=5)
    assert times_of(run.tokens, vector(shape.n), N_STEPS).tolist() == times.tolist()


def events_of(tokens, shape):
    """For each step of all samples: what each input adds, in units of its weight."""
    steps, events = [], np.zeros(shape.n, int)
    for token in tokens:
        if token["kind"] == Kind.SPIKE:
            events[index_of(token, shape)] += -2 if token["knee"] else 1
        elif token["kind"] == Kind.END_OF_STEP:
            steps.append(events)
            events = np.zeros(shape.n, int)
    assert not events.any()
    return np.array(steps)


@pytest.mark.parametrize("stall", STALLS)
@pytest.mark.parametrize(
    ("shape", "tau_steps"),
    [
        (vector(9), 1),
        (vector(9), 2),
        (vector(9), 3),
        (vector(9), 4),
        (vector(9), 5),
        (Shape(2, 3, 2), 2),
        (Shape(1, 5, 1), 200),
    ],
)
def test_replay_equals_golden(shape, tau_steps, stall):
    layer = DenseSpec(
        n_pre=shape.n,
        n_post=1,
        weight_bits=1,
        potential_bits=20,
        psp="triangle",
        tau_steps=tau_steps,
    )
    times = random_times(6, 4, shape.n, N_STEPS)
    dut = Replay(shape, tau_steps=tau_steps, n_steps=N_STEPS)
    payloads = sample_payloads(times, shape, N_STEPS, np.random.default_rng(4))
    run = run_layer(dut, payloads, len(times), stall=stall, seed=5)
    expected = [
        neuron.kernel_events(sample, step, layer) for sample in times for step in range(N_STEPS)
    ]
    assert events_of(run.tokens, shape).tolist() == np.array(expected).tolist()


def test_replay_survives_a_full_list():
    """Inputs that fire in each step, steps too many: the sample is lost, the next one is not."""
    shape, n_steps = vector(3), 3
    bad = [{"kind": 0, "index": i} for i in range(3)] + [{"kind": 1, "index": 0}]
    sample = np.array([[0, 1, 2]], np.uint8)
    good = [*sample_payloads(sample, shape, n_steps, np.random.default_rng(0))]
    dut = Replay(shape, tau_steps=1, n_steps=n_steps)
    run = run_layer(dut, [*bad * 6, {"kind": 2, "index": 0}, *good], 2, stall=0.0, seed=0)
    events = events_of(run.tokens, shape)[6:]
    assert events.tolist() == [[1, 0, 0], [-2, 1, 0], [1, -2, 1]]


def test_replay_of_nothing_costs_nothing():
    """Neither memory nor heads, if the knee comes after the last step."""
    from amaranth.back import rtlil

    assert "memory" not in rtlil.convert(Replay(vector(3), tau_steps=3, n_steps=3))
    assert "memory" in rtlil.convert(Replay(vector(3), tau_steps=2, n_steps=3))
