"""hwgen: from a spiking network in PyTorch to a bitstream for a small FPGA, bit for bit."""

__version__ = "0.1.0"
