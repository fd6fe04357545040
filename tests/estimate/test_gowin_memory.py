"""Our models of Gowin's block memories, against bytes sliced by hand."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from stand_ins import needs

from hwgen.package_data import package_data

BENCH = """
module bench;
  reg clk = 0, we = 0;
  reg [13:0] a = 0, b = 0;
  reg [{high}:0] di = 0;
  wire [{high}:0] q;
  {model} #({widths}, {inits}) dut ({ports});
  task tick; begin #1 clk = 1; #1 clk = 0; end endtask
  integer n;
  initial begin
    for (n = 0; n < 16384; n = n + {stride}) begin
      {{a, b}} = {{2{{n[13:0]}}}}; tick; $display("%b", q);
    end
    we = 1; a = {write}; di = {value}; b = 16384 - {stride}; tick; $display("%b", q);
    b = {address}; di = ~di; tick; $display("%b", q);
    we = 0; a = b; tick; $display("%b", q);
  end
endmodule
"""
ADDRESS = 7 * 32  # of the word written
ONE = ".CLK(clk), .CE(1'b1), .OCE(1'b1), .RESET(1'b0), .WRE(we), .AD(a), .DI(di), .DO(q)"
SIMPLE = """.CLKA(clk), .CLKB(clk), .CEA(we), .CEB(1'b1), .OCE(1'b1), .RESETA(1'b0), .RESETB(1'b0),
  .ADA(a), .ADB(b), .DI(di), .DO(q)"""
TWO = """.CLKA(clk), .CLKB(clk), .CEA(we), .CEB(1'b1), .OCEA(1'b1), .OCEB(1'b1), .RESETA(1'b0),
  .RESETB(1'b0), .WREA(1'b1), .WREB(1'b0), .ADA(a), .ADB(b), .DIA(di), .DOB(q)"""
MODELS = {
    # bits of a byte and of the data ports, ports
    "SP": (8, 32, ONE),
    "SPX9": (9, 36, ONE),
    "SDPB": (8, 32, SIMPLE),
    "SDPX9B": (9, 36, SIMPLE),
    "DPB": (8, 16, TWO),
    "DPX9B": (9, 18, TWO),
}
# All widths of one port; of the others, which share its model, two each.
CASES = [
    *(("SP", width) for width in (1, 2, 4, 8, 16, 32)),
    *(("SPX9", width) for width in (9, 36)),
    *(("SDPB", width) for width in (4, 32)),
    *(("SDPX9B", width) for width in (18, 36)),
    *(("DPB", width) for width in (2, 16)),
    *(("DPX9B", width) for width in (9, 18)),
]


def bits_of(content: int, byte: int, width: int, n: int) -> int:
    """The n-th word of a memory that is one long number: words lie without gaps."""
    return content >> n * width & 2**width - 1


def bench(model: str, width: int, content: int, value: int, **changes: str) -> str:
    byte, port, ports = MODELS[model]
    stride = width if byte == 8 else width // 9 * 8
    one = model.startswith("SP")
    slices = (content >> 32 * byte * k & 2 ** (32 * byte) - 1 for k in range(64))
    return BENCH.format(
        model=model,
        high=port - 1,
        widths=f".BIT_WIDTH({width})" if one else f".BIT_WIDTH_0({width}), .BIT_WIDTH_1({width})",
        inits=", ".join(f".INIT_RAM_{k:02X}({32 * byte}'h{v:x})" for k, v in enumerate(slices)),
        ports=changes.get("ports", ports),
        stride=stride,
        address=ADDRESS,
        # The low bits of the address enable bytes.
        write=ADDRESS | {2: 3, 4: 15}.get(width // byte, 0),
        value=f"{port}'h{value:x}",
    )


def run(text: str, folder: Path) -> list[str]:
    (folder / "bench.v").write_text(text)
    program, model = folder / "bench.vvp", package_data("sim") / "gowin_memory.v"
    subprocess.run(["iverilog", "-g2005", "-o", program, folder / "bench.v", model], check=True)
    return subprocess.run([program], check=True, capture_output=True, text=True).stdout.split("\n")


@pytest.mark.cosim
@pytest.mark.parametrize(("model", "width"), CASES)
def test_initial_words_a_write_and_a_collision(model: str, width: int, tmp_path: Path) -> None:
    needs("iverilog")
    byte = MODELS[model][0]
    rng = np.random.default_rng(width)
    content = int.from_bytes(rng.bytes(256 * byte), "little")
    value = int(rng.integers(1, 2**width))
    lines = run(bench(model, width, content, value), tmp_path)
    *initial, last, clash, written = [line[-width:] for line in lines if line]
    expected = [bits_of(content, byte, width, n) for n in range(len(initial))]
    assert len(initial) == 2048 * byte // width
    assert [int(bits, 2) for bits in initial] == expected
    if model.startswith("SP"):  # one port: a write leaves what was read
        assert (int(last, 2), clash) == (expected[-1], last)
    else:
        assert int(last, 2) == expected[-1]  # another word is read while one is written
        assert set(clash) == {"x"}
    assert int(written, 2) == value ^ (2**width - 1)


@pytest.mark.cosim
@pytest.mark.parametrize(
    ("old", "new"), [("#(", '#(.RESET_MODE("ASYNC"), '), ("#(", "#(.READ_MODE(1), ")]
)
def test_what_the_model_does_not_know_ends_the_simulation(
    old: str, new: str, tmp_path: Path
) -> None:
    needs("iverilog")
    text = bench("SPX9", 9, 0, 1, ports=ONE.replace(".RESET(1'b0)", ".RESET(we)"))
    lines = run(text.replace(old, new, 1), tmp_path)
    assert [line for line in lines if line.startswith("error: bench.dut")]
