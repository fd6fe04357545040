"""The computer's side: `Device` talks to a core over a transport (docs/link.md)."""

from hwgen.host.device import Device, Predictions
from hwgen.host.transport import Recorder, Replay, SerialPort, Transport

__all__ = ["Device", "Predictions", "Recorder", "Replay", "SerialPort", "Transport"]
