"""The Verilog text: the same every time, nothing of this machine in it, clean under lint."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import samples
from samples import learning_params, random_network, random_params

import hwgen
from hwgen.hdl.verilog import to_verilog
from hwgen.network.design import Design
from hwgen.toolchain.simulator import verilator_wrapper

# Reasons: docs/architecture.md, "Verilog".
WAIVERS = [
    "CASEINCOMPLETE",
    "DECLFILENAME",
    "PROCASSINIT",
    "UNUSEDSIGNAL",
    "WIDTHEXPAND",
    "WIDTHTRUNC",
]
WAIVERS_OF_LEARNING = ["ASCRANGE", "CMPCONST"]


def dense_text():
    return to_verilog(Design(random_params(3, (12, 9, 4), 4), (4, 4)))


def picture_text():
    params = random_network(3, "9x9-5C3-P2-4C2-7-4", psp="step/triangle/ramp/ramp", tau_steps=2)
    return to_verilog(Design(params, (2, 1, 4, 3, 4)))


@pytest.fixture(scope="module", params=[dense_text, picture_text])
def text(request):
    return request.param()


def test_header():
    params, text = random_params(3, (12, 9, 4), 4), dense_text()
    assert text.splitlines()[:4] == [
        "// hwgen_core: random, 12-9-4, 6 steps",
        f"// params {params.digest}",
        "// lanes 4 4",
        f"// hwgen {hwgen.__version__}",
    ]


@pytest.mark.parametrize("make", [dense_text, picture_text])
def test_same_text_whatever_the_hash_seed(make):
    script = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "import test_verilog\n"
        f"print(test_verilog.{make.__name__}(), end='')"
    )
    text = make()
    for seed in ("0", "1"):
        again = subprocess.run(
            [sys.executable, "-c", script, Path(__file__).parent, Path(samples.__file__).parent],
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
    if "layer_2" in instances:
        assert {"unflatten_0", "replay_2", "flatten_3", "walk", "neurons"} <= set(instances)


def test_no_latch_no_multiplier(text):
    assert "always @(posedge clk)" in text
    assert "$signed" in text
    multiplications = re.findall(r"^ *assign .* \* .*$", text, re.MULTILINE)
    # `lane * width` selects a potential: one factor is a constant, the product an address of bits
    assert all(re.search(r"\* \d+'h\w+;$", line) for line in multiplications), multiplications
    assert "latch" not in text.lower()


@pytest.mark.cosim
def test_lint(text, tmp_path):
    assert warnings(text, WAIVERS, tmp_path) == (0, "")


@pytest.mark.cosim
@pytest.mark.parametrize(("spram", "shadow_bits"), [(False, 8), (True, 10)])
def test_lint_of_a_core_that_learns(spram, shadow_bits, tmp_path):
    params = learning_params("phased/ramp", 4, "1x4-3-3", shadow_bits=shadow_bits)
    design = Design(params, (2, 3))
    text = to_verilog(design.all_loaded() if spram else design)
    assert warnings(text, [*WAIVERS, *WAIVERS_OF_LEARNING], tmp_path) == (0, "")


def warnings(text, waivers, tmp_path):
    (tmp_path / "core.v").write_text(text)
    command = [str(verilator_wrapper(tmp_path)), "--lint-only", "-Wall"]
    command += [f"-Wno-{name}" for name in waivers]
    done = subprocess.run(
        [*command, "--top-module", "hwgen_core", "core.v"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr
