"""The wheel, installed in an empty environment, in a folder full of traps."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from samples import random_params

from hwgen.network import params_file

ROOT = Path(__file__).resolve().parents[2]
TRAP = "raise SystemExit('a file of the current folder was imported')\n"


def run(*command, cwd, **environment):
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.cosim
def test_wheel(tmp_path):
    run(
        *(sys.executable, "-m", "build", "--wheel", "--no-isolation"),
        *("--outdir", tmp_path / "dist", ROOT),
        cwd=tmp_path,
    )
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    quiet = ("install", "--quiet", "--disable-pip-version-check")
    run(python, "-m", "pip", *quiet, "-c", ROOT / "requirements.txt", f"{wheel}[sim]", cwd=tmp_path)

    hostile = tmp_path / "hostile"
    for name in ("models", "boards", "sim", "conformance"):
        (hostile / name).mkdir(parents=True)
        for file in ("__init__.py", "tb_core.py", "scoreboard.py"):
            (hostile / name / file).write_text(TRAP)
    params_file.save(random_params(1, (12, 9, 4)), hostile / "mine" / "params.safetensors")
    command = tmp_path / "venv" / "bin" / "hwgen"
    boards = json.loads(run(command, "boards", "--json", cwd=hostile))
    assert "icebreaker" in {board["name"] for board in boards}
    models = json.loads(run(command, "models", "--json", cwd=hostile))
    assert "digits" in {model["name"] for model in models}
    vectors = json.loads(run(command, "vectors", "list", "--json", cwd=hostile))
    assert {"ties", "mnist-binary"} <= {entry["name"] for entry in vectors}
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path; from samples import *\n"
        "from hwgen.network import params_file; from hwgen.verification import cosim\n"
        "from hwgen.network.design import Design; from hwgen.verification.job import Job\n"
        "p = params_file.load(Path('mine/params.safetensors'))\n"
        "inputs, design = random_spike_times(1, 3, p), Design(p, (4, 4))\n"
        "r = cosim.run(Job(design=design, inputs=inputs, build_dir=Path('b')))\n"
        "r.check(); print(r.n_compared, cosim.__file__)"
    )
    out = run(python, "-P", "-c", script, ROOT / "tests" / "helpers", cwd=hostile)
    n_compared, where = out.split()
    assert int(n_compared) > 3 * 13
    assert where.startswith(str(tmp_path / "venv"))
