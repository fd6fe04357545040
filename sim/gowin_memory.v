// Gowin's block memories, which yosys ships without a simulation model.
//
// As yosys instantiates them: no output registers, all blocks selected, no asynchronous reset of the
// output while it runs. A read of bits that the other port is writing gives x: what real memory
// returns is undefined, so a design that uses it must fail in simulation.

// 2048 bytes of BYTE = 8 or 9 bits behind two ports. Addresses count bits; the low ones of a word
// of several bytes enable its bytes when it is written.
module hwgen_bsram (
  input clk_a, clk_b, ce_a, ce_b, we_a, we_b, rst_a, rst_b,
  input [13:0] ad_a, ad_b,
  input [35:0] di_a, di_b,
  output reg [35:0] do_a, do_b
);
  parameter BYTE = 9, WIDTH_A = 18, WIDTH_B = 18, MODE_A = 0, MODE_B = 0, RESET_MODE = "SYNC";
  parameter BAD = 0;
  parameter [64*32*BYTE-1:0] INIT = 0;
  localparam WRITE_THROUGH = 1;  // 0: a write leaves the output; 2: it shows what was there

  reg [BYTE-1:0] bytes [0:2047];
  integer n;
  initial begin
    for (n = 0; n < 2048; n = n + 1)
      bytes[n] = INIT[n * BYTE +: BYTE];
    do_a = 0;
    do_b = 0;
    if (BAD)
      refuse;
  end

  task refuse;
    begin
      $display("error: %m: a block memory is used in a way its model does not know");
      $finish;
    end
  endtask
  always @(posedge rst_a or posedge rst_b)
    if (RESET_MODE != "SYNC")
      refuse;

  function integer n_bytes(input integer width);
    n_bytes = width < 16 ? 1 : width < 32 ? 2 : 4;
  endfunction

  function [10:0] first(input integer width, input [13:0] address);
    first = address[13:3] & ~(n_bytes(width) - 1);
  endfunction

  // The first bit of a word narrower than a byte.
  function [2:0] offset(input integer width, input [13:0] address);
    case (width)
      4: offset = {address[2], 2'b00};
      2: offset = {address[2:1], 1'b0};
      1: offset = address[2:0];
      default: offset = 0;
    endcase
  endfunction

  function [35:0] read(input integer width, input [13:0] address);
    integer i;
    begin
      read = 0;
      for (i = 0; i < n_bytes(width); i = i + 1)
        read[i * BYTE +: BYTE] = bytes[first(width, address) + i];
      if (width < 8)
        read = (read >> offset(width, address)) & ((36'b1 << width) - 1);
    end
  endfunction

  task write(input integer width, input [13:0] address, input [35:0] value);
    integer i;
    reg [BYTE-1:0] mask;
    if (width < 8) begin
      mask = ((36'b1 << width) - 1) << offset(width, address);
      bytes[address[13:3]]
        = (bytes[address[13:3]] & ~mask) | ((value << offset(width, address)) & mask);
    end else
      for (i = 0; i < n_bytes(width); i = i + 1)
        if (address[i] | n_bytes(width) == 1)
          bytes[first(width, address) + i] = value[i * BYTE +: BYTE];
  endtask

  // Both ports are at the same place: in the words of the wider one.
  localparam WIDEST = WIDTH_A > WIDTH_B ? WIDTH_A : WIDTH_B;
  wire same = WIDEST < 8
    ? {ad_a[13:3], offset(WIDEST, ad_a)} == {ad_b[13:3], offset(WIDEST, ad_b)}
    : first(WIDEST, ad_a) == first(WIDEST, ad_b);

  always @(posedge clk_a) begin
    if (ce_a & (~we_a | MODE_A > WRITE_THROUGH))
      do_a <= same & ce_b & we_b ? 36'bx : read(WIDTH_A, ad_a);
    if (ce_a & we_a)
      write(WIDTH_A, ad_a, di_a);
    if (ce_a & we_a & MODE_A == WRITE_THROUGH)
      do_a <= read(WIDTH_A, ad_a);
    if (rst_a)
      do_a <= 0;
  end
  always @(posedge clk_b) begin
    if (ce_b & (~we_b | MODE_B > WRITE_THROUGH))
      do_b <= same & ce_a & we_a ? 36'bx : read(WIDTH_B, ad_b);
    if (ce_b & we_b)
      write(WIDTH_B, ad_b, di_b);
    if (ce_b & we_b & MODE_B == WRITE_THROUGH)
      do_b <= read(WIDTH_B, ad_b);
    if (rst_b)
      do_b <= 0;
  end
endmodule

// Their initial contents, as parameters and as one number.
`define INITS \
  INIT_RAM_00 = 0, INIT_RAM_01 = 0, INIT_RAM_02 = 0, INIT_RAM_03 = 0, INIT_RAM_04 = 0, INIT_RAM_05 = 0, \
  INIT_RAM_06 = 0, INIT_RAM_07 = 0, INIT_RAM_08 = 0, INIT_RAM_09 = 0, INIT_RAM_0A = 0, INIT_RAM_0B = 0, \
  INIT_RAM_0C = 0, INIT_RAM_0D = 0, INIT_RAM_0E = 0, INIT_RAM_0F = 0, INIT_RAM_10 = 0, INIT_RAM_11 = 0, \
  INIT_RAM_12 = 0, INIT_RAM_13 = 0, INIT_RAM_14 = 0, INIT_RAM_15 = 0, INIT_RAM_16 = 0, INIT_RAM_17 = 0, \
  INIT_RAM_18 = 0, INIT_RAM_19 = 0, INIT_RAM_1A = 0, INIT_RAM_1B = 0, INIT_RAM_1C = 0, INIT_RAM_1D = 0, \
  INIT_RAM_1E = 0, INIT_RAM_1F = 0, INIT_RAM_20 = 0, INIT_RAM_21 = 0, INIT_RAM_22 = 0, INIT_RAM_23 = 0, \
  INIT_RAM_24 = 0, INIT_RAM_25 = 0, INIT_RAM_26 = 0, INIT_RAM_27 = 0, INIT_RAM_28 = 0, INIT_RAM_29 = 0, \
  INIT_RAM_2A = 0, INIT_RAM_2B = 0, INIT_RAM_2C = 0, INIT_RAM_2D = 0, INIT_RAM_2E = 0, INIT_RAM_2F = 0, \
  INIT_RAM_30 = 0, INIT_RAM_31 = 0, INIT_RAM_32 = 0, INIT_RAM_33 = 0, INIT_RAM_34 = 0, INIT_RAM_35 = 0, \
  INIT_RAM_36 = 0, INIT_RAM_37 = 0, INIT_RAM_38 = 0, INIT_RAM_39 = 0, INIT_RAM_3A = 0, INIT_RAM_3B = 0, \
  INIT_RAM_3C = 0, INIT_RAM_3D = 0, INIT_RAM_3E = 0, INIT_RAM_3F = 0
`define INIT { \
  INIT_RAM_3F, INIT_RAM_3E, INIT_RAM_3D, INIT_RAM_3C, INIT_RAM_3B, INIT_RAM_3A, \
  INIT_RAM_39, INIT_RAM_38, INIT_RAM_37, INIT_RAM_36, INIT_RAM_35, INIT_RAM_34, \
  INIT_RAM_33, INIT_RAM_32, INIT_RAM_31, INIT_RAM_30, INIT_RAM_2F, INIT_RAM_2E, \
  INIT_RAM_2D, INIT_RAM_2C, INIT_RAM_2B, INIT_RAM_2A, INIT_RAM_29, INIT_RAM_28, \
  INIT_RAM_27, INIT_RAM_26, INIT_RAM_25, INIT_RAM_24, INIT_RAM_23, INIT_RAM_22, \
  INIT_RAM_21, INIT_RAM_20, INIT_RAM_1F, INIT_RAM_1E, INIT_RAM_1D, INIT_RAM_1C, \
  INIT_RAM_1B, INIT_RAM_1A, INIT_RAM_19, INIT_RAM_18, INIT_RAM_17, INIT_RAM_16, \
  INIT_RAM_15, INIT_RAM_14, INIT_RAM_13, INIT_RAM_12, INIT_RAM_11, INIT_RAM_10, \
  INIT_RAM_0F, INIT_RAM_0E, INIT_RAM_0D, INIT_RAM_0C, INIT_RAM_0B, INIT_RAM_0A, \
  INIT_RAM_09, INIT_RAM_08, INIT_RAM_07, INIT_RAM_06, INIT_RAM_05, INIT_RAM_04, \
  INIT_RAM_03, INIT_RAM_02, INIT_RAM_01, INIT_RAM_00 \
}

module SP (
  input CLK, CE, OCE, RESET, WRE,
  input [13:0] AD,
  input [2:0] BLKSEL,
  input [31:0] DI,
  output [31:0] DO
);
  parameter READ_MODE = 0, WRITE_MODE = 0, BIT_WIDTH = 32, BLK_SEL = 0, RESET_MODE = "SYNC";
  parameter [255:0] `INITS;
  hwgen_bsram #(
    .BYTE(8), .WIDTH_A(BIT_WIDTH), .WIDTH_B(BIT_WIDTH), .MODE_A(WRITE_MODE),
    .RESET_MODE(RESET_MODE), .BAD(READ_MODE != 0 || BLK_SEL != 0), .INIT(`INIT)
  ) memory (
    .clk_a(CLK), .ce_a(CE), .we_a(WRE), .rst_a(RESET), .ad_a(AD), .di_a(DI), .do_a(DO),
    .clk_b(1'b0), .ce_b(1'b0), .we_b(1'b0), .rst_b(1'b0), .ad_b(14'b0), .di_b(36'b0)
  );
endmodule

module SPX9 (
  input CLK, CE, OCE, RESET, WRE,
  input [13:0] AD,
  input [2:0] BLKSEL,
  input [35:0] DI,
  output [35:0] DO
);
  parameter READ_MODE = 0, WRITE_MODE = 0, BIT_WIDTH = 36, BLK_SEL = 0, RESET_MODE = "SYNC";
  parameter [287:0] `INITS;
  hwgen_bsram #(
    .BYTE(9), .WIDTH_A(BIT_WIDTH), .WIDTH_B(BIT_WIDTH), .MODE_A(WRITE_MODE),
    .RESET_MODE(RESET_MODE), .BAD(READ_MODE != 0 || BLK_SEL != 0), .INIT(`INIT)
  ) memory (
    .clk_a(CLK), .ce_a(CE), .we_a(WRE), .rst_a(RESET), .ad_a(AD), .di_a(DI), .do_a(DO),
    .clk_b(1'b0), .ce_b(1'b0), .we_b(1'b0), .rst_b(1'b0), .ad_b(14'b0), .di_b(36'b0)
  );
endmodule

module SDPB (
  input CLKA, CLKB, CEA, CEB, OCE, RESETA, RESETB,
  input [13:0] ADA, ADB,
  input [2:0] BLKSELA, BLKSELB,
  input [31:0] DI,
  output [31:0] DO
);
  parameter READ_MODE = 0, BIT_WIDTH_0 = 32, BIT_WIDTH_1 = 32, BLK_SEL_0 = 0, BLK_SEL_1 = 0;
  parameter RESET_MODE = "SYNC";
  parameter [255:0] `INITS;
  hwgen_bsram #(
    .BYTE(8), .WIDTH_A(BIT_WIDTH_0), .WIDTH_B(BIT_WIDTH_1), .RESET_MODE(RESET_MODE),
    .BAD(READ_MODE != 0 || BLK_SEL_0 != 0 || BLK_SEL_1 != 0), .INIT(`INIT)
  ) memory (
    .clk_a(CLKA), .ce_a(CEA), .we_a(1'b1), .rst_a(RESETA), .ad_a(ADA), .di_a(DI),
    .clk_b(CLKB), .ce_b(CEB), .we_b(1'b0), .rst_b(RESETB), .ad_b(ADB), .di_b(36'b0), .do_b(DO)
  );
endmodule

module SDPX9B (
  input CLKA, CLKB, CEA, CEB, OCE, RESETA, RESETB,
  input [13:0] ADA, ADB,
  input [2:0] BLKSELA, BLKSELB,
  input [35:0] DI,
  output [35:0] DO
);
  parameter READ_MODE = 0, BIT_WIDTH_0 = 36, BIT_WIDTH_1 = 36, BLK_SEL_0 = 0, BLK_SEL_1 = 0;
  parameter RESET_MODE = "SYNC";
  parameter [287:0] `INITS;
  hwgen_bsram #(
    .BYTE(9), .WIDTH_A(BIT_WIDTH_0), .WIDTH_B(BIT_WIDTH_1), .RESET_MODE(RESET_MODE),
    .BAD(READ_MODE != 0 || BLK_SEL_0 != 0 || BLK_SEL_1 != 0), .INIT(`INIT)
  ) memory (
    .clk_a(CLKA), .ce_a(CEA), .we_a(1'b1), .rst_a(RESETA), .ad_a(ADA), .di_a(DI),
    .clk_b(CLKB), .ce_b(CEB), .we_b(1'b0), .rst_b(RESETB), .ad_b(ADB), .di_b(36'b0), .do_b(DO)
  );
endmodule

module DPB (
  input CLKA, CLKB, CEA, CEB, OCEA, OCEB, RESETA, RESETB, WREA, WREB,
  input [13:0] ADA, ADB,
  input [2:0] BLKSELA, BLKSELB,
  input [15:0] DIA, DIB,
  output [15:0] DOA, DOB
);
  parameter READ_MODE0 = 0, READ_MODE1 = 0, WRITE_MODE0 = 0, WRITE_MODE1 = 0;
  parameter BIT_WIDTH_0 = 16, BIT_WIDTH_1 = 16, BLK_SEL_0 = 0, BLK_SEL_1 = 0, RESET_MODE = "SYNC";
  parameter [255:0] `INITS;
  hwgen_bsram #(
    .BYTE(8), .WIDTH_A(BIT_WIDTH_0), .WIDTH_B(BIT_WIDTH_1), .MODE_A(WRITE_MODE0),
    .MODE_B(WRITE_MODE1), .RESET_MODE(RESET_MODE),
    .BAD(READ_MODE0 != 0 || READ_MODE1 != 0 || BLK_SEL_0 != 0 || BLK_SEL_1 != 0), .INIT(`INIT)
  ) memory (
    .clk_a(CLKA), .ce_a(CEA), .we_a(WREA), .rst_a(RESETA), .ad_a(ADA), .di_a(DIA), .do_a(DOA),
    .clk_b(CLKB), .ce_b(CEB), .we_b(WREB), .rst_b(RESETB), .ad_b(ADB), .di_b(DIB), .do_b(DOB)
  );
endmodule

module DPX9B (
  input CLKA, CLKB, CEA, CEB, OCEA, OCEB, RESETA, RESETB, WREA, WREB,
  input [13:0] ADA, ADB,
  input [2:0] BLKSELA, BLKSELB,
  input [17:0] DIA, DIB,
  output [17:0] DOA, DOB
);
  parameter READ_MODE0 = 0, READ_MODE1 = 0, WRITE_MODE0 = 0, WRITE_MODE1 = 0;
  parameter BIT_WIDTH_0 = 18, BIT_WIDTH_1 = 18, BLK_SEL_0 = 0, BLK_SEL_1 = 0, RESET_MODE = "SYNC";
  parameter [287:0] `INITS;
  hwgen_bsram #(
    .BYTE(9), .WIDTH_A(BIT_WIDTH_0), .WIDTH_B(BIT_WIDTH_1), .MODE_A(WRITE_MODE0),
    .MODE_B(WRITE_MODE1), .RESET_MODE(RESET_MODE),
    .BAD(READ_MODE0 != 0 || READ_MODE1 != 0 || BLK_SEL_0 != 0 || BLK_SEL_1 != 0), .INIT(`INIT)
  ) memory (
    .clk_a(CLKA), .ce_a(CEA), .we_a(WREA), .rst_a(RESETA), .ad_a(ADA), .di_a(DIA), .do_a(DOA),
    .clk_b(CLKB), .ce_b(CEB), .we_b(WREB), .rst_b(RESETB), .ad_b(ADB), .di_b(DIB), .do_b(DOB)
  );
endmodule
