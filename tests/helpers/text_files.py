"""Good files, for tests that damage them."""

GOOD = """
title = "A board"
platform = "amaranth_boards.icebreaker:ICEBreakerPlatform"
family = "ice40"
part = "iCE40UP5K-SG48"
clock_hz = 12_000_000
status = "needs hardware"
[uart]
baud = 1_000_000
[capacity]
lut = 5280
bram = 30
bram_bits = 4096
"""


RECIPE = """
name = "x"
[data]
name = "digits"
[network]
n_steps = 8
hidden = "20"
weight_bits = 1
[training]
rule = "sstdp"
"""
