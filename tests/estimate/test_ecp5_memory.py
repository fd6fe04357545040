"""Our model of the ECP5's block memory, against rows of bits sliced by hand."""

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
  reg [35:0] di = 0;
  wire [35:0] q;
  DP16KD #(.DATA_WIDTH_A({width}), .DATA_WIDTH_B({width}), {inits}) dut (
    .CLKA(clk), .CLKB(clk), .CEA(we), .WEA(we), .RSTA(1'b0), .CEB(1'b1), .WEB(1'b0), .RSTB(1'b0),
    {ports}
  );
  task tick; begin #1 clk = 1; #1 clk = 0; end endtask
  integer n;
  initial begin
    for (n = 0; n < 16384; n = n + {stride}) begin b = n; tick; $display("%b", q); end
    we = 1; a = {write}; di = {value}; b = 16384 - {stride}; tick; $display("%b", q);
    b = {address}; di = ~di; tick; $display("%b", q);
    we = 0; tick; $display("%b", q);
  end
endmodule
"""
STRIDES = {1: 1, 2: 2, 4: 4, 9: 8, 18: 16, 36: 32}
ADDRESS = 7 * 32  # of the word written


def word(rows: list[int], width: int, n: int) -> int:
    """The n-th word of a memory of 18-bit rows, two bytes of nine bits each."""
    if width >= 18:
        return sum(rows[n * width // 18 + i] << 18 * i for i in range(width // 18))
    if width == 9:
        return rows[n // 2] >> 9 * (n % 2) & 0x1FF
    per_byte = 8 // width
    byte = rows[n // (2 * per_byte)] >> 9 * (n // per_byte % 2) & 0xFF
    return byte >> width * (n % per_byte) & 2**width - 1


@pytest.mark.cosim
@pytest.mark.parametrize("width", STRIDES)
def test_initial_words_a_write_and_a_collision(width: int, tmp_path: Path) -> None:
    needs("iverilog")
    rng = np.random.default_rng(width)
    rows = [int(row) for row in rng.integers(0, 2**18, 1024)]
    value = int(rng.integers(1, 2**width))
    inits = []
    for block in range(64):
        content = sum(rows[16 * block + i] << 20 * i for i in range(16))
        inits.append(f".INITVAL_{block:02X}(320'h{content:x})")
    ports = [f".ADA{i}(a[{i}]), .ADB{i}(b[{i}])" for i in range(14)]
    # A 36-bit port puts its upper half on the data pins of the other.
    low, high = ("DOA", "DOB") if width == 36 else ("DOB", "DOA")
    ports += [f".DIA{i}(di[{i}]), .{low}{i}(q[{i}])" for i in range(18)]
    ports += [f".DIB{i}(di[{i + 18}]), .{high}{i}(q[{i + 18}])" for i in range(18)]
    enables = {18: 3, 36: 15}.get(width, 0)  # of bytes, in the low bits of the address
    bench = tmp_path / "bench.v"
    bench.write_text(
        BENCH.format(
            width=width,
            stride=STRIDES[width],
            inits=", ".join(inits),
            ports=", ".join(ports),
            address=ADDRESS,
            write=ADDRESS | enables,
            value=f"36'h{value:x}",
        )
    )
    program = tmp_path / "bench.vvp"
    model = package_data("sim") / "ecp5_memory.v"
    subprocess.run(["iverilog", "-g2005", "-o", program, bench, model], check=True)
    output = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    *initial, last, clash, written = [line[-width:] for line in output.split()]
    expected = [word(rows, width, n) for n in range(len(initial))]
    assert [int(bits, 2) for bits in initial] == expected
    assert int(last, 2) == expected[-1]  # another word is read while one is written
    assert set(clash) == {"x"}
    assert int(written, 2) == value ^ (2**width - 1)
