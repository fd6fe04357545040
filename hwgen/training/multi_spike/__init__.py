"""TT-LBPTT: networks whose neurons fire often, trained window by window, block by block."""
