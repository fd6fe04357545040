"""The integer reference: numpy only, written for reading. Hardware must equal it bit for bit."""

from hwgen.golden.network import Golden, Trace

__all__ = ["Golden", "Trace"]
