"""What several tests share: small random networks, and their inputs."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # for the test helpers beside this file
