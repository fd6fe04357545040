"""Memory in training: how the C library hands it out, and the most that torch has taken."""

import ctypes
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of mallopt(3)
_NEVER = 2**31 - 1


def keep_freed() -> bool:
    """Let freed memory stay with the process; returns whether the C library can.

    Else glibc maps each large tensor anew, and the kernel clears its pages every time: a quarter of
    the time of an epoch.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # no glibc
        return False
    return bool(mallopt(_M_MMAP_MAX, 0) and mallopt(_M_TRIM_THRESHOLD, _NEVER))


def peak_bytes(step: Callable[[], object], device: torch.device) -> int:
    """Most bytes that were allocated while `step` ran, beyond what was before.

    On a CPU the allocator counts for torch's profiler only, which takes seconds to start.

    step: called once. device: of its tensors. Returns 0 if nothing was allocated.
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
