"""Commands as a shell sees them, and folders of models to give them."""

import dataclasses
import json
import subprocess
import sys

from hwgen.conformance.make_vectors import make_vectors
from hwgen.data import datasets
from hwgen.model.vectors import save as save_vectors
from hwgen.network import params_file
from hwgen.network.spec import InputSpec


def hwgen_command(*arguments, cwd):
    """A real process: what a shell sees."""
    return subprocess.run(
        [sys.executable, "-m", "hwgen", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def model_folder(path, params):
    """A model folder with this network, made to take 8x8 digits, and its vectors."""
    spec = dataclasses.replace(params.spec, input=InputSpec(height=8, width=8, x_max=16))
    provenance = {"data": {"name": "digits"}, "seed": 0, "accuracy": {"golden, test": 0.1}}
    params = dataclasses.replace(params, spec=spec, provenance=provenance)
    params_file.save(params, path / "params.safetensors")
    save_vectors(
        make_vectors(params, datasets.load("digits", "test")), path / "vectors.safetensors"
    )
    return path


def run_json(*arguments, cwd):
    done = hwgen_command(*arguments, "--json", cwd=cwd)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
