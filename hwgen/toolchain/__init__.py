"""Programs from outside: yosys, nextpnr, simulators, the C++ compiler."""
