// The PLLs of a netlist, for simulation: the clock goes through as it is, and the lock comes after
// some cycles. That is all that the logic behind them can tell: it counts cycles.

module SB_PLL40_PAD (
  input PACKAGEPIN, RESETB, BYPASS, EXTFEEDBACK, LATCHINPUTVALUE, SDI, SCLK,
  input [7:0] DYNAMICDELAY,
  output PLLOUTCORE, PLLOUTGLOBAL, SDO,
  output reg LOCK = 0
);
  parameter FEEDBACK_PATH = "", DIVR = 0, DIVF = 0, DIVQ = 0, FILTER_RANGE = 0;
  assign PLLOUTCORE = PACKAGEPIN;
  assign PLLOUTGLOBAL = PACKAGEPIN;
  initial begin
    repeat (20) @(posedge PACKAGEPIN);
    LOCK = RESETB & ~BYPASS;
  end
endmodule

module SB_PLL40_CORE (
  input REFERENCECLK, RESETB, BYPASS, EXTFEEDBACK, LATCHINPUTVALUE, SDI, SCLK,
  input [7:0] DYNAMICDELAY,
  output PLLOUTCORE, PLLOUTGLOBAL, SDO,
  output reg LOCK = 0
);
  parameter FEEDBACK_PATH = "", DIVR = 0, DIVF = 0, DIVQ = 0, FILTER_RANGE = 0;
  assign PLLOUTCORE = REFERENCECLK;
  assign PLLOUTGLOBAL = REFERENCECLK;
  initial begin
    repeat (20) @(posedge REFERENCECLK);
    LOCK = RESETB & ~BYPASS;
  end
endmodule

module EHXPLLL (
  input CLKI, CLKFB, RST, STDBY, PHASESEL0, PHASESEL1, PHASEDIR, PHASESTEP, PHASELOADREG,
        PLLWAKESYNC, ENCLKOP, ENCLKOS, ENCLKOS2, ENCLKOS3,
  output CLKOP, CLKOS, CLKOS2, CLKOS3, REFCLK, CLKINTFB,
  output reg LOCK = 0
);
  parameter CLKI_DIV = 1, CLKFB_DIV = 1, FEEDBK_PATH = "";
  parameter CLKOP_ENABLE = "", CLKOP_DIV = 1, CLKOP_CPHASE = 0;
  parameter CLKOS_ENABLE = "", CLKOS_DIV = 1, CLKOS_CPHASE = 0;
  assign CLKOP = CLKI;
  assign CLKOS = CLKI;
  initial begin
    repeat (20) @(posedge CLKI);
    LOCK = CLKFB === CLKOP && !RST && !STDBY && CLKOS_ENABLE == "ENABLED";
  end
endmodule

module rPLL (
  input CLKIN, CLKFB, RESET, RESET_P,
  input [5:0] FBDSEL, IDSEL, ODSEL,
  input [3:0] PSDA, FDLY, DUTYDA,
  output CLKOUT, CLKOUTP, CLKOUTD, CLKOUTD3,
  output reg LOCK = 0
);
  parameter FCLKIN = "", DEVICE = "", IDIV_SEL = 0, FBDIV_SEL = 0, ODIV_SEL = 8;
  assign CLKOUT = CLKIN;
  initial begin
    repeat (20) @(posedge CLKIN);
    LOCK = !RESET && !RESET_P;
  end
endmodule
