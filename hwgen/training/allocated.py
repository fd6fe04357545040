"""The most memory that torch's allocator has given out at one time, by its own count."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile


def peak_bytes(step: Callable[[], object], device: torch.device) -> int:
    """Most bytes that were allocated while `step` ran, beyond what was before.

    On a CPU the allocator counts for torch's profiler only, which takes seconds to start.
    """
    if device.type == "cuda":
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        step()
        return torch.cuda.max_memory_allocated(device) - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        step()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(path))
        events = json.loads(path.read_text())["traceEvents"]
    events = sorted((e for e in events if e.get("name") == "[memory]"), key=lambda e: e["ts"])
    # The count goes on from one profile to the next, with what was freed between them still in it.
    counts = [int(e["args"]["Total Allocated"]) for e in events]
    return max(counts) - counts[0] + int(events[0]["args"]["Bytes"]) if events else 0
