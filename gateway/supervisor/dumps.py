"""Keeps the memory of a process, keys and prompts in it, out of core files."""

import ctypes
import resource
import sys
from typing import Final

_PR_SET_DUMPABLE: Final = 4  # prctl(2)


def forbid_core_dumps() -> None:
    """Let this process write no core file, and on Linux let nobody of its own user look into it.

    The limit is inherited by children, the rest is not: each process calls this for itself. From
    then on a debugger (gdb, py-spy) needs root, and /proc/<pid> of this process belongs to root.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        # Fails only where a sandbox forbids the call; the limit above holds all the same.
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
