"""Makes the kit, `conformance/`: small random networks with all that the contract knows.

    python tests/conformance/make_kit.py

To add one: a line below, then run this. `test_conformance.py` says which faults the kit finds.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from direct_nets import direct, random_inputs
from multi_spike_nets import integrator, multi_spike
from samples import learning_params, random_network, with_biases

from hwgen.conformance import make_vectors
from hwgen.model import vectors as vectors_file
from hwgen.model.folder import ModelFolder
from hwgen.network import params_file
from hwgen.network.learning import NO_LABEL
from hwgen.network.params import Params

SEED = 1
N_SAMPLES = 24
KIT = Path(__file__).resolve().parents[2] / "conformance"
# PSPs are of the layers with weights, in turn.
# fmt: off
FORWARD: dict[str, dict[str, Any]] = {
    "dense-step": {"shape": "3x4-9-4", "psp": "step", "weight_bits": 1},
    "dense-ramp": {"shape": "3x4-9-4", "psp": "ramp", "weight_bits": 2},
    "dense-triangle": {"shape": "3x4-9-4", "psp": "triangle", "tau_steps": 2, "weight_bits": 3},
    "dense-phased": {"shape": "3x4-9-4", "psp": "phased/ramp", "weight_bits": 4},
    "ties": {"shape": "4x4-8-6", "psp": "step", "weight_bits": 1, "n_steps": 2, "uniform": True},
    "one-step": {"shape": "6x5-3C3-P2-6-4", "psp": "step/ramp", "weight_bits": 2, "n_steps": 1},
    "many-steps": {"shape": "3x4-12-5", "psp": "ramp", "weight_bits": 8, "n_steps": 255},
    "conv": {"shape": "7x9-4C3-3", "psp": "step", "weight_bits": 1},
    "conv-pool": {
        "shape": "11x9-3C3p1-P2-4C2-P2-5-3", "psp": "ramp", "weight_bits": 2, "seed": 12,
    },
    "conv-stride": {
        "shape": "9x7-3C4s3p2-4C2s2p1-3", "psp": "triangle/step/ramp",
        "tau_steps": 3, "weight_bits": 3,
    },
    "conv-wide": {"shape": "6x5-2C5s3p4-3", "psp": "step/ramp", "weight_bits": 4},
    "conv-phased": {
        "shape": "9x8-3C3p1-P2-4C2s2-6-3", "psp": "ramp/phased/phased/triangle",
        "tau_steps": 1, "weight_bits": 3,
    },
}
LEARNING: dict[str, dict[str, Any]] = {
    "learn-phased": {
        "psp": "phased/ramp", "bits": 8, "shape": "3x4-9-4", "window": "psp",
        "hidden_shift": -2, "output_shift": -1, "margin_steps": 2,
    },
    "learn-step": {
        "psp": "step", "bits": 1, "shape": "3x4-9-6-4", "window": "psp",
        "hidden_shift": 0, "output_shift": 1, "error_bits": 2, "shadow_bits": 6,
    },
    "learn-box": {
        "psp": "ramp/step", "bits": 4, "shape": "3x4-9-4", "window": "box",
        "anticausal_shift": 1, "hidden_shift": 1, "output_shift": 2, "shadow_bits": 6,
    },
    "learn-exponential": {
        "psp": "step/ramp", "bits": 3, "shape": "3x4-9-4", "window": "exponential",
        "anticausal_shift": 2, "tau_log2": 1, "hidden_shift": 2, "output_shift": 6,
        "error_bits": 8, "margin_steps": 1,
    },
    "learn-last": {
        "psp": "ramp/phased/ramp", "bits": 5, "shape": "7x6-3C3p1-P2-8-4", "layers": "last",
        "output_shift": 3, "error_bits": 3, "shadow_bits": 6,
    },
    "learn-slow": {
        "psp": "phased/ramp", "bits": 8, "shape": "3x4-9-4", "window": "psp", "n_steps": 128,
        "hidden_shift": 14, "output_shift": 15, "error_bits": 8,
    },
}
MULTI_SPIKE: dict[str, dict[str, Any]] = {
    "reset-zero": {"shape": "3x4-9-4", "reset": "zero", "leak_shift": 1, "weight_bits": 1},
    "reset-subtract": {
        "shape": "3x4-9-6-4", "reset": "subtract", "leak_shift": 0, "weight_bits": 4,
    },
    "reset-conv": {
        "shape": "9x7x2-3C3p1-P2-4C2s2-5", "reset": "subtract", "leak_shift": 2, "weight_bits": 3,
    },
    "reset-potential": {
        "shape": "6x5-4C3-P2-3", "reset": "zero", "leak_shift": 3, "weight_bits": 2,
        "readout": "potential",
    },
    "neuron-bias": {
        "shape": "3x4-9-4", "reset": "subtract", "leak_shift": 0, "weight_bits": 3,
        "neuron": {"bias_bits": 3, "fires": "at"},
    },
    "neuron-leak": {
        "shape": "3x4-9-6-4", "reset": "subtract", "leak_shift": 10, "weight_bits": 4,
        "neuron": {"leak_times": 102, "fraction_bits": 4, "order": "leak, reset"},
    },
    "neuron-conv": {
        "shape": "9x7x2-3C3p1-P2-4C2s2-5", "reset": "zero", "leak_shift": 5, "weight_bits": 3,
        "neuron": {"leak_times": 3, "fraction_bits": 3, "bias_bits": 6, "fires": "at"},
    },
}
# Input "direct": of neurons that fire again, and of two-phase layers.
DIRECT_AGAIN: dict[str, dict[str, Any]] = {
    "values-dense": {
        "shape": "3x4-9-4", "reset": "subtract", "leak_shift": 2, "weight_bits": 3,
        "neuron": {"bias_bits": 10, "fraction_bits": 2},
    },
    "values-conv": {
        "shape": "7x6x3-3C3p1-P2-5-4", "reset": "zero", "leak_shift": 0, "weight_bits": 1,
        "readout": "potential",
    },
}
DIRECT_PHASED: dict[str, dict[str, Any]] = {
    "values-phased": {"shape": "9x8x3-3C3p1-P2-6-3", "psp": "phased/phased/ramp", "weight_bits": 3},
}
# fmt: on


def main() -> None:
    for name, how in DIRECT_AGAIN.items():
        write(replace(direct(multi_spike(**{"seed": SEED} | how)), name=name))
    for name, how in DIRECT_PHASED.items():
        write(replace(direct(random_network(**{"seed": SEED} | how), x_max=100), name=name))
    for name, how in MULTI_SPIKE.items():
        write(replace(multi_spike(**{"seed": SEED} | how), name=name))
    write(replace(integrator("output, both"), name="output-leak"))
    for name, how in FORWARD.items():
        write(replace(random_network(**{"seed": SEED} | how), name=name))
    biased = random_network(
        SEED, "6x5-3C3-9-4", psp="ramp/triangle/ramp", tau_steps=2, weight_bits=3
    )
    write(replace(with_biases(biased, 4), name="ramp-bias"))
    for name, how in LEARNING.items():
        params = learning_params(**how, seed=SEED, halve_log2=2, n_halvings=2)
        assert params.spec.learning
        learning = replace(params.spec.learning, seed=0xACE1)  # any, not that of the default
        spec = replace(params.spec, learning=learning)
        write(replace(params, name=name, spec=spec))


def write(params: Params) -> None:
    """The folder of a network."""
    params = replace(params, provenance={"made": "tests/conformance/make_kit.py"})
    folder = ModelFolder(KIT / params.name)
    params_file.save(params, folder.params_path)
    inputs = random_inputs(SEED, N_SAMPLES, params)
    if params.spec.n_steps == 1:  # those leave one step empty
        inputs = np.random.default_rng(SEED).integers(0, 2, inputs.shape, np.uint8)
    labels = np.random.default_rng(SEED).integers(0, params.spec.n_classes, N_SAMPLES)
    vectors_file.save(make_vectors.vectors(params, inputs, labels), folder.vectors_path)
    if params.spec.learning:
        taught = np.where(np.arange(N_SAMPLES) % 10 == 9, NO_LABEL, labels)
        vectors_file.save(
            make_vectors.learning_vectors(params, inputs, taught), folder.learning_vectors_path
        )


if __name__ == "__main__":
    main()
