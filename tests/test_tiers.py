"""The quick tier has a test of every rung, and slow.txt names tests that there are."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import named

ROOT = Path(__file__).resolve().parents[1]
# Some test of each must be in `make test`.
RUNGS = {
    "words and arithmetic": r"tests/protocol/",
    "blocks of the core": r"tests/hdl/test_blocks",
    "core against golden": r"tests/hdl/test_core",
    "cosim": r"tests/verification/test_cosim",
    "verify": r"tests/verification/test_verify",
    "learning": r"tests/verification/test_\w+_learning",
    "place and route": r"tests/build/test_synthesis.*(real_build|netlist)",
    "proof, streams": r"tests/formal/test_proofs.py::test_proof\[readout\]",
    "proof, neurons": r"tests/formal/test_proofs.py::test_proof\[conv, ",
    "proof, multi-spike": r"tests/formal/test_proofs.py::test_proof\[spike count\]",
    "proof, progress": r"tests/formal/test_proofs.py::test_proof\[progress, ",
    "proof, arithmetic": r"tests/formal/test_proofs.py::test_proof\[errors of outputs\]",
    "proof with a fault": r"tests/formal/test_proofs.py::test_proof\[.*fault",
    "mutant": r"tests/mutation/test_mutate",
    "training equals golden": r"tests/training/",
    "bad input": r"tests/robustness/test_fuzz",
    "kills": r"tests/robustness/test_killed",
    "host and board": r"tests/host/test_device",
    "second implementation": r"tests/conformance/test_second_implementation",
    "browser": r"tests/report/test_page",
}


@pytest.fixture(scope="module")
def everything() -> list[str]:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "tests"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return [line for line in done.stdout.splitlines() if line.startswith("tests/")]


def test_each_line_names_a_test(everything: list[str]) -> None:
    slow, quick = named()
    assert [p for p in slow if not any(t.startswith(p) for t in everything)] == []
    assert [name for name in quick if name not in everything or not name.startswith(slow)] == []


def test_each_rung_is_in_the_quick_tier(everything: list[str]) -> None:
    slow, kept = named()
    quick = [test for test in everything if not test.startswith(slow) or test in kept]
    missing = [rung for rung, where in RUNGS.items() if not any(re.match(where, t) for t in quick)]
    assert missing == []
