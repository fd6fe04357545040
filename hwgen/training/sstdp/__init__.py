"""SSTDP: dense layers, updates by spike times."""
