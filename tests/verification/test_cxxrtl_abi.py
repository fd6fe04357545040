"""What Python and the compiled bench share: a library with other structures is refused."""

from dataclasses import replace

import pytest
from cores import build
from samples import random_params
from stand_ins import needs

from hwgen.errors import ToolError
from hwgen.toolchain import cxxrtl
from hwgen.verification import cxxrtl_abi
from hwgen.verification.cxxrtl_abi import HEADER, header

pytestmark = pytest.mark.synth
LANES = (4, 3)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    needs("yosys", "g++")
    return tmp_path_factory.mktemp("cxxrtl")


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    """What is compiled here never runs."""
    flags = tuple(flag.replace("-O3", "-O0") for flag in cxxrtl._FLAGS)
    monkeypatch.setattr(cxxrtl, "_FLAGS", flags)


def of_text(old, new):
    text = header()
    assert text.count(old) == 1
    return text.replace(old, new)


def other_order():
    """The text only: what it says of itself is that of the right one."""
    steps, bits = "    int64_t n_steps;\n", "    int64_t label_bits;\n"
    return of_text(steps + bits, bits + steps)


def other_size():
    return of_text("    int64_t multi_spike;", "    int32_t multi_spike[4];")


def other_table(monkeypatch):
    first, *rest = cxxrtl_abi.JOB
    swapped = replace(first, names="n_inputs n n_steps label_bits")
    other = cxxrtl_abi.TABLES | {"Job": ([swapped, *rest], cxxrtl_abi.SessionJob)}
    with monkeypatch.context() as patch:
        patch.setattr(cxxrtl_abi, "TABLES", other)
        return header()


@pytest.mark.parametrize(
    ("plant", "message"),
    [
        (other_order, r"core\.so: Job\.n_steps is 24 in C\+\+, 16 here; remove it$"),
        (other_size, r"core\.so: Job\.size is \d+ in C\+\+, \d+ here; remove it$"),
        (other_table, r"core\.so: made with structures \w{32}, but these are \w{32}; remove it$"),
    ],
)
def test_other_structures_are_refused(cache, monkeypatch, plant, message):
    text = plant(monkeypatch) if plant is other_table else plant()
    net = random_params(3, (12, 9, 4), 4)
    with pytest.raises(ToolError, match=message):
        build(net, LANES, cache, bench={HEADER: text})
