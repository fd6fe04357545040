"""Is a core equal to golden? Simulated, compiled, or as a netlist."""
