"""From parameters to a bitstream: with stand-in tools all that can go wrong, with real ones a
small network down to its bitstream and the netlist behind the pins."""

import dataclasses
import json
from pathlib import Path

import pytest
from reporters import Heard
from samples import random_network, random_params, random_spike_times
from stand_ins import hide_tools, needs, put_tools, script
from tool_output import ICE40_CELLS, ICE40_REPORT

from hwgen.boards import board
from hwgen.build import synthesis
from hwgen.build.synthesis import PHASES, SynthResult
from hwgen.build.utilisation import Usage
from hwgen.errors import BoardError, MismatchError, ToolError
from hwgen.estimate import memories
from hwgen.estimate.design import for_board
from hwgen.hdl.core import SpikeCore
from hwgen.hdl.top import BoardTop
from hwgen.network.design import Design
from hwgen.network.params import Params
from hwgen.verification import gate_level

ICEBREAKER, ULX3S = board.load("icebreaker"), board.load("ulx3s_25f")
TANG = board.load("tang_nano_9k")


# The flow, with stand-ins for the tools.


@pytest.fixture
def no_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return hide_tools(tmp_path, monkeypatch)


@pytest.fixture
def stand_ins(no_tools: Path) -> Path:
    """Tools that write what the real ones wrote, kept beside them in files a test can change."""
    put_tools(no_tools)
    script(no_tools / "icepack", "pathlib.Path(sys.argv[2]).write_text('bits')")
    return no_tools


def build(folder: Path, params: Params | None = None, **changes) -> SynthResult:
    return synthesis.build(
        for_board(params or random_params(0), ICEBREAKER),
        ICEBREAKER,
        build_dir=folder / "build",
        **changes,
    )


def test_the_phases_in_order_and_the_result(stand_ins: Path, tmp_path: Path) -> None:
    heard = Heard()
    result = build(tmp_path, reporter=heard)
    assert tuple(heard.phases) == PHASES
    assert result.bitstream.read_text() == "bits"
    # 9 neurons take two blocks with 8 lanes, and with 5.
    assert (result.lanes, result.divisor, result.early_exit) == ((5, 4), 12, False)
    assert (result.fmax_hz, result.clock_hz) == (25_180_036, 12_000_000)
    table = json.loads(json.dumps(result.to_json()))
    assert table["luts"] == {"used": 1670, "capacity": 5280}
    assert table["digest"] == random_params(0).digest


def test_what_does_not_fit_is_not_routed(stand_ins: Path, tmp_path: Path) -> None:
    cells = json.loads(ICE40_CELLS)
    cells["design"]["num_cells_by_type"] |= {"SB_LUT4": 6203, "SB_RAM40_4K": 37}
    (stand_ins / "cells").write_text(json.dumps(cells))
    heard = Heard()
    with pytest.raises(BoardError) as caught:
        build(tmp_path, reporter=heard)
    assert str(caught.value) == (
        "icebreaker: 12-9-4 does not fit: 6203 of 5280 LUTs, 37 of 30 block RAMs; "
        "use fewer lanes, a smaller network, or a larger board"
    )
    assert tuple(heard.phases) == PHASES[:2]


def test_a_placer_without_room_blames_the_design(stand_ins: Path, tmp_path: Path) -> None:
    script(
        stand_ins / "nextpnr-ice40",
        "sys.exit('ERROR: Unable to place cell \\'x\\', no BELs remaining')",
    )
    with pytest.raises(BoardError, match=r"^icebreaker: 12-9-4 cannot be placed: 1231 of 5280 "):
        build(tmp_path)


def test_a_clock_out_of_reach(stand_ins: Path, tmp_path: Path) -> None:
    (stand_ins / "report").write_text(ICE40_REPORT.replace("25.18", "11.18"))
    with pytest.raises(BoardError) as caught:
        build(tmp_path)
    assert str(caught.value) == (
        "icebreaker: 12-9-4 is routed, but reaches 11.2 MHz only, and the board's clock is "
        f"12 MHz; use fewer lanes or more seeds (--seeds), see {tmp_path}/build/top.tim"
    )


def test_a_clock_of_a_pll(stand_ins: Path, tmp_path: Path) -> None:
    result = build(tmp_path, clock_hz=24_010_000)  # as near as 24 MHz can be
    assert (result.clock_hz, result.divisor) == (24_000_000, 24)
    assert "SB_PLL40_PAD" in (tmp_path / "build" / "top.il").read_text()
    with pytest.raises(BoardError) as caught:
        build(tmp_path, clock_hz=36_000_000)
    assert str(caught.value) == (
        "icebreaker: 12-9-4 is routed, but reaches 25.2 MHz only, and the PLL's clock is 36 MHz; "
        f"use a slower clock, fewer lanes or more seeds (--seeds), see {tmp_path}/build/top.tim"
    )
    result = build(tmp_path, clock_hz=12_000_000)  # the board's own needs none
    assert (result.clock_hz, result.divisor) == (12_000_000, 12)
    assert "SB_PLL40" not in (tmp_path / "build" / "top.il").read_text()


@pytest.mark.parametrize(
    ("name", "tools"),
    [
        ("orangecrab_r0_2", ["yosys", "nextpnr-ecp5", "ecppack"]),  # no `dfu-suffix`
        ("tang_nano_9k", ["yosys", "nextpnr-himbaechel", "gowin_pack"]),
    ],
)
def test_no_programmer_is_needed(name: str, tools: list[str], tmp_path: Path) -> None:
    target = board.load(name)
    top = BoardTop(SpikeCore(Design(random_params(0), (5, 4))), target)
    commands = synthesis._prepare(top, target, tmp_path, 50_000_000)
    assert [command[0] for command in commands] == tools
    # Gowin's clock is in no file.
    assert ("--freq" in commands[1]) == (target.family == "gowin")
    if target.family == "gowin":
        assert commands[1][commands[1].index("--freq") + 1] == "50"


def test_no_report_and_no_bitstream(stand_ins: Path, tmp_path: Path) -> None:
    script(stand_ins / "icepack", "")
    with pytest.raises(ToolError, match=r"^.*/top\.bin: not written by icepack, though"):
        build(tmp_path)
    script(stand_ins / "nextpnr-ice40", "")  # the report of the first run must not count
    with pytest.raises(ToolError, match=r"^.*/top\.report\.json: not written; nextpnr with"):
        build(tmp_path)


def test_a_failing_yosys_names_both_logs(stand_ins: Path, tmp_path: Path) -> None:
    script(
        stand_ins / "yosys",
        "if '-V' in sys.argv: print('Yosys 0.70'); sys.exit()\n"
        "pathlib.Path('top.rpt').write_text(''); sys.exit('ERROR: bad')",
    )
    folder = tmp_path / "build"
    with pytest.raises(ToolError) as caught:
        build(tmp_path)
    assert str(caught.value) == (
        f"yosys failed with status 1: ERROR: bad; see {folder}/yosys.log and {folder}/top.rpt"
    )


def test_too_many_weights_and_classes_need_no_tool(no_tools: Path, tmp_path: Path) -> None:
    with pytest.raises(BoardError, match=r"^icebreaker: 784-2000-10 does not fit: its weights are"):
        build(tmp_path, random_params(0, (784, 2000, 10)))
    with pytest.raises(BoardError, match=r"^icebreaker: 129 classes, but a serial answer has room"):
        build(tmp_path, random_params(0, (8, 129)))


# The real thing. One build a family serves several tests.

FAMILIES = {
    "icebreaker": (ICEBREAKER, ("yosys", "nextpnr-ice40", "icepack"), (8, 4)),
    "ulx3s_25f": (ULX3S, ("yosys", "nextpnr-ecp5", "ecppack"), (8, 4)),
    "tang_nano_9k": (TANG, ("yosys", "nextpnr-himbaechel", "gowin_pack"), (8, 4)),
}


@pytest.fixture(scope="module")
def params() -> Params:
    return random_params(5, (64, 48, 4), uniform=True)


PICTURE_LANES = (2, 1, 3, 4)


@pytest.fixture(scope="module")
def pictures() -> Params:
    return random_network(
        3, "8x7-4C3p1-P2-6-4", psp="triangle/ramp/step", tau_steps=2, weight_bits=3
    )


@pytest.fixture(scope="module", params=FAMILIES)
def built(request, params: Params, tmp_path_factory) -> SynthResult:
    target, names, lanes = FAMILIES[request.param]
    needs(*names)
    folder = tmp_path_factory.mktemp(request.param)
    return synthesis.build(for_board(params, target, lanes), target, build_dir=folder, divisor=4)


@pytest.mark.synth
def test_a_real_build(built: SynthResult, params: Params) -> None:
    size = {"icebreaker": 104_090, "ulx3s_25f": 100_000, "tang_nano_9k": 3_500_000}[built.board]
    assert built.bitstream.stat().st_size >= size
    assert built.fmax_hz > built.clock_hz
    assert 200 < built.luts.used < 3000
    assert 100 < built.ffs.used < 2000
    # weights of layer 0, words of the line
    estimate = memories.memory_blocks(
        for_board(params, FAMILIES[built.board][0], built.lanes), FAMILIES[built.board][0]
    )
    assert built.brams.used == sum(estimate) + 1 >= 2
    assert (built.sprams.used, built.dsps.used) == (0, 0)
    cells = json.loads((built.netlist.parent / "top.stat.json").read_text())
    kinds = cells["design"]["num_cells_by_type"]
    assert not [kind for kind in kinds if "LATCH" in kind.upper() or "DLAT" in kind.upper()]


@pytest.mark.synth
def test_no_path_of_this_machine_is_in_the_design(built: SynthResult) -> None:
    source = str(Path(synthesis.__file__).parent)
    for path in (built.netlist.parent / "top.il", built.netlist):
        assert source not in path.read_text()


@pytest.mark.synth
@pytest.mark.cosim
def test_the_netlist_equals_golden(built: SynthResult, params: Params, tmp_path: Path) -> None:
    needs("iverilog")
    target = FAMILIES[built.board][0]
    inputs = random_spike_times(3, 3, params)
    result = gate_level.run_netlist(params, inputs, built=built, board=target, job_dir=tmp_path)
    assert (result.level, result.n_samples) == ("netlist", 3)
    # Three decisions of three parts, six registers, two more. (The ID is asked for, too.)
    assert result.n_compared == 9 + 6 + 2


@pytest.mark.synth
@pytest.mark.cosim
def test_the_bitstream_equals_golden(built: SynthResult, params: Params, tmp_path: Path) -> None:
    inputs = random_spike_times(7, 3, params)
    if built.board != "icebreaker":
        target = FAMILIES[built.board][0]
        with pytest.raises(ToolError, match=r"^gatesim: a bitstream for .* cannot be read back"):
            gate_level.run_bitstream(params, inputs, built=built, board=target, job_dir=tmp_path)
        return
    needs("iverilog", "iceunpack", "icebox_vlog")
    result = gate_level.run_bitstream(
        params, inputs, built=built, board=ICEBREAKER, job_dir=tmp_path
    )
    assert (result.level, result.n_samples, result.n_compared) == ("bitstream", 3, 17)


@pytest.mark.synth
@pytest.mark.cosim
def test_a_flipped_weight_bit_in_the_netlist_is_caught(
    built: SynthResult, params: Params, tmp_path: Path
) -> None:
    needs("iverilog")
    target = FAMILIES[built.board][0]
    netlist = json.loads(built.netlist.read_text())
    cells = netlist["modules"]["top"]["cells"]
    first = {"ice40": "INIT_0", "ecp5": "INITVAL_00", "gowin": "INIT_RAM_00"}[target.family]
    (memory,) = [name for name in cells if "layer_0.weights.0.0" in name]
    values = cells[memory]["parameters"]
    flipped = {"0": "1", "1": "0"}
    values[first] = "".join(flipped.get(bit, bit) for bit in values[first])
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps(netlist))
    with pytest.raises(MismatchError, match=r"^(label|step|SPIKES|SYNAPTIC_OPS) differs: sample "):
        gate_level.run_netlist(
            params,
            random_spike_times(3, 3, params),
            built=dataclasses.replace(built, netlist=wrong),
            board=target,
            job_dir=tmp_path,
        )


@pytest.mark.synth
@pytest.mark.cosim
def test_the_netlist_behind_a_pll_equals_golden(params: Params, tmp_path: Path) -> None:
    """The reset waits for its lock, which a model gives; the clock of the model is the board's."""
    needs("yosys", "nextpnr-ice40", "icepack", "iverilog")
    built = synthesis.build(
        for_board(params, ICEBREAKER, (8, 4)),
        ICEBREAKER,
        build_dir=tmp_path,
        divisor=4,
        clock_hz=18_000_000,
    )
    assert built.clock_hz == 18_000_000 < built.fmax_hz
    report = json.loads((tmp_path / "top.report.json").read_text())
    (clock,) = report["fmax"].values()
    assert clock["constraint"] == pytest.approx(18, abs=0.01)  # nextpnr's own figure of the PLL
    inputs = random_spike_times(3, 2, params)
    result = gate_level.run_netlist(
        params, inputs, built=built, board=ICEBREAKER, job_dir=tmp_path / "job"
    )
    assert result.n_compared == 6 + 6 + 2


@pytest.mark.synth
@pytest.mark.cosim
def test_the_netlist_of_pictures_equals_golden(pictures: Params, tmp_path: Path) -> None:
    """All kinds of layers and of postsynaptic potentials, through the tools."""
    needs("yosys", "nextpnr-ice40", "icepack", "iverilog")
    built = synthesis.build(
        for_board(pictures, ICEBREAKER, PICTURE_LANES), ICEBREAKER, build_dir=tmp_path, divisor=4
    )
    estimate = memories.memory_blocks(for_board(pictures, ICEBREAKER, PICTURE_LANES), ICEBREAKER)
    assert built.brams.used == sum(estimate) + 1
    inputs = random_spike_times(5, 2, pictures)
    result = gate_level.run_netlist(
        pictures, inputs, built=built, board=ICEBREAKER, job_dir=tmp_path / "job"
    )
    assert result.n_compared == 6 + 6 + 2


@pytest.mark.cosim
def test_the_rtl_of_pictures_equals_golden(pictures: Params, tmp_path: Path) -> None:
    needs("iverilog")
    inputs = random_spike_times(5, 3, pictures)
    result = gate_level.run_rtl(pictures, inputs, lanes=PICTURE_LANES, job_dir=tmp_path)
    assert result.n_compared == 17


def test_a_netlist_of_other_params_is_refused(params: Params, tmp_path: Path) -> None:
    other = random_params(6, (64, 48, 4))
    none = Usage(0, 0)
    built = SynthResult(
        digest=other.digest, board="", part="", lanes=(), early_exit=False, divisor=4,
        bitstream=tmp_path / "top.bin", netlist=tmp_path / "top.json", log=tmp_path,
        luts=none, ffs=none, brams=none, sprams=none, dsps=none, fmax_hz=0, clock_hz=0, seed=1,
        seconds=0.0,
    )  # fmt: skip
    inputs = random_spike_times(3, 1, params)
    with pytest.raises(MismatchError, match=r"^.*/top\.bin: built from params '.*', expected '"):
        gate_level.run_netlist(params, inputs, built=built, board=ICEBREAKER, job_dir=tmp_path)


@pytest.mark.cosim
@pytest.mark.parametrize(("early_exit", "divisor", "n_compared"), [(False, 5, 17), (True, 4, 14)])
def test_the_rtl_equals_golden(
    params: Params, tmp_path: Path, early_exit: bool, divisor: int, n_compared: int
) -> None:
    needs("iverilog")
    inputs = random_spike_times(4, 3, params)
    result = gate_level.run_rtl(
        params, inputs, lanes=(7, 4), job_dir=tmp_path, divisor=divisor, early_exit=early_exit
    )
    assert (result.level, result.n_compared) == ("rtl", n_compared)


def test_no_samples_is_no_verdict(params: Params, tmp_path: Path) -> None:
    inputs = random_spike_times(4, 0, params)
    with pytest.raises(ToolError, match=r"^gatesim: no samples given: nothing would be compared"):
        gate_level.run_rtl(params, inputs, lanes=(7, 4), job_dir=tmp_path)
