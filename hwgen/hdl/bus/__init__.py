"""Ways into a core for a system on chip: words, AXI4-Stream, Wishbone."""
