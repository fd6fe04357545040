"""Small random networks of every kind, for `make soak`."""

from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
from direct_nets import direct, random_inputs
from formal.planted import Fault, planted
from multi_spike_nets import multi_spike
from numpy.typing import NDArray
from samples import learning_params, random_network, with_biases

from hwgen.hdl.verilog import to_verilog
from hwgen.network.design import Design
from hwgen.network.params import Params
from hwgen.verification import compiled_core
from hwgen.verification.cxxrtl_session import Compiled


@dataclass(frozen=True)
class Net:
    params: Params
    lanes: tuple[int, ...]
    spram: bool = False
    queue_depth: int = 256  # 8: queues that are full now and then

    @property
    def learns(self) -> bool:
        return self.params.spec.learning is not None

    def inputs(self, seed: int, n: int) -> NDArray[np.uint8]:
        """Random ones, as its golden takes them."""
        return random_inputs(seed, n, self.params)

    def core(self, cache: Path, fault: Fault | None = None) -> Compiled:
        """The compiled core; with a fault planted in the hardware's source."""
        with planted(fault), patch("hwgen.hdl.core.QUEUE_DEPTH", self.queue_depth):
            design = Design(self.params, self.lanes)
            text = to_verilog(design.all_loaded() if self.spram else design)
        library = compiled_core.library(text, self.params.spec.layers, cache=cache)
        return Compiled(library, self.params, self.lanes)


def _pictures(shape: str, psp: str, bits: int, tau_steps: int = 0) -> Params:
    return random_network(3, shape, psp=psp, tau_steps=tau_steps, weight_bits=bits)


_COURSE = {"shadow_bits": 10, "halve_log2": 2, "n_halvings": 2}  # halved within a few samples

NETS = {
    "step": Net(random_network(3, "1x9-7-4", weight_bits=3), (3, 2)),
    "step, binary": Net(random_network(3, "1x12-9-4"), (9, 4)),
    "ramp": Net(random_network(3, "1x8-7-4", psp="ramp", weight_bits=3), (7, 1)),
    "triangle": Net(random_network(3, "1x9-7-4", psp="triangle", tau_steps=2), (3, 4)),
    "phased": Net(random_network(3, "1x9-7-4", psp="phased/ramp", weight_bits=4), (4, 2)),
    "pictures": Net(_pictures("7x6-5C3s2p1-P2-7-4", "triangle/ramp/step", 4, 2), (2, 1, 3, 4)),
    "pictures, binary": Net(
        _pictures("8x8-P2-3C2p1-P3-4", "ramp/step", 1), (1, 2, 1, 4), queue_depth=8
    ),
    "pictures, phased": Net(
        _pictures("7x6-5C3-P2-7-4", "phased/phased/ramp", 4), (5, 1, 1, 3), queue_depth=8
    ),
    "counts": Net(multi_spike(3, "1x9-7-4", weight_bits=3, n_steps=4), (3, 2)),
    "events": Net(
        multi_spike(
            3,
            "6x5x2-4C3p1-P2-7-4",
            reset="subtract",
            leak_shift=2,
            readout="potential",
            weight_bits=3,
            n_steps=4,
        ),
        (2, 1, 7, 3),
        queue_depth=8,
    ),
    "ramp, biases": Net(
        with_biases(random_network(3, "1x8-7-4", psp="ramp", weight_bits=3), 4), (3, 2)
    ),
    "biases": Net(
        multi_spike(
            3,
            "1x9-7-4",
            reset="subtract",
            leak_shift=4,
            weight_bits=3,
            n_steps=4,
            neuron={"leak_times": 3, "bias_bits": 5, "fires": "at", "order": "leak, reset"},
        ),
        (3, 2),
    ),
    "values": Net(
        direct(multi_spike(3, "6x5x3-4C3p1-P2-7-4", reset="subtract", weight_bits=3, n_steps=4)),
        (2, 1, 7, 3),
        queue_depth=8,
    ),
    "values, phased": Net(
        direct(random_network(3, "1x9-7-4", psp="phased/ramp", weight_bits=4), x_max=20), (4, 2)
    ),
    "learns": Net(
        learning_params("phased/ramp", 4, "1x9-7-4", hidden_shift=2, output_shift=1, **_COURSE),
        (2, 4),
    ),
    "learns, binary": Net(
        learning_params("step", 1, "1x9-7-4", window="box", anticausal_shift=1, **_COURSE), (7, 1)
    ),
    "learns behind pictures": Net(
        learning_params("phased/phased/ramp", 4, "6x6-2C3-P2-5-4", layers="last", **_COURSE),
        (2, 1, 3, 2),
    ),
    "learns, in SPRAM": Net(
        learning_params("phased/ramp", 4, "1x9-7-4", **_COURSE), (2, 4), spram=True
    ),
}
