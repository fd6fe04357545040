"""Cores with a bus: the benches against golden, planted faults, and the files for SoC builders."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest
import yaml
from direct_nets import direct, random_planes
from formal.planted import Fault, planted
from multi_spike_nets import multi_spike
from samples import learning_params, random_network, random_params, random_spike_times
from typer.testing import CliRunner

from hwgen.build import ip_core
from hwgen.cli import app
from hwgen.files import save_array
from hwgen.hdl.verilog import soc_verilog
from hwgen.network import params_file
from hwgen.network.design import Design
from hwgen.package_data import package_data
from hwgen.protocol import register_map, words
from hwgen.toolchain.simulator import run_bench, verilator_wrapper

BUSES = register_map.BUSES


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(register_map, "PATIENCE", 300)  # else the benches wait for long


def dense():
    params = random_params(3)
    return params, (4, 4), random_spike_times(3, 6, params), None


def pictures():
    params = random_network(3, "6x6-3C3-P2-4", psp="step/ramp")
    return params, (3, 1, 4), random_spike_times(3, 4, params), None


def learning(spram=True):
    bits = 10 if spram else 8
    params = learning_params("phased/ramp", 4, "1x4-3-3", shadow_bits=bits)
    return params, (2, 3), random_spike_times(3, 6, params), [0, 1, -1, 2, 1, 0]


def values():
    params = direct(multi_spike(3, "3x3x3-2C2-4", weight_bits=2, n_steps=4), x_max=20)
    return params, (2, 4), random_planes(3, 5, params), None


def run(bus, make, folder, fault=None, stall=0.3):
    """What the bench of this bus says."""
    params, lanes, inputs, labels = make()
    with planted(fault):
        design = Design(params, lanes)
        text = soc_verilog(design.all_loaded() if labels is not None else design, bus)
    (folder / "top.v").write_text(text)
    (folder / "job.json").write_text(json.dumps({"lanes": lanes, "seed": 1, "stall": stall}))
    params_file.save(params, folder / "params.safetensors")
    save_array(folder / "inputs.npy", inputs)
    if labels is not None:
        save_array(folder / "labels.npy", np.array(labels, np.int64))
    sources = [folder / "top.v"]
    return run_bench(f"tb_{bus}", top=register_map.TOPS[bus], sources=sources, job_dir=folder)


@pytest.mark.cosim
@pytest.mark.parametrize("make", [dense, pictures, learning, values])
@pytest.mark.parametrize("bus", BUSES)
def test_a_core_with_a_bus_equals_golden(bus, make, tmp_path):
    result = run(bus, make, tmp_path, stall=0.0 if make is pictures else 0.3)
    assert result["mismatch"] is None
    assert result["n_compared"] > 1000


AXI = [
    ("bus/axi", "words.reg_addr.eq(address)", "words.reg_addr.eq(address ^ 1)", "ID0"),
    ("bus/axi", "Mux(valid, ~ready, source.valid)", "Mux(valid, 0, source.valid)", "m_axis_t"),
    ("bus/axi", "s_axis_tready.eq(words.tokens.ready & ~resetting)", "s_axis_tready.eq(1)", ""),
    ("bus/axi", "self.s_axil_wstrb.all()", "self.s_axil_wstrb.any()", "response to 1 bytes"),
    ("bus/axi", "_words.reset.eq(resets)", "_words.reset.eq(0)", "SAMPLES"),
    ("bus/axi", "m.If(~words.reset & ~waits)", "m.If(~words.reset)", "reset goes on"),
    ("bus/axi", "~self.s_axil_rvalid & ~words.reset", "~self.s_axil_rvalid", "ID0 during a reset"),
    ("bus/axi", "awready.eq(takes)", "awready.eq(takes & self.s_axil_wvalid)", "edges"),
    (
        "bus/words",
        "core.early_exit.eq(self.early_exit)",
        "core.early_exit.eq(0)",
        "early exit leaves",
    ),
    ("bus/words", "index[len(token.index) :].any()", "0", "DROPPED"),
]
WISHBONE = [
    ("bus/wishbone", "m.If(free[address])", "m.If(self.wb_we_i)", "core.i"),  # an ACK too early
    ("bus/wishbone", "self.wb_sel_i.all()", "self.wb_sel_i.any()", "response to 1 bytes"),
    (
        "bus/wishbone",
        "words.reset.eq(self.wb_dat_i[register_map.RESET_BIT])",
        "words.reset.eq(0)",
        "",
    ),
    ("bus/wishbone", "self.wb_cyc_i & self.wb_stb_i &", "self.wb_stb_i &", ""),
    ("bus/wishbone", "words.results.ready.eq(1)", "words.results.ready.eq(0)", ""),
    ("bus/wishbone", "m.If(target.ready | reset)", "m.If(target.ready)", "EVENTS"),
]


@pytest.mark.cosim
@pytest.mark.parametrize(
    ("bus", "fault"),
    [("axi", fault) for fault in AXI] + [("wishbone", fault) for fault in WISHBONE],
    ids=lambda value: value if isinstance(value, str) else f"{value[1][:40]} -> {value[2][:20]}",
)
def test_planted_faults_are_found(bus, fault, tmp_path):
    module, old, new, what = fault
    make = learning if "target" in old or "free" in old else dense
    found = run(bus, make, tmp_path, Fault(module, old, new))["mismatch"]
    assert found is not None
    assert what in found["what"]


@pytest.mark.cosim
@pytest.mark.parametrize("bus", BUSES)
def test_lint(bus, tmp_path):
    params, lanes, _, _ = learning(spram=False)
    (tmp_path / "top.v").write_text(soc_verilog(Design(params, lanes), bus))
    command = [str(verilator_wrapper(tmp_path)), "--lint-only", "-Wall"]
    command += [f"-Wno-{name}" for name in ip_core.WAIVERS]
    done = subprocess.run(
        [*command, "--top-module", register_map.TOPS[bus], "top.v"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("bus", BUSES)
@pytest.mark.parametrize("learns", [False, True])
def test_a_map_has_room_for_all(bus, learns):
    places = register_map.register_map(bus, learns=learns, fills=learns)
    addresses = [place.address for place in places]
    assert addresses == sorted(set(addresses))
    assert max(addresses) < 1 << register_map.ADDRESS_BITS
    assert [a for a in addresses if a < register_map.CONTROL] == [4 * r for r in words.Register]
    assert {place.name for place in places} >= {"CONTROL", *words.Register.__members__}
    assert ("FILL" in {place.name for place in places}) == (learns and bus == "wishbone")


def command(*arguments):
    return CliRunner().invoke(app, ["verilog", *map(str, arguments)])


@pytest.fixture
def model(tmp_path):
    params_file.save(learning(spram=False)[0], tmp_path / "m" / "params.safetensors")
    return tmp_path / "m"


@pytest.mark.parametrize("bus", BUSES)
def test_files_for_a_system(bus, model, tmp_path):
    path = tmp_path / "my chip.v"
    result = command(model, "--wrapper", bus, "-o", path, "--json", "--lanes", "2,3")
    assert result.exit_code == 0
    written = json.loads(result.stdout)
    paths = [tmp_path / f"my chip.{ending}" for ending in ("v", "core", "h")]
    assert [written[key] for key in ("path", "core", "header")] == list(map(str, paths))
    verilog, core, header = (path.read_text() for path in paths)
    assert re.search(rf"^module {register_map.TOPS[bus]}\(", verilog, re.MULTILINE)
    assert written["digest"] in verilog
    first, rest = core.split("\n", 1)
    assert first == "CAPI=2:"
    read = yaml.safe_load(rest)
    assert re.fullmatch(r"hwgen:snn:random_\w+:\d+\.\d+\.\d+", read["name"])
    assert written["digest"] in read["description"]
    assert read["targets"]["default"] == {"filesets": ["rtl"], "toplevel": register_map.TOPS[bus]}
    options = read["targets"]["lint"]["flow_options"]
    assert options["verilator_options"] == [f"-Wno-{name}" for name in ip_core.WAIVERS]
    assert read["filesets"]["rtl"]["files"] == ["my chip.v"]
    for text in (verilog, core, header):
        assert str(tmp_path) not in text


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
@pytest.mark.parametrize("bus", BUSES)
def test_the_header_says_what_the_words_are(bus, tmp_path):
    params = learning()[0]
    design = Design(params, learning()[1]).all_loaded()
    (tmp_path / "core.h").write_text(ip_core.header_text(design, bus))
    training_sample, request = 0x8000 | 2 + 1, words.shadows_request(1, write=True)
    checks = {
        "HWGEN_SPIKE(3)": "3",
        "HWGEN_END_OF_STEP": "0x4000",
        "HWGEN_LESSON(2)": training_sample,
        "HWGEN_WRITE_SHADOWS(1)": request,
        "HWGEN_LABEL(0x8503u)": "5",
        "HWGEN_STEP(0x8503u)": "3",
        "HWGEN_BY_SPIKE(0x8503u)": "1",
        "HWGEN_CONTROL": register_map.CONTROL,
        "RANDOM_ID0": f"0x{params.digest[:8]}",
    }
    lines = ['#include "core.h"', '#include "core.h"', "int main(void) {"]
    lines += [f"if ({text} != {value}u) return 1;" for text, value in checks.items()]
    main = "\n".join([*lines, "return 0; }", ""])
    (tmp_path / "main.c").write_text(main)
    strict = ["-std=c99", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["cc", *strict, "main.c", "-o", "main"], cwd=tmp_path, check=True)
    assert subprocess.run([tmp_path / "main"], check=False).returncode == 0


def test_bad_input(model, tmp_path):
    for arguments, message in [
        (["--wrapper", "apb"], "--wrapper is 'apb', expected axi or wishbone"),
        (["--wrapper", "axi", "-o", "a.sv"], "--output is 'a.sv', expected a name that ends in .v"),
    ]:
        result = command(model, *arguments)
        assert str(result.exception) == message


def test_docs_have_the_map():
    """`docs/soc.md` lists what the wrappers have."""
    text = (package_data("models").parent / "docs" / "soc.md").read_text()
    for place in register_map.register_map("wishbone", learns=True, fills=True):
        assert f"| `0x{place.address:02X}` | {place.name} | {place.access} |" in text
