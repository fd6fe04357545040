"""The computer's side: `Device` talks to a core over a transport (docs/link.md)."""

from hwgen.host.device import Answers, Device
from hwgen.host.transport import Recorder, Replay, SerialPort, Transport

__all__ = ["Answers", "Device", "Recorder", "Replay", "SerialPort", "Transport"]
