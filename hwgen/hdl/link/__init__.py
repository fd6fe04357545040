"""The serial line: bits, bytes, frames."""
