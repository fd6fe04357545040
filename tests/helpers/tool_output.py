"""Excerpts of what yosys and nextpnr wrote for a 64-96-10 network; for the Gowin, 64-48-4."""

ICE40_CELLS = """{"creator": "Yosys 0.70", "modules": {"\\\\top": {}}, "design": {"num_cells": 2449,
"num_cells_by_type": {"$scopeinfo": 25, "SB_CARRY": 347, "SB_DFF": 33, "SB_DFFE": 109,
"SB_DFFESR": 441, "SB_DFFSR": 250, "SB_GB_IO": 1, "SB_IO": 4, "SB_LUT4": 1231,
"SB_RAM40_4K": 8}}}"""
ICE40_REPORT = """{"critical_paths": [], "fmax": {"cd_sync.clk": {"achieved": 25.180036544799805,
"constraint": 12.00004768371582}}, "utilization": {"ICESTORM_DSP": {"available": 8, "used": 0},
"ICESTORM_LC": {"available": 5280, "used": 1670}, "ICESTORM_PLL": {"available": 1, "used": 0},
"ICESTORM_RAM": {"available": 30, "used": 8}, "ICESTORM_SPRAM": {"available": 4, "used": 0}}}"""
ECP5_CELLS = """{"design": {"num_cells_by_type": {"$scopeinfo": 36, "CCU2C": 350, "DP16KD": 2,
"L6MUX21": 52, "LUT4": 1202, "PFUMX": 159, "SGSR": 1, "TRELLIS_DPR16X4": 72, "TRELLIS_FF": 998,
"TRELLIS_IO": 5}}}"""
ECP5_REPORT = """{"fmax": {"$glbnet$cd_sync.clk": {"achieved": 66.32179260253906,
"constraint": 25}}, "utilization": {"DP16KD": {"available": 56, "used": 2},
"MULT18X18D": {"available": 28, "used": 0}, "TRELLIS_COMB": {"available": 24288, "used": 2692},
"TRELLIS_FF": {"available": 24288, "used": 998},
"TRELLIS_RAMW": {"available": 3036, "used": 72}}}"""
GOWIN_CELLS = """{"design": {"num_cells_by_type": {"$scopeinfo": 34, "ALU": 434, "DFF": 25,
"DFFE": 93, "DFFR": 260, "DFFRE": 447, "DFFS": 4, "DFFSE": 33, "DPX9B": 1, "GND": 1, "IBUF": 2,
"LUT1": 57, "LUT2": 179, "LUT3": 294, "LUT4": 584, "MUX2_LUT5": 157, "RAM16SDP4": 18, "SPX9": 1,
"TBUF": 4, "VCC": 1}}}"""
GOWIN_REPORT = """{"fmax": {"cd_sync.clk": {"achieved": 74.86150360107422, "constraint": 27}},
"utilization": {"ALU": {"available": 6480, "used": 506}, "BSRAM": {"available": 26, "used": 2},
"DFF": {"available": 6480, "used": 862}, "LUT4": {"available": 8640, "used": 1561},
"MULT18X18": {"available": 20, "used": 0}, "RAM16SDP4": {"available": 270, "used": 18}}}"""
