"""Files with senseless fields: a network, or one line that says what is wrong."""

import random
import warnings

import nir_files
import numpy as np
import pytest
from nir_files import affine, chain, conv, fires, flatten, leaks, linear, pool

from hwgen.errors import NirError
from hwgen.network.spec import InputSpec
from hwgen.nir import dialects, graph, reading, samples, settings, verdict
from hwgen.nir.quantise import Wanted
from hwgen.nir.to_params import to_params

ONES = np.ones((3, 8))
LAST = (flatten(), linear(ONES), fires(1.0))
NETWORKS = (
    (chain(affine(ONES, [1.5, 0, -1]), leaks(2.0, tau=8e-4, r=8.0), shape=[8]), (1, 8)),
    (chain(linear(ONES), ("LI", {"tau": 1e-3, "r": 1.0, "v_leak": 0.0}), shape=[8]), (1, 8)),
    (
        chain(
            conv(np.ones((2, 1, 3, 3)), padding=1),
            fires(1.0),
            pool("AvgPool2d", 2),
            *LAST,
            shape=[1, 4, 4],
        ),
        (4, 4),
    ),
    (
        chain(
            conv(np.ones((2, 1, 3, 3)), padding=1),
            fires(1.0),
            pool("SumPool2d", 2),
            ("Threshold", {"threshold": 0.5}),
            *LAST,
            shape=[1, 4, 4],
        ),
        (4, 4),
    ),
)
SENSELESS = (
    *(np.nan, np.inf, -1, 0, 1e300, 1e-300, 2**62, -(2**63), 7, 3.5, "text", [], [[]]),
    *(np.array([1, 2]), np.zeros((0, 3)), np.ones((2, 3, 4, 5)), np.array(1 + 2j), [b"a", b"b"]),
)
ROWS = [name for name, row in dialects.DIALECTS.items() if not row.refused]


def changed(rng, nodes):
    """One to three fields are something else, or gone, or a node is of another type."""
    made = {name: (kind, dict(fields)) for name, (kind, fields) in nodes.items()}
    for _ in range(rng.choice([1, 1, 2, 3])):
        name = rng.choice(list(made))
        _, fields = made[name]
        what = rng.random()
        if what < 0.8 and fields:
            fields[rng.choice(list(fields))] = rng.choice(SENSELESS)
        elif what < 0.9 and fields:
            fields.pop(rng.choice(list(fields)))
        else:
            made[name] = (rng.choice(list(graph.REQUIRED)), fields)
    return made


def attempt(path, rng, height, width):
    nodes, _ = reading.read(path)
    settings.input_shape(nodes[0])
    dialects.guess(nodes)
    rule = dialects.rule(rng.choice(ROWS), reset=rng.choice(["zero", "subtract"]))
    encoding = rng.choice(["rate", "direct"])
    spec = InputSpec(height=height, width=width, x_max=255, encoding=encoding)
    wanted = Wanted(weight_bits=rng.choice([None, 1, 2, 8]))
    params = to_params(nodes, rule, spec, 4, "senseless", wanted).params
    verdict.compare(params, nodes, rule, samples.random(spec, 4, 3, 0))


@pytest.mark.parametrize("seed", range(8))
def test_senseless_files_are_networks_or_refused_in_a_line(tmp_path, seed):
    rng, told = random.Random(seed), []
    for _ in range(40):
        nodes, (height, width) = rng.choice(NETWORKS)
        path = nir_files.write(tmp_path / "x.nir", changed(rng, nodes))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                attempt(path, rng, height, width)
            except NirError as error:
                told.append(str(error))
    assert len(told) > 10
    assert not [line for line in told if "\n" in line]
