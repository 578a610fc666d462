"""Whether the memory of this process may be dumped."""

import ctypes
import sys


def dumpable() -> int | None:
    """Return what prctl(2) says of this process, on Linux."""
    pr_get_dumpable = 3
    if sys.platform != "linux":
        return None
    return int(ctypes.CDLL(None).prctl(pr_get_dumpable, 0, 0, 0, 0))
