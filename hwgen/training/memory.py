"""How the C library hands out memory."""

import ctypes

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
