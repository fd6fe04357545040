"""Pools in weights, and axes in the contract's order: against torch, which folds nothing."""

import nir_files
import numpy as np
import pytest
import torch
from nir_files import affine, chain, conv, fires, flatten, linear, pool

from hwgen.errors import NirError
from hwgen.golden import Golden
from hwgen.network.layers.shape import Shape
from hwgen.network.spec import InputSpec
from hwgen.nir import dialects, float_rule, reading, samples
from hwgen.nir.chain import Given, layers
from hwgen.nir.quantise import Wanted
from hwgen.nir.to_params import to_params

RULE = dialects.rule("euler")
N_STEPS = 6
rng = np.random.default_rng(5)


def whole(*shape):
    return rng.integers(-3, 4, shape)


def by_torch(nodes, inputs):
    """Spikes of the last neurons, [n, n_steps, ...]: IF, reset to zero, in torch's own layers."""
    values = torch.tensor(inputs.astype(np.float64))
    n, n_steps = values.shape[:2]
    for kind, given in nodes[1:-1]:
        flat = values.reshape(n * n_steps, *values.shape[2:])
        if kind in ("Linear", "Affine"):
            bias = torch.tensor(given["bias"]).double() if kind == "Affine" else None
            flat = torch.nn.functional.linear(flat, torch.tensor(given["weight"]).double(), bias)
        elif kind == "Conv2d":
            flat = torch.nn.functional.conv2d(
                flat,
                torch.tensor(given["weight"]).double(),
                torch.tensor(given["bias"]).double(),
                stride=int(given["stride"]),
                padding=int(given["padding"]),
            )
        elif kind == "AvgPool2d":
            flat = torch.nn.functional.avg_pool2d(flat, given["kernel_size"], given["stride"])
        elif kind == "SumPool2d":
            size = given["kernel_size"]
            flat = torch.nn.functional.avg_pool2d(flat, size, given["stride"]) * size**2
        elif kind == "Threshold":
            flat = (flat > torch.tensor(given["threshold"])).double()
        elif kind == "Flatten":
            flat = flat.flatten(1)
        values = flat.reshape(n, n_steps, *flat.shape[1:])
        if kind == "IF":
            values = _if(values, given["v_threshold"])
    return values.numpy().astype(np.uint8)


def _if(currents, threshold):
    potential, spikes = torch.zeros_like(currents[:, 0]), torch.zeros_like(currents)
    for step in range(currents.shape[1]):
        potential = potential + currents[:, step]
        spikes[:, step] = potential > threshold
        potential = torch.where(potential > threshold, 0, potential)
    return spikes


OUT = (flatten(),)
NETWORKS = {
    "dense": ([12], [linear(whole(7, 12)), fires(3.0), affine(whole(3, 7), whole(3)), fires(2.0)]),
    "images": ([2, 4, 5], [flatten(), linear(whole(7, 40)), fires(9.0)]),
    "conv, dense": (
        [2, 4, 5],
        [conv(whole(3, 2, 3, 3), padding=1), fires(5.0), *OUT, linear(whole(4, 60)), fires(7.0)],
    ),
    "average, conv": (
        [2, 8, 6],
        [
            pool("AvgPool2d", 2),
            conv(whole(3, 2, 2, 2), padding=1, bias=whole(3)),
            fires(1.0),
            *OUT,
            linear(whole(4, 60)),
            fires(7.0),
        ],
    ),
    "sum, conv with a stride": (
        [1, 9, 9],
        [
            pool("SumPool2d", 2),
            conv(whole(3, 1, 2, 2), stride=2, bias=whole(3)),
            fires(6.0),
            *OUT,
            linear(whole(4, 12)),
            fires(5.0),
        ],
    ),
    "conv, average": (
        [2, 8, 7],
        [
            conv(whole(3, 2, 3, 3), stride=2, padding=1, bias=whole(3)),
            pool("AvgPool2d", 2),
            fires(1.0),
            *OUT,
            linear(whole(4, 12)),
            fires(5.0),
        ],
    ),
    "conv, sum": (
        [1, 6, 6],
        [
            conv(whole(2, 1, 3, 3), bias=whole(2)),
            pool("SumPool2d", 2),
            fires(4.0),
            *OUT,
            linear(whole(4, 8)),
            fires(5.0),
        ],
    ),
    "average, dense": (
        [2, 7, 6],
        [pool("AvgPool2d", 3, 2), *OUT, affine(whole(4, 12), whole(4)), fires(2.0)],
    ),
    "two pools, dense": (
        [1, 8, 8],
        [pool("AvgPool2d", 2), pool("SumPool2d", 2), *OUT, linear(whole(4, 4)), fires(2.0)],
    ),
    "any of a window": (
        [1, 6, 6],
        [
            conv(whole(2, 1, 3, 3), padding=1),
            fires(3.0),
            pool("SumPool2d", 2),
            ("Threshold", {"threshold": np.full((2, 3, 3), 0.5)}),
            *OUT,
            linear(whole(4, 18)),
            fires(3.0),
        ],
    ),
}


def read(tmp_path, shape, nodes):
    named = chain(*nodes, shape=shape)
    found, _ = reading.read(nir_files.write(tmp_path / "x.nir", named))
    return list(named.values()), found


@pytest.mark.parametrize("name", NETWORKS)
def test_folded_networks_are_those_that_torch_runs(tmp_path, name):
    shape, nodes = NETWORKS[name]
    named, found = read(tmp_path, shape, nodes)
    channels, height, width = shape if len(shape) == 3 else (1, 1, shape[0])
    spec = InputSpec(height=height, width=width, channels=channels, x_max=255, encoding="rate")
    made = to_params(found, RULE, spec, N_STEPS, "folded", Wanted())
    given = samples.random(spec, N_STEPS, 20, 1)
    values = samples.to_values(given.inputs, spec, N_STEPS, tuple(shape))
    expected = by_torch(named, values)
    assert 0.02 < expected.mean() < 0.98
    assert (Golden(made.params).run(given.inputs).spike_times[-1] == expected).all()
    fired = float_rule.run(found, RULE, values)
    assert (fired[-1].spikes == expected).all()
    # Integers are kept: nothing had to be rounded.
    assert all(change.error < 1e-6 for change in made.changes)


def test_a_flat_input_with_channels_is_one_of_torch(tmp_path):
    """[2, 3, 4] flattened by torch: channel 1 of the first pixel is input 12."""
    _, found = read(tmp_path, [24], [linear([range(24)]), fires(1.0)])
    (layer,) = layers(found, RULE, Given(Shape(3, 4, 2)))
    assert layer.weights[:4, 0].tolist() == [0, 12, 1, 13]


@pytest.mark.parametrize(
    ("shape", "nodes", "expected"),
    [
        (
            [1, 7, 7],
            [pool("AvgPool2d", 2), conv(whole(1, 1, 3, 3), padding=1), fires(1.0)],
            "leaves rows or columns of 7x7x1 out, and n1 (Conv2d) pads what is left",
        ),
        (
            [1, 40, 40],
            [pool("AvgPool2d", 4), conv(whole(1, 1, 5, 5)), fires(1.0)],
            "n1 (Conv2d): with its pooling a kernel of 20, stride 4, padding 0; expected at most",
        ),
        ([4], [linear(whole(3, 4)), linear(whole(2, 3)), fires(1.0)], "no neurons between them"),
        ([4], [linear(whole(3, 4))], "there are no neurons"),
        ([4], [linear(whole(3, 4)), fires(1.0), linear(whole(2, 3))], "n2 is the last node"),
        ([4], [fires(1.0)], "no weights between it and the neurons before"),
        ([5], [linear(whole(3, 4)), fires(1.0)], "weight is [3, 4], but 5 neurons feed it"),
        ([1, 4, 4], [linear(whole(3, 4)), fires(1.0)], "a feature map; is a Flatten missing?"),
        ([2, 4, 4], [conv(whole(3, 1, 2, 2)), fires(1.0)], "of 1 channels, but 2 channels feed it"),
        ([1, 4, 4], [conv(whole(3, 1, 2, 2)), fires(1.0)], "expected Linear or Affine"),
        ([4], [linear(whole(3, 4)), fires(np.ones(2))], "v_threshold is [2], but 3 neurons"),
        ([4], [linear(whole(3, 4)), fires(-1.0)], "v_threshold is -1 above the potential at rest"),
        (
            [4],
            [linear(whole(2, 4)), nir_files.leaks(1.0, tau=np.array([1e-3, 2e-3]), r=1.0)],
            "neurons keep 0.9..0.95 of a potential, expected one leak for a layer",
        ),
        (
            [1, 3, 3],
            [conv(whole(1, 1, 2, 2)), fires(np.array([[[1.0, 2], [1, 1]]]))],
            "v_threshold differs within a filter",
        ),
    ],
)
def test_what_is_no_layer_is_refused(tmp_path, shape, nodes, expected):
    _, found = read(tmp_path, shape, nodes)
    with pytest.raises(NirError) as caught:
        layers(found, RULE, Given())
    assert expected in str(caught.value)
