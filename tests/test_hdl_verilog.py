"""The Verilog text: the same every time, nothing of this machine in it, clean under lint."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from samples import random_params

import hwgen
from hwgen.hdl.verilog import to_verilog
from hwgen.simulate import verilator_wrapper

# Reasons: docs/architecture.md, "Verilog".
WAIVERS = [
    "CASEINCOMPLETE",
    "DECLFILENAME",
    "PROCASSINIT",
    "UNUSEDSIGNAL",
    "WIDTHEXPAND",
    "WIDTHTRUNC",
]


@pytest.fixture(scope="module")
def text():
    return to_verilog(random_params(3, (12, 9, 4), 4), (4, 4))


def test_header(text):
    params = random_params(3, (12, 9, 4), 4)
    assert text.splitlines()[:4] == [
        "// hwgen_core: random, 12-9-4, 6 steps",
        f"// params {params.digest}",
        "// lanes 4 4",
        f"// hwgen {hwgen.__version__}",
    ]


def test_same_text_whatever_the_hash_seed(text):
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from samples import random_params; from hwgen.hdl.verilog import to_verilog\n"
        "print(to_verilog(random_params(3, (12, 9, 4), 4), (4, 4)), end='')"
    )
    for seed in ("0", "1"):
        again = subprocess.run(
            [sys.executable, "-c", script, str(Path(__file__).parent)],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert again == text


def test_nothing_of_this_machine(text):
    assert str(Path(hwgen.__file__).parent) not in text
    assert "/" not in re.sub(r"//.*|/\*.*?\*/", "", text)
    assert ".py" not in text


def test_every_submodule_is_named(text):
    names = re.findall(r"^module ([^\s(]+)", text, re.MULTILINE)
    assert "hwgen_core" in names
    assert not [name for name in names if re.search(r"U\$|\$\d", name)]
    instances = re.findall(r"^  \\?hwgen_core\S* +(\S+) \(", text, re.MULTILINE)
    assert {"gate", "layer_0", "layer_1", "readout", "registers", "serializer"} <= set(instances)


def test_no_latch_no_multiplier(text):
    assert "always @(posedge clk)" in text
    assert "$signed" in text
    multiplications = re.findall(r"^ *assign .* \* .*$", text, re.MULTILINE)
    # `lane * width` selects a potential: one factor is a constant, the product an address of bits
    assert all(re.search(r"\* \d+'h\w+;$", line) for line in multiplications), multiplications
    assert "latch" not in text.lower()


@pytest.mark.cosim
def test_lint(text, tmp_path):
    (tmp_path / "core.v").write_text(text)
    command = [str(verilator_wrapper(tmp_path)), "--lint-only", "-Wall"]
    command += [f"-Wno-{name}" for name in WAIVERS]
    done = subprocess.run(
        [*command, "--top-module", "hwgen_core", "core.v"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
