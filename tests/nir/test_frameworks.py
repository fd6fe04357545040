"""The real snnTorch reads what `hwgen export` writes, and fires as golden does."""

import warnings

import nir
import numpy as np
import pytest
import torch
from multi_spike_nets import multi_spike

from hwgen.flows import export_nir as flow
from hwgen.model.folder import ModelFolder
from hwgen.network import params_file

_DT = 1e-4
NETWORKS = {
    "dense": multi_spike(3, "3x4-9-4", leak_shift=0, weight_bits=4, n_steps=12),
    "maps": multi_spike(4, "6x5x2-4C3p1-7-3", leak_shift=0, weight_bits=2, n_steps=12),
    "leak, bias": multi_spike(
        5,
        "3x4-9-4",
        leak_shift=2,
        weight_bits=4,
        n_steps=12,
        neuron={"fraction_bits": 12, "bias_bits": 15},
    ),
}


def snntorch_net(path):
    """As its own import makes it. Its import warns of its dependencies' age."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from snntorch.import_nir import import_from_nir

        return import_from_nir(nir.read(path))


@pytest.mark.train
@pytest.mark.parametrize("name", NETWORKS)
def test_snntorch_fires_as_golden_does(tmp_path, name):
    params_file.save(NETWORKS[name], tmp_path / "m/params.safetensors")
    flow.export_nir(ModelFolder(tmp_path / "m"), tmp_path / "x.nir", "snntorch")
    data = nir.read_data(str(tmp_path / "x.spikes.nir"))
    spikes = {
        node: found.observables["spikes"].to_time_gridded(_DT).data
        for node, found in data.nodes.items()
    }
    inputs, outputs = spikes.pop("input"), spikes[max(spikes, key=int)]
    shape = next(iter(nir.read(tmp_path / "x.nir").nodes["input"].input_type.values()))
    n, n_steps = outputs.shape[:2]
    currents = torch.tensor(inputs.reshape(n, n_steps, *shape).astype(np.float32))
    n_equal = 0
    for sample in range(n):
        net, state = snntorch_net(tmp_path / "x.nir"), None
        for step in range(n_steps):
            # One at a time: NIR's Flatten counts axes without the batch, and snnTorch with it.
            fired, state = net(currents[sample, step], state)
            fired = fired[0] if isinstance(fired, tuple) else fired
            n_equal += int((fired.detach().numpy() == outputs[sample, step]).sum())
    assert outputs.any()
    assert n_equal == outputs.size
