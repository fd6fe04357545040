// The ECP5's block memory and global reset, which yosys ships without a simulation model.
//
// DP16KD as yosys instantiates it: no output registers, no chip selects, no inverted clock.
// A read of bits that the other port is writing gives x: what real memory returns is undefined,
// so a design that uses it must fail in simulation.

module DP16KD (
  input DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9,
        DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0,
  input ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0,
  input CEA, OCEA, CLKA, WEA, RSTA, CSA2, CSA1, CSA0,
  output DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9,
         DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0,
  input DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9,
        DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0,
  input ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0,
  input CEB, OCEB, CLKB, WEB, RSTB, CSB2, CSB1, CSB0,
  output DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9,
         DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0
);
  parameter DATA_WIDTH_A = 18, DATA_WIDTH_B = 18;  // 1 2 4 9 18 36
  parameter WRITEMODE_A = "NORMAL", WRITEMODE_B = "NORMAL";
  parameter REGMODE_A = "NOREG", REGMODE_B = "NOREG";
  parameter RESETMODE = "SYNC", ASYNC_RESET_RELEASE = "SYNC", GSR = "AUTO";
  parameter CSDECODE_A = "0b000", CSDECODE_B = "0b000";
  parameter CLKAMUX = "CLKA", CLKBMUX = "CLKB";
  parameter [319:0]
    INITVAL_00 = 0, INITVAL_01 = 0, INITVAL_02 = 0, INITVAL_03 = 0,
    INITVAL_04 = 0, INITVAL_05 = 0, INITVAL_06 = 0, INITVAL_07 = 0,
    INITVAL_08 = 0, INITVAL_09 = 0, INITVAL_0A = 0, INITVAL_0B = 0,
    INITVAL_0C = 0, INITVAL_0D = 0, INITVAL_0E = 0, INITVAL_0F = 0,
    INITVAL_10 = 0, INITVAL_11 = 0, INITVAL_12 = 0, INITVAL_13 = 0,
    INITVAL_14 = 0, INITVAL_15 = 0, INITVAL_16 = 0, INITVAL_17 = 0,
    INITVAL_18 = 0, INITVAL_19 = 0, INITVAL_1A = 0, INITVAL_1B = 0,
    INITVAL_1C = 0, INITVAL_1D = 0, INITVAL_1E = 0, INITVAL_1F = 0,
    INITVAL_20 = 0, INITVAL_21 = 0, INITVAL_22 = 0, INITVAL_23 = 0,
    INITVAL_24 = 0, INITVAL_25 = 0, INITVAL_26 = 0, INITVAL_27 = 0,
    INITVAL_28 = 0, INITVAL_29 = 0, INITVAL_2A = 0, INITVAL_2B = 0,
    INITVAL_2C = 0, INITVAL_2D = 0, INITVAL_2E = 0, INITVAL_2F = 0,
    INITVAL_30 = 0, INITVAL_31 = 0, INITVAL_32 = 0, INITVAL_33 = 0,
    INITVAL_34 = 0, INITVAL_35 = 0, INITVAL_36 = 0, INITVAL_37 = 0,
    INITVAL_38 = 0, INITVAL_39 = 0, INITVAL_3A = 0, INITVAL_3B = 0,
    INITVAL_3C = 0, INITVAL_3D = 0, INITVAL_3E = 0, INITVAL_3F = 0;

  // 1024 rows of 18 bits; INITVAL_xx holds 16 rows, each in 20 bits.
  reg [17:0] row [0:1023];
  reg [320*64-1:0] init;
  integer n;
  initial begin
    init = {
      INITVAL_3F, INITVAL_3E, INITVAL_3D, INITVAL_3C, INITVAL_3B, INITVAL_3A,
      INITVAL_39, INITVAL_38, INITVAL_37, INITVAL_36, INITVAL_35, INITVAL_34,
      INITVAL_33, INITVAL_32, INITVAL_31, INITVAL_30, INITVAL_2F, INITVAL_2E,
      INITVAL_2D, INITVAL_2C, INITVAL_2B, INITVAL_2A, INITVAL_29, INITVAL_28,
      INITVAL_27, INITVAL_26, INITVAL_25, INITVAL_24, INITVAL_23, INITVAL_22,
      INITVAL_21, INITVAL_20, INITVAL_1F, INITVAL_1E, INITVAL_1D, INITVAL_1C,
      INITVAL_1B, INITVAL_1A, INITVAL_19, INITVAL_18, INITVAL_17, INITVAL_16,
      INITVAL_15, INITVAL_14, INITVAL_13, INITVAL_12, INITVAL_11, INITVAL_10,
      INITVAL_0F, INITVAL_0E, INITVAL_0D, INITVAL_0C, INITVAL_0B, INITVAL_0A,
      INITVAL_09, INITVAL_08, INITVAL_07, INITVAL_06, INITVAL_05, INITVAL_04,
      INITVAL_03, INITVAL_02, INITVAL_01, INITVAL_00
    };
    for (n = 0; n < 1024; n = n + 1)
      row[n] = init[n * 20 +: 18];
    if (REGMODE_A != "NOREG" || REGMODE_B != "NOREG" || CLKAMUX != "CLKA" || CLKBMUX != "CLKB") begin
      $display("error: DP16KD is used in a way its model does not know");
      $finish;
    end
  end

  wire [13:0] address_a = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3,
                           ADA2, ADA1, ADA0};
  wire [13:0] address_b = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3,
                           ADB2, ADB1, ADB0};
  wire [17:0] di_a = {DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9,
                      DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0};
  wire [17:0] di_b = {DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9,
                      DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0};
  // A 36-bit port takes the data pins of both, its low half from A.
  wire [35:0] data_a = DATA_WIDTH_A == 36 ? {di_b, di_a} : {18'b0, di_a};
  wire [35:0] data_b = {18'b0, di_b};

  // Lowest address bit that selects a word; those below it enable bytes in the wide shapes.
  function integer low_bit(input integer width);
    case (width)
      36: low_bit = 5;
      18: low_bit = 4;
      9: low_bit = 3;
      4: low_bit = 2;
      2: low_bit = 1;
      default: low_bit = 0;
    endcase
  endfunction

  function [3:0] bytes(input integer width, input [13:0] address);
    case (width)
      36: bytes = address[3:0];
      18: bytes = {2'b00, address[1:0]};
      default: bytes = 4'b0001;
    endcase
  endfunction

  // The first bit of a narrow word in its row: two bytes of nine bits, the ninth unused.
  function integer offset(input integer width, input [13:0] address);
    case (width)
      9: offset = 9 * address[3];
      4: offset = 9 * address[3] + 4 * address[2];
      2: offset = 9 * address[3] + 2 * address[2:1];
      1: offset = 9 * address[3] + address[2:0];
      default: offset = 0;
    endcase
  endfunction

  function [35:0] read(input integer width, input [13:0] address);
    case (width)
      36: read = {row[{address[13:5], 1'b1}], row[{address[13:5], 1'b0}]};
      18: read = row[address[13:4]];
      default: read = (row[address[13:4]] >> offset(width, address)) & ((36'b1 << width) - 1);
    endcase
  endfunction

  task write(input integer width, input [13:0] address, input [35:0] value);
    integer i;
    reg [17:0] mask, moved;
    if (width >= 18) begin
      for (i = 0; i < width / 9; i = i + 1)
        if (address[i])
          row[width == 36 ? {address[13:5], i >= 2} : address[13:4]][9 * (i % 2) +: 9]
            = value[9 * i +: 9];
    end else begin
      mask = ((18'b1 << width) - 1) << offset(width, address);
      moved = value << offset(width, address);
      row[address[13:4]] = (row[address[13:4]] & ~mask) | (moved & mask);
    end
  endtask

  localparam LOW_A = DATA_WIDTH_A == 36 ? 5 : low_bit(DATA_WIDTH_A);
  localparam LOW_B = low_bit(DATA_WIDTH_B);
  localparam LOW = LOW_A > LOW_B ? LOW_A : LOW_B;
  wire write_a = CEA & WEA & |bytes(DATA_WIDTH_A, address_a);
  wire write_b = CEB & WEB & |bytes(DATA_WIDTH_B, address_b);
  wire same = (address_a >> LOW) == (address_b >> LOW);

  reg [35:0] out_a = 0, out_b = 0;
  always @(posedge CLKA) begin
    if (CEA & ~WEA)
      out_a <= same & write_b ? 36'bx : read(DATA_WIDTH_A, address_a);
    else if (write_a & WRITEMODE_A == "READBEFOREWRITE")
      out_a <= read(DATA_WIDTH_A, address_a);
    if (write_a)
      write(DATA_WIDTH_A, address_a, data_a);
    if (write_a & WRITEMODE_A == "WRITETHROUGH")
      out_a <= read(DATA_WIDTH_A, address_a);
    if (RSTA)
      out_a <= 0;
  end
  always @(posedge CLKB) begin
    if (CEB & ~WEB)
      out_b <= same & write_a ? 36'bx : read(DATA_WIDTH_B, address_b);
    else if (write_b & WRITEMODE_B == "READBEFOREWRITE")
      out_b <= read(DATA_WIDTH_B, address_b);
    if (write_b)
      write(DATA_WIDTH_B, address_b, data_b);
    if (write_b & WRITEMODE_B == "WRITETHROUGH")
      out_b <= read(DATA_WIDTH_B, address_b);
    if (RSTB)
      out_b <= 0;
  end

  assign {DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9,
          DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0}
    = DATA_WIDTH_B == 36 ? out_b[17:0] : out_a[17:0];
  assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9,
          DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0}
    = DATA_WIDTH_B == 36 ? out_b[35:18] : out_b[17:0];
endmodule

module SGSR (input GSR, input CLK);
endmodule
