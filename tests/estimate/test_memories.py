"""The memories that the estimate counts are those that the core is built of."""

import re
from collections import Counter

import pytest
from amaranth.back import rtlil
from direct_nets import direct
from multi_spike_nets import multi_spike
from samples import learning_params, random_network

from hwgen.estimate.memories import all_memories
from hwgen.hdl.core import SpikeCore
from hwgen.network.design import Design

_MEMORY = re.compile(r"^\s*memory width (\d+) size (\d+) \\(\S+)$", re.MULTILINE)
# Tables of places (`rom`), small accounts of the learning unit: what never comes near a block.
_SMALL = re.compile(r"rows|columns|places|words|firsts|seconds|table")


def built(design):
    """(words, width) of the memories of a core, with their names."""
    text = rtlil.convert(SpikeCore(design), name="core")
    return [(int(size), int(width), name) for width, size, name in _MEMORY.findall(text)]


@pytest.mark.parametrize(
    ("params", "lanes"),
    [
        (random_network(3, "1x12-9-4", weight_bits=3), (4, 2)),
        (random_network(3, "1x12-9-4", psp="ramp/step", weight_bits=4), (2, 4)),
        (
            random_network(3, "8x7-5C3s2p1-P2-7-4", psp="triangle/ramp/step", tau_steps=2),
            (2, 1, 3, 2),
        ),
        (
            random_network(3, "8x7-6C3-P2-7-4", psp="phased/phased/ramp", weight_bits=2),
            (3, 1, 2, 4),
        ),
        (
            multi_spike(3, "6x5x2-4C3p1-P2-7-4", reset="zero", weight_bits=3, n_steps=4),
            (2, 1, 3, 4),
        ),
        (
            multi_spike(3, "6x5-4C3-9-4", weight_bits=3, n_steps=4, neuron={"bias_bits": 5}),
            (2, 4, 3),
        ),
        (direct(multi_spike(3, "6x5x3-4C3-9-4", weight_bits=3, n_steps=4)), (2, 4, 3)),
        (
            direct(random_network(3, "8x7-6C3-P2-7-4", psp="phased/phased/ramp", weight_bits=2)),
            (3, 1, 2, 4),
        ),
        (learning_params("phased/ramp", 4, "1x12-9-5", shadow_bits=10), (4, 2)),
        (learning_params("step", 4, "1x12-9-5", layers="last"), (3, 2)),
    ],
    ids=lambda value: getattr(getattr(value, "spec", None), "shape", None),
)
def test_each_memory_is_counted(params, lanes):
    design = Design(params, lanes)
    counted = Counter((m.n_words, m.width) for layer in all_memories(design) for m in layer)
    found = Counter((size, width) for size, width, _ in built(design))
    # The channel of a neuron, where there is one only, is a bit that yosys takes out.
    wider = {(size, width - 1) for size, width in found}
    assert [memory for memory in counted - found if memory not in wider] == []
    known = {*counted, *((size, width + 1) for size, width in counted - found)}
    names = [name for size, width, name in built(design) if (size, width) not in known]
    assert [name for name in names if not _SMALL.search(name)] == []


def test_weights_in_spram_are_in_no_other_memory():
    design = Design(random_network(3, "1x12-9-4", weight_bits=3), (4, 2)).all_loaded()
    weights = [next(iter(layer)) for layer in all_memories(Design(design.params, design.lanes))]
    left = Counter((m.n_words, m.width) for layer in all_memories(design) for m in layer)
    assert not any(left[m.n_words, m.width] for m in weights)
