"""From Verilog to files for a board: bitstreams, IP cores, flashing."""
